"""The rules by which a recipe draws weights, on every kind of layer."""

from __future__ import annotations

import typing

import pytest
import torch
from torch import nn

import lenet_variants
from ablations.spec import Recipe
from lenet_variants.errors import VariantError
from lenet_variants.initialisation import INITS, initialise
from lenet_variants.layers import C3_TABLE, LocalConv2d, Subsampling, TableConv2d

FAN_IN = 150  # 6 maps of 5x5


@pytest.fixture
def layers():
    torch.manual_seed(5)
    window = (5, 1, 0)
    return nn.ModuleDict(
        {
            "conv": nn.Conv2d(6, 16, 5),
            "linear": nn.Linear(FAN_IN, 400),
            "local": LocalConv2d((6, 14, 14), (16, 10, 10), window, "unit"),
            "table": TableConv2d((6, 14, 14), (16, 10, 10), window, "map", C3_TABLE),
            "subsampling": Subsampling(100),
            "norm": nn.BatchNorm2d(6),
        }
    )


def initialised(layers, rule):
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    initialise(layers, rule)
    state = layers.state_dict()
    return state, {name for name in state if not torch.equal(state[name], before[name])}


def test_recipes_can_name_every_rule():
    annotation = Recipe.model_fields["init"].annotation
    assert typing.get_args(annotation) == INITS


def test_the_default_draws_nothing(layers):
    drawn = torch.get_rng_state()
    _, moved = initialised(layers, "default")
    assert not moved
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("rule", ["xavier_uniform", "kaiming"])
def test_modern_rules_draw_weights_and_leave_biases(layers, rule):
    _, moved = initialised(layers, rule)
    assert moved == {"conv.weight", "linear.weight", "local.weight", "table.weight"}


def test_xavier_bounds_are_those_of_the_fans(layers):
    state, _ = initialised(layers, "xavier_uniform")
    bound = (6 / (FAN_IN + 16 * 25)) ** 0.5
    for name in ("conv.weight", "local.weight"):
        assert 0.95 * bound < state[name].abs().max() <= bound
    # a map of C3 that sees 3 maps, each of which feeds 10
    assert state["table.weight"][:18].abs().max() <= (6 / (3 * 25 + 10 * 25)) ** 0.5
    assert state["table.weight"][:18].abs().max() > bound


def test_kaiming_deviations_are_those_of_the_fan_in(layers):
    state, _ = initialised(layers, "kaiming")
    deviation = (2 / FAN_IN) ** 0.5
    for name in ("conv.weight", "linear.weight", "local.weight"):
        assert state[name].std().item() == pytest.approx(deviation, rel=0.05)
    assert state["table.weight"][:18].std().item() == pytest.approx((2 / 75) ** 0.5, rel=0.1)


@pytest.mark.parametrize(("rule", "power"), [("lecun1998", 1.0), ("lecun1998_sqrt", 0.5)])
def test_the_1998_rule_draws_everything_within_its_bound(layers, rule, power):
    state, moved = initialised(layers, rule)
    assert moved == {name for name in state if not name.startswith("norm")}
    bound = 2.4 / FAN_IN**power
    for name in ("conv.weight", "linear.weight", "linear.bias", "local.weight", "local.bias"):
        assert 0.9 * bound < state[name].abs().max() <= bound
    assert 0.8 * 2.4 / 75**power < state["table.weight"][:18].abs().max() <= 2.4 / 75**power
    assert state["table.bias"][0].abs() <= 2.4 / 75**power
    assert 0.9 * 2.4 / 4**power < state["subsampling.weight"].abs().max() <= 2.4 / 4**power


def test_every_weighted_layer_of_lenet5_1998_is_drawn_by_its_rule():
    model = lenet_variants.create("lenet5-1998", (1, 32, 32))
    _, moved = initialised(model, "lecun1998")
    assert moved == {name for name, _ in model.named_parameters()}


def test_an_unknown_rule_is_refused():
    with pytest.raises(VariantError, match=r"init: expected one of default, .*, got 'xavier'"):
        initialise(nn.Linear(1, 1), "xavier")
