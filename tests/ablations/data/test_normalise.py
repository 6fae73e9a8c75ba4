from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ablations.data import affine
from ablations.data.dataset import Dataset
from ablations.data.normalise import Normalisation, pixel_moments

Make = Callable[..., Dataset]


@pytest.mark.parametrize(
    ("normalise", "of_0", "of_255"), [("unit", 0.0, 1.0), ("lecun1998", -0.1, 1.175)]
)
def test_fixed_ranges_reach_their_ends(
    make_dataset: Make, normalise: Normalisation, of_0: float, of_255: float
):
    scale, shift = affine(make_dataset(shape=(2, 4, 4)), normalise)

    assert scale.shape == shift.shape == (2, 1, 1)
    assert scale.dtype == shift.dtype == torch.float32
    assert shift.flatten().tolist() == pytest.approx([of_0] * 2)
    assert (scale * 255 + shift).flatten().tolist() == pytest.approx([of_255] * 2)


def test_standard_gives_each_channel_mean_0_and_deviation_1(make_dataset: Make):
    dataset = make_dataset(shape=(3, 6, 8))
    dimmed = dataset.train_images.clone()
    dimmed[:, 1] //= 4

    scale, shift = affine(replace(dataset, train_images=dimmed), "standard")

    inputs = (dimmed * scale + shift).double()
    assert inputs.mean(dim=(0, 2, 3)).abs().max() < 1e-6
    assert inputs.std(dim=(0, 2, 3), correction=0).tolist() == pytest.approx([1] * 3, abs=1e-6)


def test_a_constant_channel_becomes_zero_and_not_infinite(make_dataset: Make):
    dataset = replace(make_dataset(), train_images=torch.full((60, 1, 6, 8), 7, dtype=torch.uint8))

    scale, shift = affine(dataset, "standard")

    assert (dataset.train_images * scale + shift).unique().tolist() == [0.0]


def test_moments_by_hand():
    mean, deviation = pixel_moments(torch.tensor([[[[0, 255]]], [[[0, 1]]]], dtype=torch.uint8))

    assert mean.tolist() == [64.0]
    assert deviation.tolist() == pytest.approx([(64**2 * 2 + 191**2 + 63**2) ** 0.5 / 2])
