from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from ablations import data


def test_digits_need_no_download_and_say_whose_split_it_is():
    digits = data.load("digits", download=False)

    assert digits.input_shape == (1, 8, 8)
    assert (len(digits.train_labels), len(digits.test_labels)) == (1438, 359)
    assert digits.source.endswith("our split, a fifth of each class for testing")
    assert data.fetch("digits").is_file()


def test_the_split_is_stratified_and_always_the_same():
    digits = data.load("digits")

    shares = torch.bincount(digits.test_labels) / torch.bincount(digits.train_labels)
    assert ((shares - 0.25).abs() < 0.01).all()
    assert digits.digest == "281ff5991a862abab11a8c687dc31a5460132941e7d71856ef86b63b1726387c"


def test_values_are_stretched_to_bytes_and_none_is_lost():
    digits = data.load("digits")

    pixels = torch.cat([digits.train_images, digits.test_images]).flatten()
    original = torch.from_numpy(load_digits().images).flatten().long()
    by_value = original.bincount()
    assert pixels.long().bincount()[[round(v * 255 / 16) for v in range(17)]].equal(by_value)
