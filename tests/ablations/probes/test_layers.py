"""Which modules are layers, and what is seen of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ablations.probes.layers import each_output, layers
from lenet_variants import catalogue
from lenet_variants.registry import create


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"norm": "batch", "dropout": 0.5}, "conv1 pool1 conv2 pool2 fc1 fc2 output"),
        ({"pooling": "subsampling"}, "conv1 pool1 conv2 pool2 fc1 fc2 output"),
        ({"pooling": "none", "hidden": [], "head": "gap"}, "conv1 conv2 gap output"),
        ({"activation": "identity", "norm": "group"}, "conv1 pool1 conv2 pool2 fc1 fc2 output"),
    ],
)
def test_layers_have_units_of_their_own(levels, expected):
    assert list(layers(create("lenet", **levels))) == expected.split()


@pytest.mark.parametrize("name", catalogue.names())
def test_every_layer_of_every_variant_is_seen_in_the_order_in_which_they_run(name):
    card = catalogue.find(name)
    model = create(name, card.native_input, card.n_classes).eval()
    seen = []
    with each_output(model, lambda layer, output: seen.append((layer, output.shape[0]))):
        model(torch.zeros(2, *card.native_input))
    assert seen == [(layer, 2) for layer in layers(model)]


def test_nothing_is_seen_after_the_context_is_left():
    model, seen = nn.Sequential(nn.Linear(2, 2)), []
    with pytest.raises(RuntimeError), each_output(model, lambda *found: seen.append(found)):
        raise RuntimeError
    model(torch.zeros(1, 2))
    assert seen == []
