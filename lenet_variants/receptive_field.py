"""How much of the image one unit of a layer sees, layer by layer.

Called by `trace`, which follows the tensors. A layer that is not known here has no receptive
field rather than a guessed one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from lenet_variants.blocks import ACTIVATIONS
from lenet_variants.layers import LocalConv2d, RadialBasis, Subsampling, TableConv2d

Pair = tuple[int, int]

# Layers after which a unit sees what the unit before it saw. Dropout and batch normalisation do
# so when a network is evaluated, which is how it is traced.
_POINTWISE = (
    *(kind for kind in ACTIVATIONS.values() if isinstance(kind, type)),
    nn.Flatten,
    nn.Dropout,
    nn.Dropout2d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
)
_WHOLE = (nn.AdaptiveAvgPool2d, nn.GroupNorm)  # each unit of a map depends on all of the map
_WINDOWS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d, TableConv2d, LocalConv2d)


@dataclass(frozen=True)
class Field:
    """The pixels one unit sees, and how far its neighbour's lie from them.

    Units: input pixels, (height, width).
    """

    size: Pair = (1, 1)
    step: Pair = (1, 1)

    def through(self, window: Pair, stride: Pair, dilation: Pair) -> Field:
        """The field of a unit whose window covers several units of this field."""
        reach = [(w - 1) * d for w, d in zip(window, dilation, strict=True)]
        return Field(
            size=_pair([s + r * j for s, r, j in zip(self.size, reach, self.step, strict=True)]),
            step=_pair([j * s for j, s in zip(self.step, stride, strict=True)]),
        )

    def clipped(self, whole: Pair) -> Pair:
        """Its size in an image of height and width `whole`."""
        return _pair([min(s, w) for s, w in zip(self.size, whole, strict=True)])


def after(
    module: nn.Module, field: Field | None, output: torch.Tensor, whole: Pair
) -> Field | None:
    """The field of the units of `output`, which `module` made of units with `field`.

    Args:
        module: A layer.
        field: What its input sees; None if that is not known.
        output: What it returned, with its batch dimension.
        whole: Height and width of the image.
    """
    if isinstance(module, nn.Linear | RadialBasis) and output.dim() == 2:  # noqa: PLR2004 (vectors)
        return Field(size=whole)
    if field is None:
        return None
    if isinstance(module, _WINDOWS):
        dilation = module.dilation if isinstance(module, nn.Conv2d | nn.MaxPool2d) else 1
        return field.through(_both(module.kernel_size), _both(module.stride), _both(dilation))
    if isinstance(module, Subsampling):
        return field.through(_both(module.window), _both(module.window), _both(1))
    if isinstance(module, _WHOLE):
        return replace(field, size=whole)
    return field if isinstance(module, _POINTWISE) else None


def _both(value: int | tuple[int, ...]) -> Pair:
    return (value, value) if isinstance(value, int) else _pair(list(value))


def _pair(values: list[int]) -> Pair:
    height, width = values
    return height, width
