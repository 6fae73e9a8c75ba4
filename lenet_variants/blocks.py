"""What the families are made of: layers by the words of their levels, sized to their input.

Called by the families' builders. Sizes are worked out here and checked before a layer is made,
so that an image too small for a network is refused by the name of the layer where it vanishes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypedDict

from torch import nn

from lenet_variants.card import Shape
from lenet_variants.errors import VariantError
from lenet_variants.layers import RadialBasis, ScaledTanh, Subsampling

NamedLayer = tuple[str, nn.Module]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "scaled_tanh": ScaledTanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "identity": nn.Identity,
}

POOL = 2  # window and stride, but for the overlapping windows of 3
POOLINGS: dict[str, Callable[[int], nn.Module]] = {
    "max": lambda _: nn.MaxPool2d(POOL, POOL),
    "avg": lambda _: nn.AvgPool2d(POOL, POOL),
    "l2": lambda _: nn.LPPool2d(2, POOL, POOL),
    "subsampling": Subsampling,
    "strided_conv": lambda n_maps: nn.Conv2d(n_maps, n_maps, POOL, stride=POOL),
    "overlapping_max": lambda _: nn.MaxPool2d(POOL + 1, POOL),
}
SQUASHED = ("subsampling", "strided_conv")  # have weights, so an activation follows them


class DenseLevels(TypedDict):
    """The levels that make the fully connected layers, in every family."""

    activation: str
    hidden: tuple[int, ...]
    norm: str
    dropout: float


def window_output(
    layer: str, size: Shape, *, window: int, stride: int = 1, padding: int = 0
) -> Shape:
    """The (channels, height, width) after a square window has slid over `size`.

    Raises:
        VariantError: The window is larger than its padded input.
    """
    channels, *sides = size
    height, width = ((side + 2 * padding - window) // stride + 1 for side in sides)
    if height < 1 or width < 1:
        raise VariantError(
            f"{layer}: expected an input of at least {window}x{window} for its {window}x{window} "
            f"window, got {sides[0]}x{sides[1]} with padding {padding}; use larger images, more "
            "padding, a smaller kernel or stride, fewer blocks or no pooling"
        )
    return channels, height, width


def pool(number: int, size: Shape, word: str, activation: str) -> tuple[list[NamedLayer], Shape]:
    """The pooling of block `number`, and the (channels, height, width) it leaves of `size`."""
    if word == "none":
        return [], size
    window = POOL + 1 if word == "overlapping_max" else POOL
    pooled = window_output(f"pool{number}", size, window=window, stride=POOL)
    layers: list[NamedLayer] = [(f"pool{number}", POOLINGS[word](size[0]))]
    if word in SQUASHED:
        layers.append((f"squash{number}", ACTIVATIONS[activation]()))
    return layers, pooled


def norm(number: int, word: str, size: tuple[int, ...]) -> Iterator[NamedLayer]:
    """The normalisation after weights layer `number`: none, by batch, or in two groups.

    An odd number of features makes one group: groups are of equal size.

    Args:
        number: Of the layer.
        word: The level.
        size: Of one example: (maps, height, width), or (units,).

    Raises:
        VariantError: A group would hold one value, which is always its own mean.
    """
    n_features = size[0]
    if word == "batch":
        yield f"norm{number}", (nn.BatchNorm1d if len(size) == 1 else nn.BatchNorm2d)(n_features)
    elif word == "group":
        n_groups = math.gcd(n_features, 2)
        if math.prod(size) == n_groups:
            raise VariantError(
                f"norm{number}: expected two values or more in a group, got one in each of "
                f"{n_groups}, which normalisation makes 0 whatever it was; use more features "
                "there, or another norm"
            )
        yield f"norm{number}", nn.GroupNorm(n_groups, n_features)


def dense_layers(
    n_inputs: int, n_classes: int, levels: DenseLevels, *, n_before: int = 0, output: str = "linear"
) -> Iterator[NamedLayer]:
    """Fully connected layers down to the class scores: `flatten`, `fc1`, `act..`, ..., `output`.

    Args:
        n_inputs: Values of one flattened example.
        n_classes: Number of class scores.
        levels: The sizes of the hidden layers (none leaves one linear map) and what follows each.
        n_before: Activations before these layers; the network counts them from its input.
        output: "linear", or "rbf" for distances from fixed codes.
    """
    yield "flatten", nn.Flatten()
    for fc, n_units in enumerate(levels["hidden"], start=1):
        yield f"fc{fc}", nn.Linear(n_inputs, n_units)
        yield from norm(n_before + fc, levels["norm"], (n_units,))
        yield f"act{n_before + fc}", ACTIVATIONS[levels["activation"]]()
        if levels["dropout"]:
            yield f"drop{fc}", nn.Dropout(levels["dropout"])
        n_inputs = n_units
    output_layer = RadialBasis if output == "rbf" else nn.Linear
    yield "output", output_layer(n_inputs, n_classes)
