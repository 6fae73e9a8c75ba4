"""Receptive fields against what a perturbed pixel really reaches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
    ],
)
def test_is_what_gradients_reach(layers):
    field, x = Field(), torch.zeros(1, 1, *WHOLE)
    for layer in layers:
        x = layer(x)
        field = after(layer, field, x, WHOLE)
    dense_pixels = [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.AvgPool2d)]
    assert field.size == seen_by_one_unit(dense_pixels)


def test_an_unknown_layer_has_none_and_so_has_what_follows():
    image = torch.zeros(1, 1, *WHOLE)
    assert after(nn.PixelUnshuffle(2), Field(), image, WHOLE) is None
    assert after(nn.Conv2d(1, 1, 5), None, image, WHOLE) is None


def test_a_fully_connected_layer_sees_the_whole_image():
    assert after(nn.Linear(4, 2), None, torch.zeros(1, 2), WHOLE) == Field(size=WHOLE)


def test_is_clipped_to_the_image():
    assert Field(size=(50, 12)).clipped(WHOLE) == (40, 12)
