from __future__ import annotations

import io
import math
from typing import Literal

import pytest
from rich.console import Console
from torch import nn

from ablations.cli import listings
from ablations.differences import compare
from ablations.estimates import Estimate
from ablations.timing import Measured
from lenet_variants import register_variant


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=160)


def _text(console: Console) -> str:
    return console.file.getvalue()


def test_every_data_set_is_listed(console):
    listings.show_datasets(console)
    assert set(_text(console).split()) >= {"fashion-mnist", "mnist", "digits"}


def test_a_plan_counts_the_states_of_each_arm(console, plan):
    made = plan()
    states = {run.run_key: "done" if run.seed else "new" for run in made.runs}
    listings.show_plan(made, states, compare(made), console)
    text = _text(console)
    assert "design one-factor: 2 arms x 2 seeds = 4 runs; test/accuracy, margin 0.02" in text
    assert text.count("1 done, 1 new") == 2


@pytest.mark.parametrize(
    ("datasets", "told"),
    [
        ("digits", "digits; design"),
        (["digits", {"name": "mnist", "subset": 100}], "digits; mnist; design"),
        (
            [{"name": "digits", "subset": 100}, {"name": "digits", "subset": 200}],
            "digits: subset=100; subset=200; design",
        ),
    ],
)
def test_a_plan_names_its_data_sets(console, plan, datasets, told):
    made = plan(dataset=datasets)
    states = {run.run_key: "new" for run in made.runs}
    listings.show_plan(made, states, compare(made), console)
    assert told in _text(console)


def test_names_are_shown_as_they_are_and_not_as_markup(console, plan):
    made = plan(arms=[{"name": "[red]bold[/red]", "variant": "softmax"}], question="[b]?[/b]")
    states = {run.run_key: "new" for run in made.runs}
    listings.show_plan(made, states, compare(made), console)
    assert _text(console).count("[red]bold[/red]") == 1
    assert "[b]?[/b]" in _text(console)


def test_a_plan_says_what_each_arm_has_other_than_the_control(console, plan):
    factors = {
        "activation": ["sigmoid", "relu"],
        "pooling": ["none"],
        "norm": ["batch"],
        "recipe.learning_rate": [0.1],
        "recipe.init": ["kaiming"],
    }
    levels = {"kernel_size": 3, "padding": 1, "hidden": []}
    arms = ["mlp", {"name": "flat", "variant": "lenet", "levels": levels}]
    made = plan(factors=factors, arms=arms)
    states = {run.run_key: "new" for run in made.runs}
    listings.show_plan(made, states, compare(made), console)
    rows = {line.split()[0]: line for line in _text(console).splitlines() if "2 new" in line}
    told = {
        "control": "(lenet)",
        "activation=relu": "replaces act1-4",
        "pooling=none": "drops pool1-2; resizes conv2, fc1",
        "norm=batch": "adds norm1-4",
        "recipe.learning_rate=0.1": "the same network",
        "recipe.init=kaiming": "the same layers, other scores",
        "mlp": "variant=mlp, activation=relu: another network",
        "flat": "hidden=none: drops act3-4, fc1-2; resizes output",
    }
    assert set(rows) == set(told)
    for name, text in told.items():
        assert text in rows[name]
    assert "warning: arm 'pooling=none' changes more than pooling" in _text(console)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (
            Estimate(None),
            "no estimate of the time: nothing was trained on this machine yet; --measure times it",
        ),
        (Estimate(0.0), "nothing to train"),
        (
            Estimate(200.0, ("store",)),
            "about 3 min 20 s of training left, from runs in the store",
        ),
        (
            Estimate(9.0, ("cached",)),
            "about 9 s of training left, from the pace of other runs on this machine",
        ),
        (
            Estimate(9.0, ("measured", "store")),
            "about 9 s of training left, from the steps measured now and runs in the store",
        ),
    ],
)
def test_an_estimate_says_what_it_rests_on(console, estimate, text):
    listings.show_estimate(estimate, None, console)
    assert _text(console) == f"{text}\n"


def test_layers_that_have_numbers_for_names_are_shown(console, plan, forget_plugins):
    @register_variant("numbered", source="this test")
    def numbered(input_shape, n_classes, *, width: int = 4, act: Literal["relu", "tanh"] = "relu"):
        activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[act]
        body = nn.Sequential(nn.Linear(math.prod(input_shape), width), activation())
        return nn.Sequential(nn.Flatten(), body, nn.Linear(width, n_classes))

    made = plan(control="numbered", factors={"act": ["tanh"], "width": [5]})
    listings.show_plan(made, {run.run_key: "new" for run in made.runs}, compare(made), console)
    text = _text(console)
    assert "replaces 1.1" in text
    assert "replaces 1.0; resizes 2" in text


def test_an_arm_of_a_matched_size_says_how_near_it_came(console, plan):
    arms = [{"name": "sized", "variant": "mlp", "matched_to": "control", "by": "macs"}]
    made = plan(arms=["mlp-matched", *arms], dataset=["digits", {"name": "digits", "subset": 100}])
    listings.show_plan(made, {run.run_key: "new" for run in made.runs}, compare(made), console)
    rows = {line.split()[0]: line for line in _text(console).splitlines() if "new" in line}
    assert "-0.1% parameters of control" in rows["mlp-matched"]
    assert "+0.0% macs of control" in rows["sized"]


def test_measured_paces_are_shown_by_arm(console):
    measured = {"[b]": Measured(12_345.6, 0.0207), "broken": None}
    listings.show_estimate(Estimate(1.0, ("measured",)), measured, console)
    rows = [line.split() for line in _text(console).splitlines()]
    assert ["[b]", "12,346", "20.70"] in rows
    assert ["broken", "cannot", "be", "measured"] in rows
    assert listings.estimate_json(Estimate(None), measured) == {
        "estimated_seconds": None,
        "estimated_from": [],
        "measured": [
            {"arm": "[b]", "images_per_second": 12345.6, "step_seconds": 0.0207},
            {"arm": "broken", "images_per_second": None, "step_seconds": None},
        ],
    }
