"""Names of layers told from levels are those that a built network has."""

from __future__ import annotations

import pytest
from torch import nn

from ablations.layer_names import layer_names
from ablations.probes.layers import layers
from lenet_variants import catalogue
from lenet_variants.registry import create, register_variant

LEVELS = [
    {},
    {"pooling": "none"},
    {"pooling": "strided_conv"},
    {"head": "gap", "hidden": []},
    {"channels": [4, 4, 4], "kernel_size": 3, "padding": 1},
]


@pytest.mark.parametrize(
    ("name", "levels"),
    [(name, {}) for name in catalogue.names()] + [("lenet", levels) for levels in LEVELS],
)
def test_names_are_those_of_the_network(name, levels):
    card = catalogue.find(name)
    model = create(name, card.native_input, card.n_classes, **levels)
    names, held = layer_names(name, levels), layers(model)
    assert sorted(names["all"]) == sorted(held)
    trained = [layer for layer, module in held.items() if list(module.parameters())]
    assert sorted(names["trained"]) == sorted(trained)


@pytest.mark.parametrize(
    ("activation", "group"), [("tanh", "bounded"), ("relu", "activated"), ("elu", None)]
)
def test_functions_that_can_saturate_or_die_follow_layers_with_weights(activation, group):
    names = layer_names("lenet", {"activation": activation})
    hidden = ["conv1", "conv2", "fc1", "fc2"]
    assert names["bounded"] == (hidden if group == "bounded" else [])
    assert names["activated"] == (hidden if group else [])
    pooled = layer_names("lenet", {"activation": "tanh", "pooling": "subsampling"})
    assert pooled["bounded"] == ["conv1", "conv2", "pool1", "pool2", "fc1", "fc2"]


@pytest.mark.parametrize(("name", "levels"), [("lenett", {}), ("lenet", {"channels": "many"})])
def test_nothing_is_known_of_what_is_refused(name, levels):
    assert not any(layer_names(name, levels).values())


@pytest.mark.usefixtures("forget_plugins")
def test_nothing_is_known_of_a_plug_in():
    @register_variant("own", source="this test")
    def own(input_shape, n_classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[1] * input_shape[2], n_classes))

    assert not any(layer_names("own", {}).values())
