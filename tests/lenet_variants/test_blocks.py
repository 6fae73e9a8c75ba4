"""Sizes and names of the layers that families are made of."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lenet_variants import blocks, families
from lenet_variants.errors import VariantError


def test_every_word_of_a_card_has_its_layer():
    assert set(blocks.ACTIVATIONS) == set(families.ACTIVATIONS)
    assert {*blocks.POOLINGS, "none"} == set(families.POOLINGS)


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


DENSE: blocks.DenseLevels = {"activation": "tanh", "hidden": (8, 4), "norm": "none", "dropout": 0.0}


def dense(n_inputs, n_classes, *, n_before=0, output="linear", **levels):
    made = blocks.dense_layers(
        n_inputs, n_classes, {**DENSE, **levels}, n_before=n_before, output=output
    )
    return dict(made)


def test_dense_layers_are_named_and_numbered():
    layers = dense(12, 3, n_before=2)
    assert list(layers) == ["flatten", "fc1", "act3", "fc2", "act4", "output"]
    assert nn.Sequential(*layers.values())(torch.zeros(2, 3, 2, 2)).shape == (2, 3)


def test_normalisation_comes_before_and_dropout_after_each_activation():
    layers = dense(12, 3, norm="batch", dropout=0.25)
    assert list(layers) == [
        *("flatten", "fc1", "norm1", "act1", "drop1", "fc2", "norm2", "act2", "drop2", "output")
    ]
    assert layers["drop2"].p == 0.25
    assert isinstance(layers["norm1"], nn.BatchNorm1d)


@pytest.mark.parametrize(
    ("size", "n_groups"), [((6, 3, 3), 2), ((3,), 1), ((1, 2, 1), 1), ((2, 1, 2), 2)]
)
def test_groups_are_two_where_they_can_be_of_one_size(size, n_groups):
    ((name, layer),) = blocks.norm(4, "group", size)
    assert name == "norm4"
    assert layer.num_groups == n_groups


@pytest.mark.parametrize("size", [(1,), (2,), (1, 1, 1), (2, 1, 1)])
def test_a_group_of_one_value_is_refused(size):
    """It is its own mean, so that the network would give the same scores for every image."""
    with pytest.raises(VariantError, match=r"^norm3: expected two values or more in a group"):
        list(blocks.norm(3, "group", size))
    assert list(blocks.norm(3, "batch", size))


@pytest.mark.parametrize(
    ("word", "names", "size"),
    [
        ("max", ["pool2"], (6, 4, 3)),
        ("l2", ["pool2"], (6, 4, 3)),
        ("subsampling", ["pool2", "squash2"], (6, 4, 3)),
        ("strided_conv", ["pool2", "squash2"], (6, 4, 3)),
        ("overlapping_max", ["pool2"], (6, 4, 3)),
        ("none", [], (6, 9, 7)),
    ],
)
def test_pooling_says_what_it_leaves(word, names, size):
    layers, pooled = blocks.pool(2, (6, 9, 7), word, "relu")
    assert [name for name, _ in layers] == names
    made = nn.Sequential(*(layer for _, layer in layers))(torch.rand(1, 6, 9, 7))
    assert pooled == size == tuple(made.shape[1:])


def test_l2_pooling_is_the_root_of_the_sum_of_squares_with_a_gradient_where_all_is_zero():
    ((_, l2),), _ = blocks.pool(1, (1, 2, 2), "l2", "relu")
    assert l2(torch.tensor([[[[1.0, 2.0], [4.0, 2.0]]]])).item() == pytest.approx(5.0)
    zeros = torch.zeros(1, 1, 2, 2, requires_grad=True)
    l2(zeros).sum().backward()
    assert torch.isfinite(zeros.grad).all()


def test_overlapping_windows_share_a_row():
    ((_, pool),), _ = blocks.pool(1, (1, 5, 5), "overlapping_max", "relu")
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 2] = 1.0
    assert pool(image).flatten().tolist() == [1.0, 1.0, 1.0, 1.0]
