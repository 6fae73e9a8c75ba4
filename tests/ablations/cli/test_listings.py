from __future__ import annotations

import io

import pytest
from rich.console import Console

from ablations.cli import listings
from ablations.differences import compare


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
        "pooling=none": "drops pool1-2; resizes fc1",
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
    ("seconds", "text"),
    [
        (None, "no estimate of the time: nothing was trained on this machine into this store yet"),
        (0.0, "nothing to train"),
        (200.0, "about 3 min 20 s of training left"),
    ],
)
def test_an_estimate_says_what_it_rests_on(console, seconds, text):
    listings.show_estimate(seconds, console)
    assert _text(console) == f"{text}\n"
