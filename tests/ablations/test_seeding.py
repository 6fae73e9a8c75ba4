"""Which runs a study with looks asks for, and that a report of the same runs stops where it did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.history import extended, with_shown
from ablations.record import RunState, StoredRun
from ablations.seeding import (
    Ending,
    cell_of,
    ending_of,
    judging_looks,
    seeding_of,
    stored_outcomes,
    with_spared,
)
from reports.analysis import analyse
from reports.collect import analysis_plan
from reports.looks import standing_of
from reports.questions import planned_questions
from reports.table import outcomes, validated_runs

CONTROL, RELU, AVG = (
    ("control", "shared"),
    ("activation=relu", "shared"),
    ("pooling=avg", "shared"),
)
FACTORS = {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]}
BASE = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50, 0.53, 0.47, 0.50]
CLEAR = [0.80, 0.83, 0.77, 0.81, 0.79, 0.80, 0.84, 0.76, 0.80]
NOISY = [0.40, 0.65, 0.45, 0.60, 0.41, 0.62, 0.44, 0.61, 0.43]
RELU_NAME = "activation=relu - control"


@pytest.fixture
def stored(plan):
    """`plan.json` of three arms at looks of 3, 6 and 9 seeds, with some keys changed."""

    def make(looks=(3, 6, 9), **changes):
        usual = {"factors": FACTORS, "seeds": {"looks": list(looks)}}
        return plan(**{**usual, **changes}).to_dict()

    return make


def ended(values, n):
    """The first `n` seeds of an arm; a string is the state of a run without a number."""
    return {
        seed: ending_of(RunState(one), None) if isinstance(one, str) else Ending(one)
        for seed, one in enumerate(values[:n])
    }


def held(*n, control=BASE, relu=CLEAR, avg=NOISY):
    arms = zip((CONTROL, RELU, AVG), (control, relu, avg), n, strict=True)
    return {cell: ended(values, k) for cell, values, k in arms}


@pytest.mark.parametrize(
    ("state", "value", "expected"),
    [
        (RunState.FINISHED, 0.5, Ending(0.5)),
        (RunState.FINISHED, None, Ending(None, is_lost=True)),
        (RunState.FINISHED, float("nan"), Ending(None, is_lost=True)),
        (RunState.DIVERGED, 0.5, Ending(None, is_lost=True)),
        (RunState.OOM, None, Ending(None)),
        (RunState.KILLED, None, Ending(None)),
        (RunState.INTERRUPTED, None, None),
    ],
)
def test_a_run_ends_with_a_number_or_lost_or_failed(state, value, expected):
    assert ending_of(state, value) == expected


def test_a_study_without_looks_adds_no_seeds(plan):
    assert seeding_of(plan().to_dict(), []) is None


def test_at_first_every_arm_is_asked_for_the_seeds_of_the_first_look(stored):
    now = seeding_of(stored(), []).standing({})
    assert set(now.reach.values()) == {3}
    assert now.in_play == {CONTROL, RELU, AVG}


def test_an_arm_that_is_decided_leaves_and_its_control_stays_as_long_as_another_goes_on(stored):
    seeding = seeding_of(stored(), [])
    now = seeding.standing(held(3, 3, 3))
    assert (now.reach[RELU], now.reach[AVG], now.reach[CONTROL]) == (3, 6, 6)
    assert now.in_play == {CONTROL, AVG}
    assert (now.is_wanted(AVG, 5), now.is_wanted(AVG, 6)) == (True, False)
    assert (now.is_spared(RELU, 3), now.is_spared(AVG, 6)) == (True, False)
    last = seeding.standing(held(9, 3, 9))
    assert last.reach[AVG] == 9
    assert last.in_play == frozenset()


def test_a_whole_look_is_worked_out_at_once_from_what_is_there_already(stored):
    now = seeding_of(stored(), []).standing(held(9, 9, 9))
    assert (now.reach[RELU], now.reach[AVG]) == (3, 9)


def test_an_arm_that_waits_for_a_run_is_asked_for_no_more(stored):
    now = seeding_of(stored(), []).standing(held(3, 3, 2))
    assert now.reach == {CONTROL: 3, RELU: 3, AVG: 3}
    assert now.in_play == {CONTROL, AVG}


def test_a_failed_run_has_its_place_and_gives_no_pair(stored):
    seeding = seeding_of(stored(), [])
    failed = [CLEAR[0], "OOM", *CLEAR[2:]]
    assert seeding.standing(held(3, 3, 3, relu=failed)).reach[RELU] == 6  # two pairs decide nothing
    found = seeding.path(seeding.contrasts[0], held(6, 6, 6, relu=failed))
    assert [(step.look, step.n_pairs) for step in found] == [(3, 2), (6, 5)]


def test_an_arm_whose_lost_runs_would_decide_goes_on(stored):
    seeding = seeding_of(stored(looks=(6, 9)), [])
    fine = seeding.path(seeding.contrasts[0], held(6, 6, 6))
    assert fine[0].state == "different"
    lost = held(6, 6, 6, relu=[*CLEAR[:5], "DIVERGED"])
    assert seeding.path(seeding.contrasts[0], lost)[0].state == "continue"
    assert seeding.standing(lost).reach[RELU] == 9


def test_where_chance_is_not_known_a_lost_run_counts_as_the_worst_that_was_seen(stored):
    loss = {"metric": "test/loss", "margin": 0.01}
    seeding = seeding_of(stored(looks=(6, 9), endpoint=loss), [])
    lost = held(6, 6, 6, relu=[*CLEAR[:5], "DIVERGED"])
    (step,) = seeding.path(seeding.contrasts[0], lost)
    assert step.estimate < 0  # a greater loss is worse
    assert step.state == "different"  # 0.81 is as bad as the others
    nothing = held(6, 6, 6, relu=["DIVERGED"] * 6, control=["DIVERGED"] * 6)
    assert seeding.path(seeding.contrasts[0], nothing)[0].state == "continue"


def test_both_arms_of_an_open_contrast_go_on_and_the_control_with_them(stored):
    plan = stored()
    between = {"name": "b", "arm": AVG[0], "control": RELU[0], "comparison": "shared"}
    seeding = seeding_of({**plan, "contrasts": [*plan["contrasts"], between]}, [])
    steady = [one - 0.2 for one in BASE]
    noisy = [0.81, 0.6, 0.9, *CLEAR[3:]]
    found = held(3, 3, 3, relu=noisy, avg=steady)
    assert seeding.standing(found).reach == {CONTROL: 6, RELU: 6, AVG: 6}


def test_contrasts_share_alpha_with_those_that_were_shown_and_dropped(stored):
    plan = stored()
    assert {one.plan.n_contrasts for one in seeding_of(plan, []).contrasts} == {2}
    fewer = stored(factors={"activation": ["sigmoid", "relu"]})
    past = with_shown(extended([], plan, 1), plan, {"pooling=avg - control": [0, 1, 2]}, 2)
    (left,) = seeding_of(fewer, past).contrasts
    assert left.plan.n_contrasts == 2


def shown(plan, n, name=RELU_NAME):
    return with_shown(extended([], plan, 1), plan, {name: list(range(n))}, 2)


def test_looks_that_were_planned_when_a_verdict_was_shown_go_on_as_planned(stored):
    plan = stored()
    fresh, seen = seeding_of(plan, []), seeding_of(plan, shown(plan, 3))
    for found in (held(3, 3, 3), held(6, 3, 6), held(9, 9, 9)):
        assert fresh.standing(found) == seen.standing(found)


def test_looks_that_were_added_after_a_verdict_decide_nothing_before_the_last(stored):
    before, now = stored(looks=(3, 6)), stored(looks=(3, 6, 7, 9))
    seeding = seeding_of(now, shown(before, 6, "pooling=avg - control"))
    relu, avg = seeding.contrasts
    assert (relu.plan.looks, avg.plan.looks) == ((3, 6, 7, 9), (3, 6))
    clear_later = [*NOISY[:6], 0.9, 0.9, 0.9]
    assert seeding.standing(held(7, 3, 7, avg=clear_later)).reach[AVG] == 9
    decided = seeding_of(now, shown(before, 3))
    assert decided.standing(held(6, 3, 6)).reach[RELU] == 3


def test_looks_planned_after_a_verdict_without_any_count_that_one_alone(stored, plan):
    before = plan(factors=FACTORS, seeds=3).to_dict()
    seeding = seeding_of(stored(), shown(before, 3))
    assert seeding.contrasts[0].plan.looks == (3,)
    assert seeding.standing(held(3, 3, 3)).reach[RELU] == 3
    assert seeding.standing(held(3, 3, 3, relu=NOISY)).reach[RELU] == 6
    assert seeding.standing(held(6, 6, 3, relu=[*NOISY[:3], 0.9, 0.9, 0.9])).reach[RELU] == 9


def test_a_verdict_on_more_seeds_is_not_taken_back_to_fewer(stored, plan):
    before = plan(factors=FACTORS, seeds=9).to_dict()
    assert seeding_of(stored(), shown(before, 9)).standing(held(9, 9, 9)).reach[RELU] == 9


@pytest.mark.parametrize(
    ("seen", "then", "expected"),
    [
        ((), (), (3, 6)),
        ((0, 1, 2), (3, 6), (3, 6)),
        ((0, 1, 2), (3, 9), (3, 9)),
        ((0, 1, 2), (), (3,)),
        ((0, 1, 3, 4), (3, 6), (4,)),
    ],
)
def test_a_contrast_is_decided_by_the_looks_that_its_verdict_was_shown_under(seen, then, expected):
    assert judging_looks(range(6), (3, 6), seen, then) == expected


def test_runs_that_no_look_will_ask_for_are_spared(stored):
    plan = stored()
    keys = {(r["arm"], r["seed"]): r["run_key"] for r in plan["runs"]}
    standing = seeding_of(plan, []).standing(held(3, 3, 3))
    states = dict.fromkeys(keys.values(), "new")
    states[keys["activation=relu", 4]] = "elsewhere"
    states[keys["activation=relu", 5]] = "done"
    found = with_spared(states, plan["runs"], standing)
    assert [found[keys["activation=relu", seed]] for seed in (2, 3, 4, 5, 8)] == [
        *("new", "spared", "spared", "done", "spared"),
    ]
    assert found[keys["pooling=avg", 8]] == found[keys["control", 8]] == "new"


def test_of_a_stored_run_the_attempt_that_counts_is_its_outcome(stored):
    run = stored()["runs"][0]
    key = run["run_key"]

    def attempt(number, state, value=None):
        return StoredRun("-", "s", key, "here", number, RunState(state), value=value)

    first = attempt(1, "FINISHED", 0.5)
    cell, seed = (run["arm"], run["comparison"]), run["seed"]
    assert stored_outcomes([run], [first]) == {cell: {seed: Ending(0.5)}}
    assert stored_outcomes([run], [first, attempt(2, "INTERRUPTED")])[cell][seed].value == 0.5
    assert stored_outcomes([run], [first, attempt(2, "DIVERGED")])[cell][seed].is_lost
    assert stored_outcomes([run], [attempt(1, "INTERRUPTED")]) == {}
    assert stored_outcomes([run], [replace(first, run_key="other")]) == {}


def _table(found, states):
    rows = [
        {
            "arm": cell[0],
            "comparison": cell[1],
            "seed": seed,
            "state": states[cell, seed],
            "test/accuracy": one.value,
            "test/loss": one.value,
        }
        for cell, runs in found.items()
        for seed, one in runs.items()
    ]
    return pd.DataFrame(rows)


CLAIMS = [
    {"text": "a third pair", "contrast": "activation=relu - pooling=avg", "expect": "greater"},
    {"text": "the other way", "contrast": "control - pooling=avg", "expect": "less"},
    {
        "text": "another metric",
        "contrast": "activation=relu - control",
        "expect": "less",
        "metric": "test/loss",
        "margin": 0.01,
    },
    {
        "text": "a statement on runs",
        "statement": {"left": "mean(control, test/accuracy)", "relation": "greater", "right": 0.1},
    },
]
TUNING = {"trials": 1, "sampler": "random", "space": {"learning_rate": [0.1, 0.2]}}


@pytest.fixture
def kinds_of_plan(plan, stored):
    """`plan.json` of studies whose looks decide more than the contrasts of their arms."""
    usual = {"factors": FACTORS, "seeds": {"looks": [3, 6, 9]}}
    tuned = plan(**usual, tuning={**TUNING, "validation": 20})
    chosen = {arm.name: {"learning_rate": 0.2} for arm in tuned.arms}
    return {
        "plain": stored(),
        "claims": stored(claims=CLAIMS),
        "tuned": tuned.tuned_to(chosen).to_dict(),
    }


@pytest.mark.parametrize(
    ("kind", "looks_shown"),
    [("plain", None), ("plain", (3, 6)), ("plain", (3, 6, 9)), ("claims", None), ("tuned", None)],
)
def test_driver_and_report_stop_at_the_same_look(stored, kinds_of_plan, kind, looks_shown):
    """On outcomes of every kind, round by round, whatever was shown before."""
    plan, rng = kinds_of_plan[kind], np.random.default_rng(7)
    past = [] if looks_shown is None else shown(stored(looks=looks_shown), 6)
    seeding, asked = seeding_of(plan, past), analysis_plan(plan, extended(past, plan, 9))
    kinds = ["FINISHED"] * 28 + ["DIVERGED", "OOM"]
    cells = list(dict.fromkeys(map(cell_of, plan["runs"])))
    n_stopped_early = 0
    for _ in range(25):
        spread = rng.choice([0.003, 0.02, 0.1])
        shift = rng.choice([0.0, 0.01, 0.1], size=len(cells))
        found, states = {cell: {} for cell in cells}, {}
        while True:
            now = seeding.standing(found)
            new = [(c, s) for c in found for s in range(now.reach[c]) if s not in found[c]]
            if not new:
                break
            for cell, seed in new:
                state = rng.choice(kinds)
                value = 0.5 + shift[cells.index(cell)] + rng.normal(0, spread)
                found[cell][seed] = ending_of(RunState(state), value)
                states[cell, seed] = state
            table = _table(found, states)
            by_cell = outcomes(validated_runs(table), "test/accuracy")
            questions = planned_questions(asked)
            assert standing_of(asked, questions, found, by_cell) == seeding.standing(found)
        results = analyse(table, asked)
        assert results.final
        for one in results.contrasts:
            reach = min(now.reach[side, one.comparison] for side in (one.arm, one.control))
            is_open = one.verdict in (None, "undecided")
            assert one.n_pairs + len(one.missing_pairs) == reach
            assert not is_open or reach == 9 or one.method == "anytime"
            n_stopped_early += reach < 9
    assert n_stopped_early >= 3


def test_claims_share_alpha_and_those_of_the_endpoint_are_decided_too(kinds_of_plan):
    plan = kinds_of_plan["claims"]
    contrasts = seeding_of(plan, []).contrasts
    assert [one.name for one in contrasts] == [
        "activation=relu - control",
        "pooling=avg - control",
        "activation=relu - pooling=avg",
    ]
    assert {one.plan.n_contrasts for one in contrasts} == {5}
    seen = with_shown(extended([], stored_before(plan), 1), stored_before(plan), {}, 2)
    assert len(seeding_of(plan, extended(seen, plan, 3)).contrasts) == 2


def stored_before(plan):
    """The same plan before anything was claimed."""
    return {**{key: value for key, value in plan.items() if key != "claims"}, "digest": "before"}


def test_a_tuned_study_looks_at_both_recipes(kinds_of_plan):
    seeding = seeding_of(kinds_of_plan["tuned"], [])
    assert sorted(one.arm for one in seeding.contrasts) == [
        ("activation=relu", "shared"),
        ("activation=relu", "tuned"),
        ("pooling=avg", "shared"),
        ("pooling=avg", "tuned"),
    ]
    assert {one.plan.n_contrasts for one in seeding.contrasts} == {2}
