from __future__ import annotations

import io

import pytest
from rich.console import Console

from ablations.cli import listings


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
    listings.show_plan(made, states, console)
    text = _text(console)
    assert "design one-factor: 2 arms x 2 seeds = 4 runs; test/accuracy, margin 0.02" in text
    assert text.count("1 done, 1 new") == 2


def test_names_are_shown_as_they_are_and_not_as_markup(console, plan):
    made = plan(arms=[{"name": "[red]bold[/red]", "variant": "mlp"}], question="[b]?[/b]")
    states = {run.run_key: "new" for run in made.runs}
    listings.show_plan(made, states, console)
    listings.show_status(made, states, 0, console)
    assert _text(console).count("[red]bold[/red]") == 2
    assert "[b]?[/b]" in _text(console)


def test_a_status_tells_what_waits(console, plan):
    made = plan()
    states = {run.run_key: "failed" for run in made.runs}
    listings.show_status(made, states, 3, console)
    assert "2 failed" in _text(console)
    assert "3 runs waiting for the store: ablations sync" in _text(console)
