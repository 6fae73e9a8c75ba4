"""What every registered variant promises; registering one enrols it here."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

import lenet_variants
from lenet_variants import catalogue, measure

BUILT_IN = catalogue.names()
pytestmark = [pytest.mark.contract, pytest.mark.parametrize("name", BUILT_IN)]


def network(name: str, seed: int = 0) -> torch.nn.Module:
    found = catalogue.find(name)
    torch.manual_seed(seed)
    return lenet_variants.create(name, found.native_input, found.n_classes)


def test_gives_one_row_of_float_logits_an_image(name):
    found = catalogue.find(name)
    logits = network(name)(torch.rand(3, *found.native_input))
    assert logits.shape == (3, found.n_classes)
    assert logits.dtype is torch.float32


def test_counted_parameters_are_the_real_ones(name):
    found = catalogue.find(name)
    counts = measure.count(name, {}, found.native_input, found.n_classes)
    assert counts.n_parameters == sum(one.numel() for one in network(name).parameters())


def test_loss_is_finite_and_reaches_every_parameter(name):
    found = catalogue.find(name)
    model = network(name)
    images, labels = torch.rand(4, *found.native_input), torch.arange(4)
    loss = cross_entropy(model(images), labels)
    loss.backward()
    assert torch.isfinite(loss)
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.any(), parameter_name


def test_equal_seeds_give_equal_weights_and_others_do_not(name):
    first, again, other = (network(name, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not any(torch.equal(first[key], other[key]) for key in first)


def test_is_its_family_but_for_its_declared_levels(name):
    found = catalogue.find(name)
    declared = found.identity(found.resolve({}))
    by_hand = lenet_variants.create(found.family, found.native_input, found.n_classes, **declared)
    assert str(network(name)) == str(by_hand)
    family = catalogue.find(found.family)
    assert family.identity(family.resolve({})) == {}
    assert bool(declared) == (name != found.family)


def test_layers_carry_the_contract_names(name):
    found = catalogue.find(name)
    layers = measure.describe(name, {}, found.native_input, found.n_classes)["layers"]
    rows = [layer["name"] for layer in layers]
    assert rows == [child for child, _ in network(name).named_children()]
    assert rows[-1] == "output"


def test_card_says_what_it_is_and_where_from(name):
    found = catalogue.find(name)
    assert found.summary
    assert found.source
    assert found.plugin_digest is None
