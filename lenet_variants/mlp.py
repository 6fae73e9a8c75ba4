"""The MLP family: what is left of a LeNet without convolutions, down to softmax regression.

Called through `builders.build` with levels that the card has checked. Knows nothing of matching:
a size-matched MLP is this one with hidden sizes that `measure.match` found.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

from torch import nn

from lenet_variants.blocks import DenseLevels, dense_layers
from lenet_variants.card import Shape
from lenet_variants.levels import Value


def build(input_shape: Shape, n_classes: int, levels: Mapping[str, Value]) -> nn.Sequential:
    """Fully connected layers on the flattened image.

    Args:
        input_shape: (channels, height, width) of one image.
        n_classes: Number of logits.
        levels: All levels of the family, resolved.

    Shape:
        images (N, C, H, W) float32; logits (N, n_classes) float32.

    Source:
        Dive into Deep Learning, first Chinese edition, sections 3.7 (no hidden layer) and 3.10.
    """
    dense = cast("DenseLevels", levels)
    return nn.Sequential(OrderedDict(dense_layers(math.prod(input_shape), n_classes, dense)))
