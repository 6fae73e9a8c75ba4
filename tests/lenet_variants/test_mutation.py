"""The mutation test of the contract: a level that is idle, a namesake, or more than it says."""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from typing import Literal

import pytest
from torch import nn
from torch.nn import functional

import lenet_variants
from lenet_variants import blocks, builders, catalogue, families, measure, mlp
from lenet_variants.contract import check_variant

BUILT_IN = catalogue.names()


def tried(family, level):
    """The values of a level that some variant is changed to or from."""
    found = set()
    for name in BUILT_IN:
        card = catalogue.find(name)
        if card.family != family:
            continue
        own = card.levels[level]
        for value in own.neighbours(own.default):
            with contextlib.suppress(lenet_variants.VariantError):
                measure.count(name, {level: value}, card.native_input, card.n_classes)
                found |= {own.default, value}
    return found


@pytest.mark.contract
@pytest.mark.parametrize(
    ("family", "level"),
    [("lenet", level) for level in families.LENET_LEVELS]
    + [("mlp", level) for level in families.MLP_LEVELS],
)
def test_every_level_is_changed_to_every_word_on_some_variant(family, level):
    """A neighbour that is refused everywhere would never be seen to change anything."""
    own = catalogue.find(family).levels[level]
    assert tried(family, level) >= set(getattr(own, "words", ())) - {own.default}
    assert tried(family, level)


class Linear(nn.Sequential):
    """A linear map."""

    def __init__(self, n_inputs, n_classes):
        super().__init__(nn.Flatten(), nn.Linear(n_inputs, n_classes))


def test_a_level_that_changes_nothing_breaks_levels(broken):
    def deaf(input_shape, n_classes, *, act: Literal["relu", "tanh"] = "relu"):
        return Linear(math.prod(input_shape), n_classes)

    details = broken(deaf)
    assert set(details) == {"levels"}
    assert details["levels"].startswith("expected act='tanh' to change layers, shapes or scores")


def test_a_level_that_shows_only_in_training_is_a_level(broken):
    def dropping(input_shape, n_classes, *, rate: float = 0.5):
        class Dropping(Linear):
            def forward(self, images):
                return functional.dropout(super().forward(images), rate, self.training)

        return Dropping(math.prod(input_shape), n_classes)

    assert broken(dropping) == {}


@pytest.mark.parametrize(
    ("stems", "strange"), [(("conv",), "act1, act2, act3, act4"), (("fc", "output"), "act1")]
)
def test_a_level_that_changes_more_than_it_says_breaks_levels(monkeypatch, stems, strange):
    level = families.LENET_LEVELS["activation"]
    wrong = lenet_variants.levels.Choice("sigmoid", words=level.words, layers=stems)
    card = catalogue.find("lenet")
    lying = {**card.levels, "activation": wrong}
    monkeypatch.setitem(catalogue._CARDS, "lenet", lenet_variants.card.replace(card, levels=lying))
    details = {check.name: check.detail for check in check_variant("lenet") if not check.passed}
    assert set(details) == {"levels"}
    assert f"got a change of {strange}" in details["levels"]


def test_sizes_that_change_before_the_changed_layer_break_levels(monkeypatch):
    class Cropped(nn.Sequential):
        def forward(self, images):
            return super().forward(images[..., 1:])

    def build(input_shape, n_classes, levels):
        if levels["activation"] != "tanh":
            return mlp.build(input_shape, n_classes, levels)
        channels, height, width = input_shape
        return Cropped(
            OrderedDict(
                mlp.build((channels, height, width - 1), n_classes, levels).named_children()
            )
        )

    monkeypatch.setitem(builders._BUILDERS, "mlp", build)
    details = {check.name: check.detail for check in check_variant("mlp") if not check.passed}
    assert set(details) == {"levels"}
    assert "expected activation='tanh' to change layers named act" in details["levels"]
    assert "got a change of flatten, fc1" in details["levels"]


def told(name):
    """What is broken of a variant."""
    return {check.name: check.detail for check in check_variant(name) if not check.passed}


def test_a_word_that_is_anothers_namesake_breaks_levels(monkeypatch):
    monkeypatch.setitem(blocks.ACTIVATIONS, "gelu", nn.SiLU)
    (detail,) = told("lenet").values()
    assert "expected activation='silu' to change" in detail
    assert "got the same network as with activation='gelu'" in detail


@pytest.mark.parametrize(("level", "at"), [("channels", 0), ("hidden", 0), ("hidden", 1)])
def test_a_list_that_is_read_in_part_breaks_levels(monkeypatch, level, at):
    """An entry that the builder ignores, whichever it is."""
    build = builders._BUILDERS["lenet"]

    def deaf(input_shape, n_classes, levels):
        own = catalogue.find("lenet").resolve({})[level]
        given = [*levels[level]]
        if len(given) == len(own):
            given[at] = own[at]
        return build(input_shape, n_classes, {**levels, level: tuple(given)})

    monkeypatch.setitem(builders._BUILDERS, "lenet", deaf)
    assert f"expected {level}=" in told("lenet")["levels"]


def test_a_rate_that_is_always_the_same_breaks_levels(monkeypatch):
    build = builders._BUILDERS["mlp"]

    def fixed(input_shape, n_classes, levels):
        rate = 0.3 if levels["dropout"] else 0.0
        return build(input_shape, n_classes, {**levels, "dropout": rate})

    monkeypatch.setitem(builders._BUILDERS, "mlp", fixed)
    assert "expected dropout=0.5 to change" in told("mlp")["levels"]


def sneaking(input_shape, n_classes, *, act: Literal["relu", "tanh"] = "relu"):
    more = [("norm1", nn.LayerNorm(8))] if act == "tanh" else []
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[act]()
    layers = [("flatten", nn.Flatten()), ("fc1", nn.Linear(math.prod(input_shape), 8)), *more]
    return nn.Sequential(
        OrderedDict([*layers, ("act1", activation), ("output", nn.Linear(8, n_classes))])
    )


def test_a_plug_in_that_names_a_levels_layers_is_held_to_them(broken):
    detail = broken(sneaking, layers={"act": ["act"]})["levels"]
    assert detail.startswith("expected act='tanh' to change layers named act, and the sizes")
    assert "got a change of norm1" in detail


def test_a_plug_in_that_names_no_layers_may_change_any(broken):
    assert broken(sneaking) == {}


def test_a_builder_that_fails_at_a_value_breaks_levels(broken):
    def mistaken(input_shape, n_classes, *, act: Literal["relu", "tanh"] = "relu"):
        activation = {"relu": nn.ReLU, "tahn": nn.Tanh}[act]()
        return nn.Sequential(Linear(math.prod(input_shape), n_classes), activation)

    assert "got KeyError: 'tanh'; mend it" in broken(mistaken)["levels"]


def test_values_that_a_builder_refuses_are_told_as_untried(broken):
    def choosy(input_shape, n_classes, *, act: Literal["relu", "tanh"] = "relu"):
        if act == "tanh":
            raise ValueError("not today")
        return Linear(math.prod(input_shape), n_classes)

    assert broken(choosy) == {}
    levels = next(one for one in check_variant("mine") if one.name == "levels")
    assert (
        levels.detail == "the network is another at each of 0 other values; none fits here for act"
    )
