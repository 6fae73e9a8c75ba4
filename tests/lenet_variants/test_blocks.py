"""Sizes and names of the layers that families are made of."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lenet_variants import blocks, card
from lenet_variants.errors import VariantError


def test_every_word_of_a_card_has_its_layer():
    assert set(blocks.ACTIVATIONS) == set(card.ACTIVATIONS)
    assert {*blocks.POOLINGS, "none"} == set(card.POOLINGS)


@settings(max_examples=60, deadline=None)
@given(
    sides=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    window=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
)
def test_window_output_is_what_torch_makes(sides, window, stride, padding):
    image = torch.zeros(1, 2, *sides, device="meta")
    conv = nn.Conv2d(2, 2, window, stride=stride, padding=padding, device="meta")
    if min(sides) + 2 * padding < window:
        with pytest.raises(VariantError, match=f"conv1: .*at least {window}x{window}"):
            blocks.window_output(
                "conv1", (2, *sides), window=window, stride=stride, padding=padding
            )
    else:
        size = blocks.window_output(
            "conv1", (2, *sides), window=window, stride=stride, padding=padding
        )
        assert size == tuple(conv(image).shape[1:])


def test_a_window_that_does_not_fit_names_layer_and_sizes():
    with pytest.raises(VariantError, match=r"^pool2: .*2x2 window, got 1x4 with padding 0; use"):
        blocks.window_output("pool2", (16, 1, 4), window=2, stride=2)


def test_dense_layers_are_named_and_numbered():
    layers = list(blocks.dense_layers(12, (8, 4), 3, activation="tanh", first_act=3))
    assert [name for name, _ in layers] == ["flatten", "fc1", "act3", "fc2", "act4", "output"]
    assert nn.Sequential(*(layer for _, layer in layers))(torch.zeros(2, 3, 2, 2)).shape == (2, 3)
