"""The MLP family."""

from __future__ import annotations

from torch import nn

import lenet_variants


def test_softmax_regression_is_one_linear_map():
    layers = dict(lenet_variants.create("softmax").named_children())
    assert list(layers) == ["flatten", "output"]
    assert (layers["output"].in_features, layers["output"].out_features) == (784, 10)


def test_activations_stand_between_the_hidden_layers():
    model = lenet_variants.create("mlp", (2, 3, 4), 5, hidden=[8, 7], activation="tanh")
    assert [name for name, _ in model.named_children()] == [
        *("flatten", "fc1", "act1", "fc2", "act2", "output")
    ]
    assert isinstance(model.act2, nn.Tanh)
    assert model.fc1.in_features == 24


def test_the_matched_mlp_follows_its_input():
    assert lenet_variants.create("mlp-matched").fc1.out_features == 56
    assert lenet_variants.create("mlp-matched", (3, 32, 32), 5).fc1.out_features == 20
    assert lenet_variants.create("mlp-matched", hidden=[9]).fc1.out_features == 9
