from __future__ import annotations

import io

import pytest
from rich.console import Console

from ablations.cli import listings
from ablations.errors import SpecError


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=160)


def _text(console: Console) -> str:
    return console.file.getvalue()


def test_a_description_shows_every_layer_with_its_share(console):
    listings.show_description(listings.describe("lenet", None, None), console)
    text = _text(console)
    for name in ("conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "output"):
        assert name in text
    assert "30,840" in text  # fc1: 256 x 120 + 120
    assert "69.4%" in text
    assert "44,426" in text


def test_a_matched_variant_is_sized_to_the_one_its_card_names():
    matched = listings.describe("mlp-matched", None, None)
    lenet = listings.describe("lenet", None, None)
    assert abs(matched["n_parameters"] / lenet["n_parameters"] - 1) < 0.02


def test_a_shape_that_cannot_be_read_is_refused():
    with pytest.raises(SpecError, match=r"--input: 1 problem\n.*such as 1x28x28, got '28'"):
        listings.describe("lenet", "28", None)


def test_variants_are_shown_by_what_differs(console):
    listings.show_variants(listings.variants(), console)
    text = _text(console)
    assert "sized to lenet" in text
    assert "61,706" in text


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
