"""The probe `filters`: the weights and maps that are kept are those of the network."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from torch import nn

from ablations.probes.filters import MOST, filters
from lenet_variants import catalogue


def kept(one):
    with np.load(io.BytesIO(filters(one)), allow_pickle=False) as stored:
        return dict(stored)


def test_kernels_and_maps_of_a_convolution(probed):
    one = probed(n_images=3)
    found = kept(one)
    images, _ = one.test_sample()
    assert str(found["layer"]) == "conv1"
    weight = one.model.conv1.weight.detach()
    assert np.array_equal(found["filters"], weight[:, 0].numpy())
    assert np.array_equal(found["pixels"], images.numpy())
    assert np.array_equal(one.data.test_images[found["indices"]].numpy(), images.numpy())
    with torch.no_grad():
        maps = one.model.conv1(one.data.inputs(images))
    np.testing.assert_allclose(found["maps"], maps.numpy(), rtol=1e-6)


def test_units_of_an_mlp_are_images(probed):
    one = probed(n_images=2, control="mlp")
    found = kept(one)
    first = one.model.fc1.weight.detach()[:MOST].reshape(MOST, 8, 8)
    assert np.array_equal(found["filters"], first.numpy())
    assert found["maps"].shape == (2, 0, 0, 0)


def test_kernels_of_a_locally_connected_layer_are_those_at_the_middle(probed):
    levels = {"kernel_size": 3, "padding": 1, "weights": "local"}
    one = probed(control={"variant": "lenet", "levels": levels}, n_images=1)
    found = kept(one)
    assert found["filters"].shape == (6, 3, 3)
    # The middle unit of a map is its kernel times the patch there: 1 where a delta is put.
    spot = torch.zeros(1, 1, 8, 8)
    spot[0, 0, 4, 4] = 1.0
    layer = one.model.conv1
    with torch.no_grad():
        answer = (layer(spot) - layer(torch.zeros_like(spot)))[0, :, 4, 4]
    np.testing.assert_allclose(found["filters"][:, 1, 1], answer.numpy(), atol=1e-6)


@pytest.mark.parametrize("name", catalogue.names())
def test_every_variant_has_filters(probed, name):
    card = catalogue.find(name)
    dataset = {"name": "digits", "image_size": list(card.native_input[1:])}
    control = {"variant": name, "levels": {"hidden": [20]} if card.matched_to else {}}
    found = kept(probed(n_images=2, control=control, dataset=dataset))
    assert 0 < len(found["filters"]) <= MOST
    assert np.isfinite(found["filters"]).all()


def test_a_first_layer_without_weights_is_refused(probed):
    pooled = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 10))
    with pytest.raises(ValueError, match=r"must be a convolution .* got '0', a MaxPool2d; leave"):
        filters(probed(pooled))
