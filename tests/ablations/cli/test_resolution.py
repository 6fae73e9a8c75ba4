"""What a plan says of its seeds, before any run."""

from __future__ import annotations

import pytest

from ablations.cli.resolution import looks_json, looks_text, resolution_json, resolution_text
from reports.statistics.power import paired_power
from reports.statistics.sequential import SequentialPlan


@pytest.fixture
def seen(plan):
    """What is said of a study of these seeds."""

    def look(seeds, **changes):
        made = plan(seeds=seeds, endpoint={"metric": "test/accuracy", "margin": 0.02}, **changes)
        return resolution_json(made)

    return look


def test_the_seeds_show_what_they_are_said_to_show(seen):
    found = seen(8)
    assert (found["n_seeds"], found["n_contrasts"]) == (8, 1)
    assert paired_power(found["detectable_in_sd"], 8, alpha=0.05) == pytest.approx(0.8)
    assert found["sd_that_shows_margin"] * found["detectable_in_sd"] == pytest.approx(0.02)


def test_a_larger_family_asks_for_more(seen):
    one, two = seen(5), seen(5, factors={"activation": ["relu", "tanh"]})
    assert two["n_contrasts"] == 2
    assert two["alpha_each"] == 0.025
    assert two["detectable_in_sd"] > one["detectable_in_sd"]


def test_the_margin_takes_as_many_seeds_as_its_power_says(seen):
    for one in seen(5)["seeds_for_margin"]:
        effect = 0.02 / one["sd"]
        assert paired_power(effect, one["seeds"], alpha=0.05) >= 0.8
        assert one["seeds"] == 3 or paired_power(effect, one["seeds"] - 1, alpha=0.05) < 0.8


def test_it_is_told_in_a_sentence(seen):
    text = resolution_text(seen(5), 0.02)
    assert text.startswith("5 seeds and 1 contrast: 80 % power to show a difference of 1.7 SD of")
    assert "so the margin of 0.02 if that SD is 0.012 or less" in text
    assert text.endswith("the margin takes 3 at SD 0.005, 5 at SD 0.01, 10 at SD 0.02")


def test_fewer_than_three_seeds_show_nothing(seen):
    found = seen(2)
    assert found["detectable_in_sd"] is found["sd_that_shows_margin"] is None
    assert resolution_text(found, 0.02).startswith(
        "2 seeds: no verdict on fewer than 3; the margin"
    )


def test_a_study_that_compares_nothing_needs_no_power(seen):
    assert resolution_text(seen(5, factors={}, design="arms"), 0.02) == ""


def test_claims_ask_for_more_unless_they_ask_what_a_contrast_asks(seen):
    contrast = "activation=relu - control"
    same = {"text": "higher", "contrast": contrast, "expect": "greater", "margin": 0.1}
    other = {"text": "lower loss", "contrast": contrast, "expect": "less", "metric": "test/loss"}
    sizes = {"text": "sizes", "statement": {"left": "n_macs()", "relation": "less", "right": 9}}
    assert seen(5, claims=[same, sizes])["n_contrasts"] == 1
    assert seen(5, claims=[same, sizes, other])["n_contrasts"] == 2


def test_the_last_of_several_looks_shows_less_than_one_look_would(seen):
    one, last = seen(8), seen({"looks": [3, 5, 8]})
    assert last["detectable_in_sd"] > one["detectable_in_sd"]
    assert last["alpha_each"] == SequentialPlan((3, 5, 8), 0.05, 0.02).nominal


def test_looks_say_the_most_runs_and_those_to_expect(plan):
    made = plan(seeds={"looks": [3, 5, 8]}, factors={"activation": ["relu", "tanh"]})
    found = looks_json(made)
    assert (found["seeds"], found["n_runs_at_most"]) == ([3, 5, 8], 24)
    sequential = SequentialPlan((3, 5, 8), 0.05, 0.02, 2)
    assert [one["runs"] for one in found["expected"]] == [
        round(sequential.expected_runs(2, effect), 1) for effect in (0.0, 1.0, 2.0)
    ]
    text = looks_text(found)
    assert text.startswith("looks at 3, 5, 8 seeds: 24 runs at the most; to be expected, if every")
    assert looks_json(plan()) is None


def test_each_data_set_has_a_control_that_stays(plan):
    two = [{"name": "digits", "subset": 100}, {"name": "digits", "subset": 90}]
    found = looks_json(plan(seeds={"looks": [3, 5]}, dataset=two))
    sequential = SequentialPlan((3, 5), 0.05, 0.02, 2)
    assert found["expected"][2]["runs"] == round(2 * sequential.expected_runs(1, 2.0), 1)
