"""Moved pixels: against numpy by hand, and a draw for every generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.augmentation import AUGMENTATIONS, CROP_PIXELS, SHIFT_PIXELS, flip, rotate, translate
from ablations.spec import Recipe


def images(n=6, channels=2, height=7, width=5, dtype=torch.uint8):
    pixels = np.random.default_rng(0).integers(1, 256, (n, channels, height, width))
    return torch.from_numpy(pixels).to(dtype)


def moved_by_hand(image, down, right):
    """numpy's roll, with what came round wiped out."""
    moved = np.roll(image, (down, right), axis=(1, 2))
    _, height, width = image.shape
    rows, columns = np.arange(height) - down, np.arange(width) - right
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return np.where(inside, moved, 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=6, max_size=6))
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_translate_is_numpy_roll_with_zeros_coming_in(dtype, moves):
    pixels = images(dtype=dtype)
    down, right = torch.tensor(moves).T
    moved = translate(pixels, down, right)
    by_hand = [moved_by_hand(p, *move) for p, move in zip(pixels.numpy(), moves, strict=True)]
    assert moved.dtype == dtype
    assert moved.is_contiguous()
    np.testing.assert_array_equal(moved.numpy(), by_hand)


def test_translate_by_hand():
    image = torch.tensor([[[[1, 2, 3], [4, 5, 6]]]])
    assert translate(image, torch.tensor([1]), torch.tensor([0])).tolist() == [
        [[[0, 0, 0], [1, 2, 3]]]
    ]
    assert translate(image, torch.tensor([0]), torch.tensor([-1])).tolist() == [
        [[[2, 3, 0], [5, 6, 0]]]
    ]


def test_translate_by_nothing_is_the_identity():
    still = torch.zeros(6, dtype=torch.int64)
    assert torch.equal(translate(images(), still, still), images())


def test_translating_there_and_back_wipes_only_the_edge():
    two = torch.full((6,), 2)
    back = translate(translate(images(), two, two), -two, -two)
    assert torch.equal(back[:, :, :-2, :-2], images()[:, :, :-2, :-2])
    assert not back[:, :, -2:].any()
    assert not back[:, :, :, -2:].any()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_same_generator_same_images_and_another_others(name):
    augment, pixels = AUGMENTATIONS[name], images(n=32)
    first = augment(pixels, np.random.default_rng(1))
    assert torch.equal(first, augment(pixels, np.random.default_rng(1)))
    assert not torch.equal(first, augment(pixels, np.random.default_rng(2)))
    assert first.shape == pixels.shape


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_leaves_its_input_alone(name):
    pixels = images()
    AUGMENTATIONS[name](pixels, np.random.default_rng(1))
    assert torch.equal(pixels, images())


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_image_gets_a_draw_of_its_own(name):
    alike = images(n=1).expand(64, -1, -1, -1)
    results = AUGMENTATIONS[name](alike, np.random.default_rng(1)).flatten(1)
    assert len(results.unique(dim=0)) > 1


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_two_batches_of_one_generator_differ(name):
    rng, pixels = np.random.default_rng(1), images(n=32)
    assert not torch.equal(AUGMENTATIONS[name](pixels, rng), AUGMENTATIONS[name](pixels, rng))


@pytest.mark.parametrize(("name", "reach"), [("shift", SHIFT_PIXELS), ("crop", CROP_PIXELS)])
def test_shift_and_crop_reach_every_offset_up_to_theirs_and_none_beyond(name, reach):
    side = 2 * CROP_PIXELS + 3
    spot = torch.zeros(4000, 1, side, side, dtype=torch.uint8)
    spot[:, :, side // 2, side // 2] = 1
    moved = AUGMENTATIONS[name](spot, np.random.default_rng(0))
    _, _, rows, columns = moved.nonzero(as_tuple=True)
    everything = set(range(-reach, reach + 1))
    offsets = {(int(r) - side // 2, int(c) - side // 2) for r, c in zip(rows, columns, strict=True)}
    assert offsets == {(down, right) for down in everything for right in everything}


def test_flip_mirrors_about_half_of_the_images_and_leaves_the_others():
    pixels = images(n=1000)
    flipped = flip(pixels, np.random.default_rng(0))
    mirrored = (flipped == pixels.flip(3)).flatten(1).all(dim=1)
    assert torch.equal(flipped[~mirrored], pixels[~mirrored])
    assert 450 < int(mirrored.sum()) < 550  # sd 16


class Always:
    """A generator that draws one place of every range: 0 is its low end, 1 its high end."""

    def __init__(self, place):
        self.place = place

    def uniform(self, low, high, size):
        return np.full(size, low + self.place * (high - low))


def test_rotate_by_nothing_is_the_identity():
    torch.testing.assert_close(rotate(images(), Always(0.5)), images().float(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [(9, 9), (9, 5), (5, 9)])
def test_rotate_keeps_shapes_by_turning_in_pixels_not_in_sides(shape, monkeypatch):
    # A quarter turn of a centred 3x3 block is numpy's rot90, whatever the image's ratio of sides.
    monkeypatch.setattr("ablations.augmentation.ROTATION_DEGREES", 90.0)
    height, width = shape
    image = torch.zeros(1, 1, height, width)
    block = torch.arange(1.0, 10.0).reshape(3, 3)
    top, left = height // 2 - 1, width // 2 - 1
    image[0, 0, top : top + 3, left : left + 3] = block
    turned = rotate(image, Always(1.0))[0, 0, top : top + 3, left : left + 3]
    either = [torch.rot90(block, 1), torch.rot90(block, -1)]
    assert any(torch.allclose(turned, option, atol=1e-4) for option in either)


def test_augmentations_are_those_a_recipe_may_name():
    words = Recipe.model_json_schema()["properties"]["augmentation"]["enum"]
    assert {"none", *AUGMENTATIONS} == set(words)
