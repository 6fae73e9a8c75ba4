"""The MLP family."""

from __future__ import annotations

import torch
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


def test_permuted_pixels_are_permuted_columns_of_the_first_layer():
    """What a flattened image means to an MLP: nothing that a fixed shuffle could take away."""
    torch.manual_seed(4)
    model = lenet_variants.create("mlp", (1, 28, 28))
    images = torch.rand(5, 1, 28, 28)
    order = torch.randperm(784)
    shuffled = images.flatten(1)[:, order].reshape_as(images)
    expected = model(images)
    assert not torch.allclose(model(shuffled), expected, atol=1e-2)
    with torch.no_grad():
        model.fc1.weight.copy_(model.fc1.weight[:, order])
    torch.testing.assert_close(model(shuffled), expected, atol=1e-5, rtol=1e-5)


def test_normalisation_and_dropout_are_levels_of_an_mlp_too():
    layers = dict(lenet_variants.create("mlp", norm="group", dropout=0.5).named_children())
    assert list(layers) == ["flatten", "fc1", "norm1", "act1", "drop1", "output"]
