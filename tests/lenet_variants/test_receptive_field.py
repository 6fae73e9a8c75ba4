"""Receptive fields against what a perturbed pixel really reaches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lenet_variants.layers import LocalConv2d, ScaledTanh, Subsampling, TableConv2d
from lenet_variants.receptive_field import Field, after

WHOLE = (40, 40)


def seen_by_one_unit(layers: list[nn.Module]) -> tuple[int, int]:
    """Height and width of the pixels with a gradient from the middle unit."""
    image = torch.rand(1, 1, *WHOLE, requires_grad=True)
    x = image
    for layer in layers:
        for weight in layer.parameters():
            nn.init.uniform_(weight, 0.1, 1.0)  # positive, so that no path cancels
        x = layer(x)
    x[0, 0, x.shape[2] // 2, x.shape[3] // 2].backward()
    touched = image.grad[0, 0] != 0
    return int(touched.any(dim=1).sum()), int(touched.any(dim=0).sum())


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(1, 1, 5)],
        [nn.Conv2d(1, 1, 5), nn.Sigmoid(), nn.AvgPool2d(2, 2), nn.Conv2d(1, 1, 5)],
        [nn.Conv2d(1, 1, (3, 5), stride=(2, 1)), nn.AvgPool2d(3, 2)],
        [nn.Conv2d(1, 1, 3, dilation=2, padding=2), nn.Conv2d(1, 1, 3, stride=2)],
        [Subsampling(1), ScaledTanh(), nn.Conv2d(1, 1, 3)],
        [LocalConv2d((1, 40, 40), (1, 18, 18), (5, 2, 0), "unit"), Subsampling(1)],
        [TableConv2d((1, 40, 40), (1, 20, 20), (5, 2, 2), "unit", [[0]]), nn.Conv2d(1, 1, 3)],
        [nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)],
    ],
)
def test_is_what_gradients_reach(layers):
    field, x = Field(), torch.zeros(1, 1, *WHOLE)
    for layer in layers:
        x = layer(x)
        field = after(layer, field, x, WHOLE)
    squashing = (nn.Sigmoid, ScaledTanh)
    dense_pixels = [layer for layer in layers if not isinstance(layer, squashing)]
    assert field.clipped(WHOLE) == seen_by_one_unit(dense_pixels)


def test_an_unknown_layer_has_none_and_so_has_what_follows():
    image = torch.zeros(1, 1, *WHOLE)
    assert after(nn.PixelUnshuffle(2), Field(), image, WHOLE) is None
    assert after(nn.Conv2d(1, 1, 5), None, image, WHOLE) is None


def test_a_fully_connected_layer_sees_the_whole_image():
    assert after(nn.Linear(4, 2), None, torch.zeros(1, 2), WHOLE) == Field(size=WHOLE)


def test_is_clipped_to_the_image():
    assert Field(size=(50, 12)).clipped(WHOLE) == (40, 12)


@pytest.mark.parametrize("layer", [nn.GroupNorm(1, 1), nn.AdaptiveAvgPool2d(1)])
def test_what_averages_a_map_sees_all_of_it(layer):
    assert after(layer, Field(), torch.zeros(1, 1, 3, 3), WHOLE).size == WHOLE


def test_an_overlapping_and_an_l2_window_see_what_they_cover():
    image = torch.zeros(1, 1, *WHOLE)
    assert after(nn.MaxPool2d(3, 2), Field(), image, WHOLE) == Field((3, 3), (2, 2))
    assert after(nn.LPPool2d(2, 2, 2), Field(), image, WHOLE) == Field((2, 2), (2, 2))
