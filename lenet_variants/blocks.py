"""What the families are made of: named activations and poolings, and layers that fit their input.

Called by the families' builders. Sizes are worked out here and checked before a layer is made,
so that an image too small for a network is refused by the name of the layer where it vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import nn

from lenet_variants.card import Shape
from lenet_variants.errors import VariantError

NamedLayer = tuple[str, nn.Module]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "identity": nn.Identity,
}
POOLINGS: dict[str, Callable[[int, int], nn.Module]] = {
    "max": nn.MaxPool2d,
    "avg": nn.AvgPool2d,
}


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
            "padding, a smaller kernel, fewer blocks or no pooling"
        )
    return channels, height, width


def dense_layers(
    n_inputs: int, hidden: tuple[int, ...], n_classes: int, *, activation: str, first_act: int
) -> Iterator[NamedLayer]:
    """Fully connected layers down to the logits: `flatten`, `fc1`, `act..`, ..., `output`.

    Args:
        n_inputs: Values of one flattened example.
        hidden: Units of each hidden layer; none leaves one linear map.
        n_classes: Number of logits.
        activation: A word of `ACTIVATIONS`, after each hidden layer.
        first_act: The number of the first activation; the network counts them from its input.
    """
    yield "flatten", nn.Flatten()
    for number, n_units in enumerate(hidden, start=1):
        yield f"fc{number}", nn.Linear(n_inputs, n_units)
        yield f"act{first_act + number - 1}", ACTIVATIONS[activation]()
        n_inputs = n_units
    yield "output", nn.Linear(n_inputs, n_classes)
