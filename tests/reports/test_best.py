"""Who takes part in the search for the best arm, and against whom."""

from __future__ import annotations

import pytest

from ablations.history import Deviation
from reports.analysis import analyse
from reports.plan import ArmFacts, ContrastSpec

CONTROL = [0.900, 0.902, 0.898, 0.901, 0.899]
VALUES = {
    "control": CONTROL,
    "best": [0.920, 0.921, 0.919, 0.922, 0.918],
    "close": [0.921, 0.919, 0.920, 0.921, 0.919],
    "worse": [0.85, 0.851, 0.849, 0.852, 0.848],
}
FOUND = {"control": False, "best": True, "close": True, "worse": False}
NOBODY = dict.fromkeys(VALUES)


@pytest.fixture
def found(make_runs, make_plan):
    """By arm whether it is among the best, of made values under a plan."""

    def search(values=VALUES, *, comparison="shared", metric="test/accuracy", **settings):
        runs = make_runs(values, comparison=comparison, metric=metric)
        results = analyse(runs, make_plan(list(values), metric=metric, **settings))
        return {arm.name: arm.among_best for arm in results.arms}

    return search


def test_arms_that_cannot_be_told_from_the_best_are_among_it(found):
    assert found() == FOUND


def test_the_direction_of_the_endpoint_says_what_is_best(found):
    worst = found(metric="test/loss", direction="minimize")
    assert worst == {"control": False, "best": False, "close": False, "worse": True}


def test_nothing_is_said_before_the_study_is_final(found):
    assert found(seeds=(0, 1, 2, 3, 4, 5)) == NOBODY


def test_a_study_of_one_arm_has_no_best(found):
    assert found({"control": CONTROL}) == {"control": None}


def test_an_arm_with_two_values_has_no_answer(found):
    short = [0.99, 0.99, "OOM", "OOM", "OOM"]
    assert found(VALUES | {"short": short}) == FOUND | {"short": None}


def test_planned_looks_leave_it_open(found):
    assert found(looks=(3, 5)) == NOBODY


def test_an_arm_whose_seeds_were_added_after_its_verdict_takes_no_part(found):
    shown = {"best - control": (0, 1, 2)}
    assert found(shown=shown) == FOUND | {"best": None}
    everything = {f"{arm} - control": (0, 1, 2) for arm in ("best", "close", "worse")}
    assert found(shown=everything) == NOBODY


def test_an_arm_whose_verdict_is_refused_takes_no_part(make_runs, make_plan):
    runs = make_runs(VALUES)
    runs["epochs"] = [9 if arm == "best" else 5 for arm in runs["arm"]]
    refused = analyse(runs, make_plan(list(VALUES)))
    assert {a.name: a.among_best for a in refused.arms} == FOUND | {"best": None}
    accepted = analyse(runs, make_plan(list(VALUES), accepted=("unequal_epochs",)))
    assert {a.name: a.among_best for a in accepted.arms} == FOUND


def test_a_changed_endpoint_leaves_nothing_to_say(found):
    assert found(deviations=(Deviation("endpoint_changed", "another metric"),)) == NOBODY


def test_arms_that_nobody_planned_to_compare_are_not_compared(found):
    contrasts = (ContrastSpec("worse - control", "worse", "control"),)
    assert found(contrasts=contrasts) == {
        "control": True, "best": None, "close": None, "worse": False,
    }  # fmt: skip
    assert found(contrasts=()) == NOBODY


def test_data_sets_are_apart(found):
    controls = {"control": "control", "best": "best", "close": "best", "worse": "control"}
    facts = tuple(
        ArmFacts(name, control=control, dataset={"name": control, "n_classes": 10})
        for name, control in controls.items()
    )
    contrasts = (
        ContrastSpec("close - best", "close", "best"),
        ContrastSpec("worse - control", "worse", "control"),
    )
    assert found(arms=facts, contrasts=contrasts) == FOUND | {"control": True}


def test_recipes_are_apart(make_runs, make_plan):
    both = (
        ContrastSpec("worse - control", "worse", "control"),
        ContrastSpec("worse - control, tuned", "worse", "control", "tuned"),
    )
    values = {"control": CONTROL, "worse": VALUES["worse"]}
    tuned = {"control": VALUES["worse"], "worse": CONTROL}
    runs = make_runs(values)
    runs = runs.merge(make_runs(tuned, comparison="tuned"), how="outer")
    results = analyse(runs, make_plan(list(values), contrasts=both))
    assert {(arm.name, arm.comparison): arm.among_best for arm in results.arms} == {
        ("control", "shared"): True, ("worse", "shared"): False,
        ("control", "tuned"): False, ("worse", "tuned"): True,
    }  # fmt: skip
