"""What a network is made of, and in which parts two networks differ.

Called by the contract of the variants and by plans, which say before a training what an arm
changes. Works without numbers, like `measure`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from lenet_variants import measure
from lenet_variants.card import Shape
from lenet_variants.trace import Layer

# What PyTorch's layers show of the sizes they take, which follow from the layers before them.
_TAKEN = {
    "Conv2d": re.compile(r"^\d+, "),
    "TableConv2d": re.compile(r"^\d+, "),
    "LocalConv2d": re.compile(r"^\d+, "),
    "Linear": re.compile(r"^in_features=\d+, "),
    "RadialBasis": re.compile(r"^\d+, "),
    "BatchNorm1d": re.compile(r"^\d+, "),
    "BatchNorm2d": re.compile(r"^\d+, "),
    "GroupNorm": re.compile(r"^\d+, \d+, "),
}


@dataclass(frozen=True)
class Part:
    """One layer of a network.

    Attributes:
        kind: Its class.
        settings: What it was made with, but for the sizes it takes from the layer before it.
        output_shape: Of one image, without the batch dimension.
        n_macs: Multiply-accumulates an image.
        parameter_shapes: The shape of each of its parameters, by name.
    """

    kind: str
    settings: str
    output_shape: tuple[int, ...]
    n_macs: int
    parameter_shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def n_parameters(self) -> int:
        """Numbers in its parameters."""
        return sum(math.prod(shape) for _, shape in self.parameter_shapes)


@dataclass(frozen=True)
class Difference:
    """The layers in which one network differs from another, in the order in which they run.

    Attributes:
        added: Layers that only the other has.
        removed: Layers that only the one has.
        replaced: Layers of another kind or with other settings.
        resized: Layers that are the same but for the sizes they take and give.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    resized: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str, ...]:
        """The layers that were changed, and did not only follow a change before them."""
        return (*self.removed, *self.replaced, *self.added)

    def __bool__(self) -> bool:
        return bool(self.own or self.resized)


def anatomy(
    name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
) -> dict[str, Part]:
    """The layers of a variant by name, in the order in which they run.

    Raises:
        VariantError: The variant, a level or the input is refused, or a layer has no output.
    """
    model, layers = measure.traced(name, levels, input_shape, n_classes)
    modules = dict(model.named_modules())
    return {layer.name: _part(modules.get(layer.name, model), layer) for layer in layers}


def difference(one: Mapping[str, Part], other: Mapping[str, Part]) -> Difference:
    """Where `other` differs from `one`."""
    shared = [name for name in one if name in other]
    made_alike = [name for name in shared if _made(one[name]) == _made(other[name])]
    return Difference(
        added=tuple(name for name in other if name not in one),
        removed=tuple(name for name in one if name not in other),
        replaced=tuple(name for name in shared if name not in made_alike),
        resized=tuple(name for name in made_alike if one[name] != other[name]),
    )


def _part(module: nn.Module, layer: Layer) -> Part:
    kind = type(module).__name__
    shown = module.extra_repr()
    taken = _TAKEN.get(kind)
    return Part(
        kind=kind,
        settings=taken.sub("", shown) if taken else shown,
        output_shape=layer.output_shape,
        n_macs=layer.n_macs,
        parameter_shapes=tuple(_shapes(module)),
    )


def _shapes(module: nn.Module) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, parameter in module.named_parameters(recurse=False):
        yield name, tuple(parameter.shape)


def _made(part: Part) -> tuple[str, str]:
    return part.kind, part.settings
