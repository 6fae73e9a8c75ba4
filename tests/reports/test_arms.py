"""One arm as it is."""

from __future__ import annotations

import pytest

from reports.arms import collapsed, described_arm
from reports.plan import ArmFacts
from reports.table import Outcome


def runs(*values):
    return {
        seed: Outcome(str(seed), value, None)
        if isinstance(value, str)
        else Outcome(str(seed), "FINISHED", value)
        for seed, value in enumerate(values)
    }


def test_failures_are_counted_by_state_and_interrupted_runs_are_none(make_plan):
    plan = make_plan(["control"])
    held = runs(0.9, "OOM", "DIVERGED", "OOM", "INTERRUPTED")
    arm = described_arm(("control", "shared"), plan, held)
    assert (arm.n_finished, arm.n_failed) == (1, 3)
    assert dict(arm.failures) == {"DIVERGED": 1, "OOM": 2}
    assert arm.failure_ci is not None
    assert arm.failure_ci.low < 0.75 < arm.failure_ci.high


def test_an_arm_without_runs_has_facts_only(make_plan):
    plan = make_plan(["control"], arms=(ArmFacts("control", "lenet", n_parameters=61_706),))
    arm = described_arm(("control", "shared"), plan, {})
    assert (arm.variant, arm.n_parameters) == ("lenet", 61_706)
    assert (arm.n_finished, arm.mean, arm.failure_ci) == (0, None, None)


def test_values_are_raw_whatever_the_direction(make_plan):
    plan = make_plan(["control"], metric="test/loss", direction="minimize")
    arm = described_arm(("control", "shared"), plan, runs(0.5, 0.7, 0.6))
    assert arm.mean == pytest.approx(0.6)
    assert dict(arm.values) == {0: 0.5, 1: 0.7, 2: 0.6}


@pytest.mark.parametrize(
    ("values", "n"),
    [
        ([0.99] * 9 + [0.10], 1),
        ([0.99, 0.10, 0.11, 0.10], 3),
        ([0.10, 0.11, 0.10], 0),
        ([0.99, 0.60], 0),
        ([], 0),
    ],
)
def test_collapsed_runs_are_near_chance_where_others_learnt(values, n):
    assert len(collapsed(dict(enumerate(values)), chance=0.1)) == n


def test_nothing_collapses_where_chance_is_unknown():
    assert collapsed({0: 0.1, 1: 0.9}, chance=None) == []
    assert collapsed({3: 0.1, 1: 0.9}, chance=0.1) == [3]


def test_collapsed_runs_have_an_interval_for_their_share(make_plan):
    arm = described_arm(("control", "shared"), make_plan(["control"]), runs(0.9, 0.91, 0.1, 0.9))
    assert arm.n_collapsed == 1
    assert arm.collapsed_ci.low < 0.25 < arm.collapsed_ci.high


def test_what_a_perfect_network_reaches_is_known_of_accuracies_alone(make_plan):
    settings = {"metric": "test/error", "direction": "minimize"}
    arm = described_arm(
        ("control", "shared"), make_plan(["control"], **settings), runs(0.2, 0.21, 0.19, 2.3)
    )
    assert (arm.n_collapsed, arm.collapsed_ci) == (0, None)
