"""What runs cost, apart from what they found."""

from __future__ import annotations

import json

import pytest

from reports.costs import costs
from reports.plan import ArmFacts


@pytest.fixture
def table(make_runs):
    runs = make_runs({"control": [0.9, 0.9, "DIVERGED"], "a": ["OOM"]})
    runs["cost/train_seconds"] = [10.0, 20.0, 5.0, float("nan")]
    runs["device"] = ["cpu", "cpu", "cpu", None]
    return runs


def test_an_arms_cost_is_over_its_finished_runs(table, make_plan):
    plan = make_plan(["control", "a"], arms=(ArmFacts("control", n_macs=7), ArmFacts("a")))
    control, a = costs(table, plan)["arms"]
    assert control["train_seconds"] == {"mean": 15.0, "min": 10.0, "max": 20.0}
    assert (control["n_finished"], control["n_macs"]) == (2, 7)
    assert a["train_seconds"] == {"mean": None, "min": None, "max": None}


def test_every_run_is_listed_with_its_state(table, make_plan):
    told = costs(table, make_plan(["control", "a"]))
    assert [(run["arm"], run["seed"], run["state"]) for run in told["runs"]] == [
        ("control", 0, "FINISHED"),
        ("control", 1, "FINISHED"),
        ("control", 2, "DIVERGED"),
        ("a", 0, "OOM"),
    ]
    assert told["runs"][2]["train_seconds"] == 5.0
    assert told["runs"][3]["device"] is None
    assert told["device"] == ["cpu"]


def test_a_cost_that_was_not_measured_is_null(table, make_plan):
    told = costs(table, make_plan(["control", "a"]))
    assert told["runs"][0]["peak_memory_bytes"] is None
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_row_order_does_not_matter(table, make_plan):
    plan = make_plan(["control", "a"])
    assert costs(table.sample(frac=1, random_state=3), plan) == costs(table, plan)


@pytest.fixture
def sized(make_runs):
    """Three arms of 10, 20 and 30 parameters, the second no better than the first."""
    runs = make_runs({"control": [0.8, 0.8], "a": [0.7, 0.7], "b": [0.9, 0.9]})
    runs["cost/train_seconds"] = [5.0, 5.0, 4.0, 4.0, 6.0, 6.0]
    runs["device"] = "cpu"
    return runs


def facts(**more):
    sizes = {"control": 10, "a": 20, "b": 30}
    return tuple(ArmFacts(name, n_parameters=n, **more) for name, n in sizes.items())


def fronts(told, cost):
    return [arm["arm"] for arm in told["arms"] if cost in arm["fronts"]]


def test_arms_that_no_other_beats_at_size_and_value_are_on_the_front(sized, make_plan):
    told = costs(sized, make_plan(["control", "a", "b"], arms=facts()))
    assert fronts(told, "n_parameters") == ["control", "b"]
    assert fronts(told, "train_seconds") == ["control", "a", "b"]
    assert fronts(told, "latency_1_seconds") == []


def test_where_less_is_better_the_front_is_of_the_low_values(sized, make_plan):
    plan = make_plan(["control", "a", "b"], direction="minimize", arms=facts())
    assert fronts(costs(sized, plan), "n_parameters") == ["control", "a"]


def test_seconds_on_two_devices_have_no_front(sized, make_plan):
    sized.loc[0, "device"] = "gpu"
    told = costs(sized, make_plan(["control", "a", "b"], arms=facts()))
    assert fronts(told, "train_seconds") == []
    assert fronts(told, "n_parameters") == ["control", "b"]


def test_arms_on_other_data_and_lone_runs_beat_nobody(sized, make_plan):
    own = (*facts()[:2], ArmFacts("b", n_parameters=30, control="b"))
    told = costs(sized, make_plan(["control", "a", "b"], arms=own))
    assert fronts(told, "n_parameters") == ["control", "b"]
    lone = sized.drop(index=1)
    told = costs(lone, make_plan(["control", "a", "b"], arms=facts()))
    assert fronts(told, "n_parameters") == ["a", "b"]


def test_runs_that_nobody_planned_are_in_no_cost(sized, make_plan):
    told = costs(sized, make_plan(["control", "a"], arms=facts()[:2], seeds=(0,)))
    assert [(run["arm"], run["seed"]) for run in told["runs"]] == [("control", 0), ("a", 0)]


def test_steps_by_image_size_are_those_of_the_run_that_measured_them(table, make_plan):
    table["cost/image_size/step_seconds_112x112"] = [0.5, None, None, None]
    table["cost/image_size/step_seconds_28x28"] = [0.1, None, None, None]
    table["cost/image_size/step_peak_bytes_28x28"] = [7.0, None, None, None]
    control, a = costs(table, make_plan(["control", "a"]))["arms"]
    assert control["image_size"] == [
        {"size": [28, 28], "step_seconds": 0.1, "step_peak_bytes": 7.0},
        {"size": [112, 112], "step_seconds": 0.5, "step_peak_bytes": None},
    ]
    assert a["image_size"] == []
