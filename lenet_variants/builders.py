"""Which function builds the networks of which family; the one place that makes a network.

The registry adds plug-ins, `measure` builds on the meta device, `create` for training. Knows
nothing of where levels come from: they arrive resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from lenet_variants import lenet, mlp
from lenet_variants.card import Card, Shape
from lenet_variants.errors import BuilderError, VariantError
from lenet_variants.levels import Value

Builder = Callable[[Shape, int, Mapping[str, Value]], nn.Module]

_BUILDERS: dict[str, Builder] = {"lenet": lenet.build, "mlp": mlp.build}


def add(family: str, builder: Builder) -> None:
    """Let `builder` make the networks of `family`."""
    _BUILDERS[family] = builder


def remove(family: str) -> None:
    """Forget a family again."""
    del _BUILDERS[family]


def build(card: Card, input_shape: Shape, n_classes: int, levels: Mapping[str, Value]) -> nn.Module:
    """The network of a card at resolved levels, with PyTorch's default weights.

    Raises:
        VariantError: The sizes are no sizes, or the network cannot be built for them.
    """
    _check_sizes(card.name, input_shape, n_classes)
    try:
        return _BUILDERS[card.family](input_shape, n_classes, levels)
    except BuilderError as error:
        raise BuilderError(f"{card.name} {error}") from error
    except VariantError as error:
        raise VariantError(f"{card.name} {error}") from error


def _check_sizes(where: str, input_shape: Shape, n_classes: int) -> None:
    sizes = [size for size in input_shape if type(size) is int and size >= 1]
    if len(input_shape) != 3 or len(sizes) != 3:  # noqa: PLR2004 (channels, height, width)
        raise VariantError(
            f"{where}: expected an input of (channels, height, width), integers >= 1, "
            f"got {input_shape!r}; give the shape of one image, like (1, 28, 28)"
        )
    if type(n_classes) is not int or n_classes < 1:
        raise VariantError(
            f"{where}: expected a number of classes >= 1, got {n_classes!r}; count the labels"
        )
