"""Which method judges a contrast, and that its numbers are those of its statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.methods import (
    ADDED_SHARE,
    bounds_of,
    is_verdict_kept,
    numbers_of,
    values_of,
)
from reports.plan import ContrastSpec
from reports.questions import Question
from reports.statistics.anytime import anytime_interval, anytime_p, anytime_sign_p
from reports.statistics.paired import paired_contrast
from reports.statistics.sequential import SequentialPlan
from reports.statistics.unpaired import unpaired_contrast
from reports.table import Outcome

CONTROL = [0.900, 0.902, 0.898, 0.901, 0.899, 0.903]
ARM = [0.920, 0.921, 0.919, 0.922, 0.918, 0.924]
QUESTION = Question(
    spec=ContrastSpec("a - control", "a", "control"),
    metric="test/accuracy",
    direction="maximize",
    margin=0.005,
    alpha=0.05,
    family="primary",
    family_size=3,
    seeds=(0, 1, 2, 3, 4, 5),
)


def runs(values, first=0, **others):
    """Outcomes by seed; `s3="OOM"` is a run that ended so."""
    made = {first + i: Outcome(f"k{i}", "FINISHED", value) for i, value in enumerate(values)}
    for name, state in others.items():
        made[int(name[1:])] = Outcome(name, state, None)
    return made


def asked(arm=None, control=None, **changes):
    question = replace(QUESTION, **changes)
    return question, values_of(question, arm or runs(ARM), control or runs(CONTROL))


def test_pairs_join_on_the_seed_and_not_on_the_position():
    arm = {3: Outcome("a", "FINISHED", 0.3), 1: Outcome("b", "FINISHED", 0.1)}
    control = {1: Outcome("c", "FINISHED", 1.1), 3: Outcome("d", "FINISHED", 1.3)}
    _, pairs = asked(arm, control)
    assert (pairs.seeds, pairs.arm, pairs.control) == ((1, 3), (0.1, 0.3), (1.1, 1.3))


def test_planned_seeds_are_judged_in_pairs():
    question, pairs = asked()
    assert pairs.method == "paired"
    assert numbers_of(question, pairs) == paired_contrast(
        ARM, CONTROL, margin=0.005, alpha=0.05, family_size=3
    )


def test_looks_are_judged_by_the_repeated_interval_of_the_look_that_is_reached():
    question, pairs = asked(looks=(3, 5, 8), seeds=tuple(range(8)))
    assert pairs.method == "sequential"
    assert pairs.seeds == (0, 1, 2, 3, 4)  # the sixth waits for the look at 8
    plan = SequentialPlan((3, 5, 8), 0.05, 0.005, 3)
    expected = plan.interval(np.subtract(ARM, CONTROL)[:5].tolist())
    found = numbers_of(question, pairs)
    assert found.ci_adjusted == pytest.approx(expected)
    assert found.ci_equivalence == found.ci_adjusted
    assert found.p_equivalence is None
    assert found.n_pairs == 5


def test_a_run_that_failed_has_its_place_in_a_look():
    question, pairs = asked(runs(ARM[:5], s2="OOM"), looks=(3, 5), seeds=(0, 1, 2, 3, 4))
    assert pairs.seeds == (0, 1, 3, 4)
    plan = SequentialPlan((3, 5), 0.05, 0.005, 3)
    d = np.subtract(ARM, CONTROL)
    expected = plan.interval([d[0], d[1], None, d[3], d[4]])
    assert bounds_of(question, pairs).adjusted == pytest.approx(expected)


def test_an_interrupted_run_does_not_reach_a_look():
    _, pairs = asked(runs(ARM[:5], s2="INTERRUPTED"), looks=(5,), seeds=(0, 1, 2, 3, 4))
    assert pairs.seeds == ()


def test_seeds_added_after_a_verdict_are_judged_by_the_confidence_sequence():
    arm, control = [*ARM, 0.919], [*CONTROL, 0.9]
    question, pairs = asked(runs(arm), runs(control), shown=frozenset({4, 5}))
    assert pairs.method == "anytime"
    assert pairs.seeds == (4, 5, 0, 1, 2, 3, 6)  # those that were shown first
    d = np.subtract(pairs.arm, pairs.control)
    found = numbers_of(question, pairs)
    assert found.p == pytest.approx(2 * anytime_sign_p(d))  # so few may be skewed
    assert found.p > anytime_p(d)
    spent = ADDED_SHARE * 0.05 / 3
    expected = anytime_interval(d, level=1 - spent)
    assert found.ci_adjusted.high == pytest.approx(expected.high)


def test_differences_that_may_be_skewed_need_their_signs_too():
    gains = [0.02, 0.02, 0.021, 0.019, 0.02, 0.02, 0.02]
    control = [*CONTROL, 0.9]
    skewed = [x + y for x, y in zip(control, gains, strict=True)]
    question, pairs = asked(runs(skewed), runs(control), shown=frozenset({0, 1, 2}))
    bounds = bounds_of(question, pairs)
    spent = ADDED_SHARE * 0.05 / 3
    assert anytime_interval(np.subtract(skewed, control), level=1 - spent).low > 0
    assert bounds.adjusted.low == 0.0  # seven wins are worth 27, and far more is asked for


def test_no_seeds_after_those_that_were_shown_are_judged_as_planned():
    assert asked(shown=frozenset(range(6)))[1].method == "paired"


def test_arms_that_share_no_seed_are_compared_without_pairs():
    question, pairs = asked(runs(ARM, first=10), seeds=())
    assert pairs.method == "welch"
    found = numbers_of(question, pairs)
    expected = unpaired_contrast(ARM, CONTROL, margin=0.005, alpha=0.05, family_size=3)
    assert (found.ci_adjusted, found.p) == (expected.ci_adjusted, expected.p)
    assert (found.n_pairs, found.sd, found.p_sign_flip) == (0, None, None)


def test_planned_seeds_that_all_failed_somewhere_are_no_unpaired_arms():
    assert asked(runs(ARM[:3]), runs(CONTROL[3:], first=3))[1].method == "paired"


def test_less_is_better_where_the_question_says_so():
    question, pairs = asked(direction="minimize")
    assert numbers_of(question, pairs).estimate == pytest.approx(-0.0201667, abs=1e-7)


@pytest.mark.parametrize("first", [0, 10])
def test_a_clear_verdict_does_not_hang_on_one_run(first):
    seeds = () if first else QUESTION.seeds
    question, pairs = asked(runs([x + 0.1 for x in ARM], first=first), seeds=seeds)
    assert bounds_of(question, pairs).verdict(question.margin) == "better"
    assert is_verdict_kept(question, pairs, "better")


@pytest.mark.parametrize("first", [0, 10])
def test_a_verdict_that_one_run_overturns_is_seen(first):
    arm = [*[x + 0.004 for x in CONTROL[:5]], 0.95]
    seeds = () if first else QUESTION.seeds
    question, pairs = asked(runs(arm, first=first), seeds=seeds)
    assert bounds_of(question, pairs).verdict(question.margin) == "undecided"
    assert not is_verdict_kept(question, pairs, "undecided")


def test_a_seed_that_failed_before_and_after_is_no_added_one():
    lost = runs(ARM[:5], s5="OOM")
    assert asked(lost, shown=frozenset(range(5)))[1].method == "paired"
    assert asked(runs(ARM), shown=frozenset(range(5)))[1].method == "anytime"


def test_a_look_that_was_planned_is_none_that_was_added():
    changes = {"looks": (3, 6), "shown": frozenset({0, 1, 2})}
    assert asked(**changes)[1].method == "sequential"


def test_seeds_after_the_last_look_that_was_planned_are_added_ones():
    changes = {"looks": (3, 5), "shown": frozenset({0, 1, 2, 3, 4})}
    assert asked(runs(ARM[:5]), **changes)[1].method == "sequential"
    assert asked(**changes)[1].method == "anytime"


def test_looks_planned_after_a_verdict_was_shown_elsewhere_are_no_looks():
    changes = {"looks": (3, 6), "shown": frozenset({0, 1, 2, 3})}
    assert asked(**changes)[1].method == "anytime"


def test_added_seeds_come_in_the_order_in_which_they_were_planned():
    arm, control = runs([*ARM, 0.9, 0.91]), runs([*CONTROL, 0.88, 0.89])
    seeds = (0, 1, 2, 7, 6, 3, 4, 5)
    assert asked(arm, control, seeds=seeds, shown=frozenset({1, 2}))[1].seeds == (
        *(1, 2, 0, 7, 6, 3, 4, 5),
    )


def test_a_look_with_a_hole_in_it_is_not_reached():
    arm = runs(ARM)
    del arm[2]
    assert asked(arm, looks=(3, 6))[1].ended == ()
    assert asked(looks=(3, 6))[1].ended == (0, 1, 2, 3, 4, 5)
