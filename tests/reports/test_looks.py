"""What a plan's looks say in a report: the same as `ablations.seeding` said to who trained it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.analysis import analyse
from reports.looks import look_path, n_asked, standing_of
from reports.methods import bounds_of, values_of
from reports.plan import AnalysisPlan, ContrastSpec, Endpoint
from reports.questions import planned_questions
from reports.table import Outcome, outcomes, validated_runs

CONTROL = [0.900, 0.902, 0.898, 0.901, 0.899, 0.903]
CLEAR = [0.920, 0.921, 0.919, 0.922, 0.918, 0.924]
NOISY = [0.91, 0.89, 0.92, 0.88, 0.93, 0.89]
PLAN = AnalysisPlan(
    control="control",
    factors={},
    endpoint=Endpoint("test/accuracy", "maximize", 0.005),
    contrasts=(
        ContrastSpec("clear - control", "clear", "control"),
        ContrastSpec("noisy - control", "noisy", "control"),
    ),
    seeds=tuple(range(6)),
    looks=(3, 6),
)
CELLS = [(name, "shared") for name in ("control", "clear", "noisy")]


def held(control, clear, noisy):
    """Outcomes of the first so many seeds of each arm."""
    values = dict(zip(CELLS, (CONTROL[:control], CLEAR[:clear], NOISY[:noisy]), strict=True))
    return {
        cell: {s: Outcome(f"{cell}{s}", "FINISHED", v) for s, v in enumerate(one)}
        for cell, one in values.items()
    }


def standing(found, plan=PLAN):
    return standing_of(plan, planned_questions(plan), CELLS, found)


def test_an_arm_that_is_decided_leaves_and_the_control_stays_for_the_others():
    now = standing(held(3, 3, 3))
    assert now.reach == {CELLS[0]: 6, CELLS[1]: 3, CELLS[2]: 6}
    assert now.in_play == {CELLS[0], CELLS[2]}


@pytest.mark.parametrize(
    ("n", "asked"), [((2, 3, 3), 9), ((3, 3, 3), 9), ((4, 3, 3), 12), ((6, 3, 6), 15)]
)
def test_verdicts_wait_for_the_look_that_has_begun(n, asked):
    found = held(*n)
    assert n_asked(standing(found), (3, 6), found) == asked


def test_a_plan_without_looks_or_without_seeds_stands_nowhere():
    assert standing(held(3, 3, 3), replace(PLAN, looks=None)) is None
    assert standing(held(3, 3, 3), replace(PLAN, seeds=())) is None


def test_every_look_so_far_is_on_the_path():
    question, found = planned_questions(PLAN)[0], held(6, 6, 6)
    path = look_path(PLAN, question, found)
    assert [step.look for step in path] == [3, 6]
    pairs = values_of(question, found[CELLS[1]], found[CELLS[0]])
    assert path[1].interval == pytest.approx(bounds_of(question, pairs).adjusted)
    assert path[1].estimate_at_first_look == path[0].estimate


def test_seeds_that_nobody_planned_are_those_that_both_arms_have():
    found = held(6, 3, 3)
    question = planned_questions(replace(PLAN, seeds=()))[0]
    assert [step.look for step in look_path(PLAN, question, found)] == [3]


def test_an_interrupted_run_has_not_ended():
    found = held(3, 3, 3)
    found[CELLS[1]][2] = Outcome("-", "INTERRUPTED", None)
    assert look_path(PLAN, planned_questions(PLAN)[0], found) == []
    assert CELLS[1] in standing(found).in_play


def test_runs_after_the_look_that_decided_an_arm_change_nothing(make_runs):
    values = {"control": CONTROL, "clear": CLEAR, "noisy": NOISY}
    whole = analyse(make_runs(values), PLAN)
    adaptive = analyse(make_runs({**values, "clear": CLEAR[:3]}), PLAN)
    assert whole.contrasts == adaptive.contrasts
    assert whole.contrasts[0].n_pairs == 3
    (note,) = [one for one in whole.warnings if one.code == "unplanned_runs"]
    assert "'clear' (shared): 3 run(s) after the look that decided it" in note.text
    assert "unplanned_runs" not in [one.code for one in adaptive.warnings]


def test_a_verdict_that_lost_runs_would_decide_is_none_for_both(make_runs):
    plan = replace(PLAN, contrasts=PLAN.contrasts[:1], seeds=tuple(range(10)), looks=(5, 10))
    runs = make_runs({"control": CONTROL[:5], "clear": CLEAR[:5]})
    runs.loc[runs["arm"].eq("clear") & runs["seed"].eq(1), "state"] = "DIVERGED"
    by_cell = outcomes(validated_runs(runs), "test/accuracy")
    (question,) = planned_questions(plan)
    known = replace(plan.endpoint, chance=0.1)
    plan = replace(plan, endpoint=known)
    (contrast,) = analyse(runs, plan).contrasts
    assert (contrast.verdict, "failures_decide" in contrast.flags) == ("undecided", True)
    assert [step.state for step in look_path(plan, question, by_cell)] == ["continue"]
    assert standing_of(plan, [question], CELLS[:2], by_cell).reach[CELLS[1]] == 10
