"""The LeNet family: one network built from its levels, whatever its name in the catalogue.

Called through `builders.build` with levels that the card has checked. Weights are PyTorch's
defaults: initialisation belongs to the recipe of a study, not to the architecture.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import TypedDict, cast

from torch import nn

from lenet_variants.blocks import ACTIVATIONS, POOLINGS, NamedLayer, dense_layers, window_output
from lenet_variants.card import Shape, Value

POOL = 2  # window and stride, in every LeNet


class LeNetLevels(TypedDict):
    """The levels of the family, as `Card.resolve` returns them."""

    activation: str
    pooling: str
    channels: tuple[int, ...]
    kernel_size: int | tuple[int, ...]
    padding: int | tuple[int, ...]
    hidden: tuple[int, ...]


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
    convolutions, features = _convolutions(input_shape, lenet)
    head = dense_layers(
        math.prod(features),
        lenet["hidden"],
        n_classes,
        activation=lenet["activation"],
        first_act=len(lenet["channels"]) + 1,
    )
    return nn.Sequential(OrderedDict([*convolutions, *head]))


def _convolutions(input_shape: Shape, lenet: LeNetLevels) -> tuple[list[NamedLayer], Shape]:
    """The convolution blocks, and the (channels, height, width) they turn an image into."""
    layers: list[NamedLayer] = []
    size = input_shape
    n_blocks = len(lenet["channels"])
    kernels = _per_block(lenet["kernel_size"], n_blocks)
    paddings = _per_block(lenet["padding"], n_blocks)
    blocks = zip(lenet["channels"], kernels, paddings, strict=True)
    for number, (n_channels, kernel, padding) in enumerate(blocks, start=1):
        conv, pool = f"conv{number}", f"pool{number}"
        _, height, width = window_output(conv, size, window=kernel, padding=padding)
        layers.append((conv, nn.Conv2d(size[0], n_channels, kernel, padding=padding)))
        layers.append((f"act{number}", ACTIVATIONS[lenet["activation"]]()))
        size = (n_channels, height, width)
        if lenet["pooling"] != "none":
            size = window_output(pool, size, window=POOL, stride=POOL)
            layers.append((pool, POOLINGS[lenet["pooling"]](POOL, POOL)))
    return layers, size


def _per_block(value: int | tuple[int, ...], n_blocks: int) -> tuple[int, ...]:
    return (value,) * n_blocks if isinstance(value, int) else value
