"""The LeNet family: one network built from its levels, whatever its name in the catalogue.

Called through `builders.build` with levels that the card has checked. Weights are PyTorch's
defaults: initialisation belongs to the recipe of a study, not to the architecture.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from torch import nn

from lenet_variants.blocks import (
    ACTIVATIONS,
    DenseLevels,
    NamedLayer,
    dense_layers,
    norm,
    pool,
    window_output,
)
from lenet_variants.card import Shape
from lenet_variants.layers import TABLES, LocalConv2d, TableConv2d, every_map
from lenet_variants.levels import Value, each_block


class LeNetLevels(DenseLevels):
    """The levels of the family, as `Card.resolve` returns them."""

    pooling: str
    channels: tuple[int, ...]
    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...]
    padding: int | tuple[int, ...]
    head: str
    connections: str
    weights: str | tuple[str, ...]
    bias: str
    output: str


@dataclass(frozen=True)
class _Block:
    """One convolution block's own levels; `number` counts from 1."""

    number: int
    n_maps: int
    kernel_size: int
    stride: int
    padding: int
    weights: str


def build(input_shape: Shape, n_classes: int, levels: Mapping[str, Value]) -> nn.Sequential:
    """Blocks of convolution, activation and pooling; then fully connected layers.

    Args:
        input_shape: (channels, height, width) of one image.
        n_classes: Number of logits.
        levels: All levels of the family, resolved.

    Raises:
        VariantError: The images are too small; names the layer that has no output.

    Shape:
        images (N, C, H, W) float32; logits (N, n_classes) float32.

    Source:
        Dive into Deep Learning, first Chinese edition, section 5.5, for the default levels.
    """
    lenet = cast("LeNetLevels", levels)
    layers: list[NamedLayer] = []
    size = input_shape
    for block in _blocks(lenet, levels):
        made, size = _block_layers(block, size, lenet)
        layers += made
    if lenet["head"] == "gap":
        layers.append(("gap", nn.AdaptiveAvgPool2d(1)))
        size = (size[0], 1, 1)
    n_before, output = len(lenet["channels"]), lenet["output"]
    layers += dense_layers(math.prod(size), n_classes, lenet, n_before=n_before, output=output)
    return nn.Sequential(OrderedDict(layers))


def _blocks(lenet: LeNetLevels, levels: Mapping[str, Value]) -> Iterator[_Block]:
    n_blocks = len(lenet["channels"])
    names = ("kernel_size", "stride", "padding", "weights")
    columns = [each_block(levels[name], n_blocks) for name in names]
    for number, (n_maps, *own) in enumerate(zip(lenet["channels"], *columns, strict=True), start=1):
        yield _Block(number, n_maps, *own)


def _block_layers(block: _Block, size: Shape, lenet: LeNetLevels) -> tuple[list[NamedLayer], Shape]:
    """The layers of one block, and the (channels, height, width) they turn `size` into."""
    conv = f"conv{block.number}"
    _, height, width = window_output(
        conv, size, window=block.kernel_size, stride=block.stride, padding=block.padding
    )
    maps = (block.n_maps, height, width)
    layers = [
        (conv, _convolution(block, size, maps, lenet)),
        *norm(block.number, lenet["norm"], maps),
        (f"act{block.number}", ACTIVATIONS[lenet["activation"]]()),
    ]
    pooling, pooled = pool(block.number, maps, lenet["pooling"], lenet["activation"])
    return [*layers, *pooling], pooled


def _convolution(block: _Block, size: Shape, maps: Shape, lenet: LeNetLevels) -> nn.Module:
    """PyTorch's own convolution wherever it can say it."""
    window = (block.kernel_size, block.stride, block.padding)
    bias = lenet["bias"]
    if block.weights == "local":
        return LocalConv2d(size, maps, window, bias)
    table = lenet["connections"] if block.number == 2 else "full"  # noqa: PLR2004 (C3, H2)
    if table == "full" and bias != "unit":
        n_inputs = size[0]
        return nn.Conv2d(n_inputs, block.n_maps, *window, bias=bias == "map")
    links = every_map(size[0], block.n_maps) if table == "full" else TABLES[table]
    return TableConv2d(size, maps, window, bias, links)
