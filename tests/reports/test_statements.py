"""Statements are decided by their conditions: exactly if counted, by intervals if measured."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.claims import Quantity, Statement
from reports.analysis import analyse
from reports.plan import ClaimSpec
from reports.statements import Term, terms

CONTROL = [0.90, 0.91, 0.89, 0.92, 0.90]
BETTER = [0.94, 0.96, 0.95, 0.96, 0.93]
MIRROR = {"supported": "refuted", "refuted": "supported", "undecided": "undecided"}
SMALL, LARGE = Quantity("n_parameters(conv1)", 156), Quantity("n_parameters(conv2)", 2416)


def mean(arm, metric="test/accuracy"):
    return Quantity(f"mean({arm}, {metric})", arm=arm, metric=metric)


@pytest.fixture
def judged(make_runs, make_plan):
    """The result of one statement on two arms, whose values may be others."""

    def judge(statement, *, control=CONTROL, a=BETTER, margin=None, **settings):
        claim = ClaimSpec("so it is", statement=statement, margin=margin)
        plan = make_plan(["control", "a"], claims=(claim,), **settings)
        return analyse(make_runs({"control": control, "a": a}), plan).claims[0]

    return judge


@pytest.mark.parametrize(
    ("left", "relation", "right", "more", "verdict"),
    [
        (LARGE, "within", SMALL, {"factor": 2.0}, "refuted"),
        (LARGE, "within", SMALL, {"factor": 15.5}, "supported"),
        (SMALL, "within", LARGE, {"factor": 15.5}, "supported"),
        (LARGE, "greater", SMALL, {}, "supported"),
        (SMALL, "greater", LARGE, {}, "refuted"),
        (LARGE, "less", SMALL, {}, "refuted"),
        (LARGE, "greater", SMALL, {"times": 15.0}, "supported"),
        (LARGE, "greater", SMALL, {"times": 16.0}, "refuted"),
        (LARGE, "equal", SMALL, {}, "refuted"),
        (SMALL, "equal", SMALL, {}, "supported"),
        (SMALL, "greater", SMALL, {}, "refuted"),
        (SMALL, "less", SMALL, {}, "refuted"),
        (SMALL, "within", SMALL, {"factor": 1.0}, "supported"),
    ],
)
def test_counts_are_decided_exactly(judged, left, relation, right, more, verdict):
    found = judged(Statement(left, relation, right, **more))
    assert found.verdict == verdict
    assert found.sentence.startswith(f"{verdict}: {left.name} is {left.value:,}, {right.name} is ")
    assert all(one["ci_adjusted"] is None for one in found.numbers["conditions"])


def test_equal_counts_may_be_apart_by_the_margin(judged):
    photo = Quantity("n_bytes(mlp, fc1)", 3_072_001_024)
    statement = Statement(photo, "equal", Quantity("3072000000", 3_072_000_000))
    assert judged(statement).verdict == "refuted"
    assert judged(statement, margin=1024.0).verdict == "supported"
    assert judged(statement, margin=1023.0).verdict == "refuted"


def test_counts_too_large_for_a_float_are_told_apart(judged):
    one, other = (Quantity(f"n_macs({n})", 2**60 + n) for n in (0, 1))
    assert judged(Statement(one, "less", other)).verdict == "supported"
    assert judged(Statement(one, "equal", other)).verdict == "refuted"


def test_counts_are_judged_before_any_run_has_ended(judged):
    found = judged(Statement(LARGE, "greater", SMALL), control=CONTROL[:2])
    assert found.verdict == "supported"


@given(
    left=st.integers(0, 10**9),
    right=st.integers(0, 10**9),
    times=st.integers(1, 20),
    factor=st.integers(1, 20),
)
def test_conditions_say_what_the_relations_mean(left, right, times, factor):
    def holds(relation, **more):
        found = terms(Statement(SMALL, relation, SMALL, times=times, **more), 3.0)
        values = [(term.counted(left, right), term.is_strict) for term in found]
        return all(value > 0 or (value == 0 and not strict) for value, strict in values)

    scaled = times * right
    assert holds("greater") == (left > scaled)
    assert holds("less") == (left < scaled)
    assert holds("equal") == (abs(left - scaled) <= 3)
    assert holds("within", factor=float(factor)) == (
        left <= factor * scaled and scaled <= factor * left
    )


def test_a_condition_is_summed_exactly():
    assert Term(1.0, -1.0, 0.5).counted(2**60 + 1, 2**60) == Fraction(3, 2)


@pytest.mark.parametrize(
    ("left", "relation", "right", "more", "verdict"),
    [
        ("a", "greater", "control", {}, "supported"),
        ("control", "greater", "a", {}, "refuted"),
        ("a", "less", "control", {}, "refuted"),
        ("a", "greater", "control", {"times": 1.2}, "refuted"),
        ("a", "greater", "control", {"times": 1.05}, "undecided"),
        ("a", "within", "control", {"factor": 1.2}, "supported"),
        ("a", "within", "control", {"factor": 1.01}, "refuted"),
        ("a", "within", "control", {"factor": 1.05}, "undecided"),
        ("a", "equal", "control", {}, "refuted"),
    ],
)
def test_means_are_decided_by_intervals(judged, left, relation, right, more, verdict):
    found = judged(Statement(mean(left), relation, mean(right), **more))
    assert found.verdict == verdict
    assert found.numbers["n_pairs"] == 5


def test_arms_that_trade_their_values_turn_the_verdict_round(judged):
    statement = Statement(mean("a"), "greater", mean("control"))
    assert judged(statement).verdict == "supported"
    assert judged(statement, control=BETTER, a=CONTROL).verdict == "refuted"


def test_a_condition_has_the_interval_of_its_scaled_differences(judged):
    found = judged(Statement(mean("a"), "greater", mean("control"), times=1.05))
    (condition,) = found.numbers["conditions"]
    d = np.asarray(BETTER) - 1.05 * np.asarray(CONTROL)
    level = found.numbers["level"]
    assert level == pytest.approx(1 - 0.05 / 2)  # the contrast, and this question of its own
    low, high = stats.t.interval(level, 4, d.mean(), stats.sem(d))
    assert condition["estimate"] == pytest.approx(d.mean())
    assert condition["ci_adjusted"] == (pytest.approx(low), pytest.approx(high))
    assert found.numbers["left"]["value"] == pytest.approx(np.mean(BETTER))
    assert found.numbers["right"]["value"] == pytest.approx(np.mean(CONTROL))


@pytest.mark.parametrize(
    ("number", "verdict"), [(0.9, "supported"), (0.945, "undecided"), (0.99, "refuted")]
)
def test_a_mean_beside_a_number_has_the_interval_of_one_sample(judged, number, verdict):
    found = judged(Statement(mean("a"), "greater", Quantity(f"{number}", number)))
    assert found.verdict == verdict
    (condition,) = found.numbers["conditions"]
    low, high = stats.t.interval(0.975, 4, np.mean(BETTER), stats.sem(BETTER))
    assert condition["ci_adjusted"] == (pytest.approx(low - number), pytest.approx(high - number))
    turned = judged(Statement(Quantity(f"{number}", number), "greater", mean("a")))
    assert turned.verdict == MIRROR[verdict]


def test_two_metrics_of_one_arm_are_paired_by_seed(make_runs, make_plan):
    moved = [value - 0.3 for value in BETTER]
    runs = make_runs({"control": CONTROL, "a": BETTER})
    runs["probe/shift/accuracy_2"] = [value - 0.3 for value in runs["test/accuracy"]]
    statement = Statement(mean("a", "probe/shift/accuracy_2"), "less", mean("a"))
    plan = make_plan(["control", "a"], claims=(ClaimSpec("it depends", statement=statement),))
    (claim,) = analyse(runs, plan).claims
    assert claim.verdict == "supported"
    assert claim.numbers["contrast"] == "a - a"
    assert claim.numbers["left"]["value"] == pytest.approx(np.mean(moved))
    (condition,) = claim.numbers["conditions"]
    assert condition["ci_adjusted"] == (pytest.approx(0.3), pytest.approx(0.3))


def test_equal_means_are_equal_within_the_endpoints_margin_or_their_own(judged):
    near = [value + 0.001 for value in CONTROL]
    statement = Statement(mean("a"), "equal", mean("control"))
    assert judged(statement, a=near).verdict == "supported"
    assert judged(statement, a=near, margin=0.0005).verdict == "refuted"
    assert judged(statement, a=near).numbers["margin"] == 0.005


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_runs_decide_nothing(judged, n):
    statement = Statement(mean("a"), "greater", mean("control"))
    found = judged(statement, control=CONTROL[:n], a=BETTER[:n], seeds=tuple(range(n)))
    assert found.verdict == "undecided"
    assert found.sentence.endswith("a verdict needs at least 3 runs of each side")
    assert not found.numbers["judged"]


def test_no_statement_on_runs_is_judged_before_the_study_is_final(judged):
    found = judged(Statement(mean("a"), "greater", mean("control")), a=BETTER[:4])
    assert found.verdict is None
    assert found.sentence.startswith("not final: mean(a, test/accuracy) is 0.95")
    assert not found.numbers["judged"]


def test_a_lost_run_that_could_turn_the_verdict_leaves_it_open(judged):
    statement = Statement(mean("a"), "greater", mean("control"))
    found = judged(statement, a=[*BETTER[:4], "DIVERGED"])
    assert found.verdict == "undecided"
    assert found.numbers["flags"] == ["failures_decide"]
    assert "counting runs that came to no number as chance" in found.sentence
    modest = Statement(mean("a"), "greater", Quantity("0.001", 0.001))
    assert judged(modest, a=[*BETTER[:4], "DIVERGED"]).verdict == "supported"


def test_a_refused_statement_gets_no_verdict_and_says_why(make_runs, make_plan):
    runs = make_runs({"control": CONTROL, "a": BETTER})
    runs["epochs"] = [5] * 5 + [10] * 5
    claim = ClaimSpec("so it is", statement=Statement(mean("a"), "greater", mean("control")))
    results = analyse(runs, make_plan(["control", "a"], claims=(claim,)))
    (found,) = results.claims
    assert found.verdict == "undecided"
    assert found.sentence.endswith(": no verdict (unequal_epochs)")
    assert found.numbers["flags"] == ["unequal_epochs"]


def test_seeds_added_after_a_verdict_was_shown_widen_the_interval(judged):
    statement = Statement(mean("a"), "greater", Quantity("0.9", 0.9))
    more = {"control": CONTROL * 2, "a": BETTER * 2, "seeds": tuple(range(10))}
    planned = judged(statement, **more)
    shown = judged(statement, **more, shown={"a - a": (0, 1, 2)})
    assert (planned.numbers["method"], shown.numbers["method"]) == ("paired", "anytime")
    widths = [np.ptp(one.numbers["conditions"][0]["ci_adjusted"]) for one in (planned, shown)]
    assert widths[1] > widths[0]


def test_arms_without_common_seeds_are_compared_unpaired(make_runs, make_plan):
    runs = make_runs({"control": CONTROL, "a": BETTER})
    runs["seed"] = range(10)
    statement = Statement(mean("a"), "greater", mean("control"))
    plan = make_plan(["control", "a"], claims=(ClaimSpec("t", statement=statement),), seeds=())
    (found,) = analyse(runs, plan).claims
    welch = stats.ttest_ind(BETTER, CONTROL, equal_var=False).confidence_interval(0.95)
    (condition,) = found.numbers["conditions"]
    assert found.numbers["method"] == "welch"
    assert condition["ci_adjusted"] == (pytest.approx(welch.low), pytest.approx(welch.high))


def test_shuffled_values_unsettle_a_statement(judged):
    rng = np.random.default_rng(4)
    values = rng.permutation(CONTROL + BETTER)
    statement = Statement(mean("a"), "greater", mean("control"))
    found = judged(statement, control=values[:5].tolist(), a=values[5:].tolist())
    assert found.verdict == "undecided"


def test_one_sample_errors_stay_at_alpha(make_runs, make_plan):
    """A statement that is true at its very limit is decided in at most alpha of all studies."""
    rng = np.random.default_rng(11)
    claim = ClaimSpec("t", statement=Statement(mean("a", "loss/x"), "greater", Quantity("1", 1.0)))
    plan = make_plan(["control", "a"], claims=(claim,), contrasts=(), metric="loss/x")
    n_studies, n_wrong = 400, 0
    for _ in range(n_studies):
        values = (1 + rng.normal(0, 0.1, 5)).tolist()
        runs = make_runs({"control": [1.0] * 5, "a": values}, metric="loss/x")
        n_wrong += analyse(runs, plan).claims[0].verdict != "undecided"
    assert n_wrong / n_studies == pytest.approx(0.05, abs=3.5 * (0.05 * 0.95 / n_studies) ** 0.5)


def test_the_same_claim_written_later_says_so(judged, make_runs, make_plan):
    claim = ClaimSpec("t", statement=Statement(LARGE, "less", SMALL), former="it said more")
    plan = make_plan(["control"], claims=(replace(claim, written="after_results"),))
    (found,) = analyse(make_runs({"control": CONTROL}), plan).claims
    assert (found.written, found.former) == ("after_results", "it said more")
