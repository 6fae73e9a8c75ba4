"""Sequential decisions: rules by hand, error rates and savings by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from reports.statistics.boundaries import spent_nominal_level
from reports.statistics.intervals import t_interval
from reports.statistics.sequential import SequentialPlan

LOOKS = (5, 10, 15, 20)
PLAN = SequentialPlan(LOOKS, alpha=0.05, margin=1.0)


def studies(n_studies, mean, seed):
    return np.random.default_rng(seed).normal(mean, 1.0, (n_studies, LOOKS[-1]))


def ends(plan, mean, *, n_studies=2_000, seed=20260):
    """The first final decision of each simulated study."""
    return [plan.first_decided(list(d)) for d in studies(n_studies, mean, seed)]


def share(decisions, state):
    return sum(decision.state == state for decision in decisions) / len(decisions)


def test_interval_is_the_t_interval_at_the_nominal_level():
    d = [0.1, 0.4, -0.2, 0.3, 0.5]
    expected = t_interval(
        float(np.mean(d)), float(np.std(d, ddof=1)) / math.sqrt(5), df=4, level=1 - PLAN.nominal
    )
    assert PLAN.interval(d) == pytest.approx(expected)


def test_contrasts_share_alpha():
    among_four = SequentialPlan(LOOKS, alpha=0.05, margin=1.0, n_contrasts=4)
    assert among_four.alpha_each == 0.0125
    assert among_four.nominal == SequentialPlan(LOOKS, alpha=0.0125, margin=1.0).nominal


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([2.0, 2.1, 1.9, 2.0, 2.1], "different"),
        ([-2.0, -2.1, -1.9, -2.0, -2.1], "different"),
        ([0.1, -0.1, 0.0, 0.1, -0.1], "equivalent"),
        ([3.0, -3.0, 0.0, 2.0, -1.0], "continue"),
        ([3.0, -3.0, 0.0, 2.0, -1.0] * 4, "undecided-at-max"),
    ],
)
def test_state_follows_the_interval(values, state):
    decision = PLAN.decide(values)
    assert decision.state == state
    assert decision.is_final == (state != "continue")
    assert decision.look == decision.n_pairs == len(values)


def test_small_but_clear_difference_is_equivalent():
    decision = PLAN.decide([0.5, 0.51, 0.49, 0.5, 0.51])
    assert decision.state == "equivalent"
    assert decision.interval is not None
    assert decision.interval.low > 0


@pytest.mark.parametrize("sign", [1, -1])
def test_interval_that_reaches_the_margin_is_not_equivalent(sign):
    d = [sign * x for x in (0.1, -0.05, 0.0, 0.1, -0.1)]
    edge = max(map(abs, PLAN.interval(d)))
    assert SequentialPlan(LOOKS, alpha=0.05, margin=edge).decide(d).state == "continue"
    assert SequentialPlan(LOOKS, alpha=0.05, margin=1.001 * edge).decide(d).state == "equivalent"


@pytest.mark.parametrize(("value", "state"), [(0.0, "equivalent"), (3.0, "different")])
def test_equal_differences_are_decided_at_once(value, state):
    decision = PLAN.decide([value] * 5)
    assert decision.state == state
    assert decision.interval == (value, value)


def test_path_gives_each_look_reached_and_leaves_later_seeds_waiting():
    d = list(studies(1, 0.5, 3)[0])
    path = PLAN.path(d[:13])
    assert [step.look for step in path] == [5, 10]
    assert path == [PLAN.decide(d[:5]), PLAN.decide(d[:10])]
    assert PLAN.path(d[:4]) == []


def test_path_stops_at_the_first_final_look():
    d = [3.0, -3.0, 0.0, 2.0, -1.0, *[5.0, 5.1, 4.9, 5.0, 5.2] * 3]
    path = PLAN.path(d)
    assert [step.state for step in path][:3] == ["continue", "continue", "different"]
    assert PLAN.first_decided(d) == path[2]
    assert PLAN.first_decided(d[:10]) is None


def test_estimate_of_the_first_look_is_kept():
    decision = PLAN.decide([1.0, 2.0, 3.0, None, 2.0, *[9.0] * 5])
    assert decision.estimate_at_first_look == 2.0
    assert decision.estimate == pytest.approx(53 / 9)


def test_missing_pairs_widen_the_interval_and_keep_the_look():
    d = [0.1, 0.4, None, 0.3, 0.5]
    decision = PLAN.decide(d)
    assert (decision.look, decision.n_pairs) == (5, 4)
    four = [0.1, 0.4, 0.3, 0.5]
    expected = t_interval(
        float(np.mean(four)), float(np.std(four, ddof=1)) / 2, df=3, level=1 - PLAN.nominal
    )
    assert decision.interval == pytest.approx(expected)


def test_pairs_missing_before_change_what_a_look_may_spend():
    d = list(studies(1, 0.5, 7)[0][:10])
    d[1] = d[2] = None
    pairs = [x for x in d if x is not None]
    level = spent_nominal_level(LOOKS, 0.05, (3, 8))
    assert level < PLAN.nominal
    error = float(np.std(pairs, ddof=1)) / math.sqrt(8)
    expected = t_interval(float(np.mean(pairs)), error, df=7, level=1 - level)
    assert PLAN.interval(d) == pytest.approx(expected)


def test_too_few_pairs_decide_nothing():
    decision = PLAN.decide([5.0, None, None, 5.0, None])
    assert (decision.state, decision.interval, decision.estimate) == ("continue", None, 5.0)
    empty = PLAN.decide([None] * 20)
    assert (empty.state, empty.n_pairs, empty.estimate) == ("undecided-at-max", 0, None)
    assert empty.estimate_at_first_look is None


def test_seeds_between_looks_are_refused():
    with pytest.raises(
        ValueError, match=r"must be that of a look, got 7; wait .* \(looks: 5, 10, 15, 20\)"
    ):
        PLAN.decide([0.1] * 7)


def test_value_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="must be finite, got nan at position 1"):
        PLAN.decide([0.1, math.nan, 0.2, 0.1, 0.3])


@pytest.mark.parametrize("looks", [(), (2, 5), (5, 5), (10, 5)])
def test_looks_that_do_not_increase_from_three_are_refused(looks):
    with pytest.raises(ValueError, match="looks must increase from 3 or more, got"):
        SequentialPlan(looks, alpha=0.05, margin=1.0)


@pytest.mark.parametrize("alpha", [0.0, 0.5, -0.1, math.nan])
def test_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha must be in \(0, 0.5\), got"):
        SequentialPlan(LOOKS, alpha=alpha, margin=1.0)


def test_all_problems_are_told_at_once():
    with pytest.raises(ValueError, match=r"margin must be > 0, got 0.*n_contrasts must be >= 1"):
        SequentialPlan(LOOKS, alpha=0.05, margin=0, n_contrasts=0)


@pytest.mark.parametrize("seed", range(5))
def test_other_units_change_no_state(seed):
    d = studies(1, 0.6, seed)[0]
    scaled = SequentialPlan(LOOKS, alpha=0.05, margin=100.0)
    assert [s.state for s in scaled.path(list(100 * d))] == [s.state for s in PLAN.path(list(d))]


@pytest.mark.parametrize("seed", range(5))
def test_opposite_signs_mirror_the_path(seed):
    d = studies(1, 0.6, seed)[0]
    for there, back in zip(PLAN.path(list(d)), PLAN.path(list(-d)), strict=True):
        assert there.interval is not None
        assert back.interval == pytest.approx(there.interval.flipped())
        assert back.state == there.state


@pytest.mark.parametrize(("effect", "seeds"), [(1.0, 11.5), (1.5, 8.1), (2.0, 6.6), (3.0, 5.2)])
def test_large_effects_save_seeds(effect, seeds):
    assert PLAN.expected_seeds(effect) == pytest.approx(seeds, abs=0.12)


@pytest.mark.parametrize(("margin", "seeds"), [(1.0, 14.2), (1.5, 9.4), (2.0, 7.5)])
def test_wide_margin_saves_seeds_where_nothing_differs(margin, seeds):
    plan = SequentialPlan(LOOKS, alpha=0.05, margin=margin)
    # the table is rounded, and its own simulation is as uncertain as this one
    assert plan.expected_seeds(0.0, sd=1.0) == pytest.approx(seeds, abs=0.17)


def test_without_a_margin_in_sight_nothing_is_saved_where_nothing_differs():
    assert PLAN.expected_seeds(0.0) == pytest.approx(19.5, abs=0.1)


def test_margin_counts_in_standard_deviations():
    wide = SequentialPlan(LOOKS, alpha=0.05, margin=0.02)
    assert wide.expected_seeds(0.0, sd=0.01) == SequentialPlan(
        LOOKS, alpha=0.05, margin=2.0
    ).expected_seeds(0.0, sd=1.0)
    assert wide.expected_seeds(0.0, sd=0.0) == 5


def test_expected_seeds_are_the_same_bits_at_every_call():
    assert PLAN.expected_seeds(0.7) == PLAN.expected_seeds(0.7)


def test_expected_seeds_agree_with_decisions_along_paths():
    decisions = ends(PLAN, 0.8, n_studies=1_000)
    looks = [decision.look for decision in decisions]
    error = float(np.std(looks)) / math.sqrt(1_000)
    assert np.mean(looks) == pytest.approx(PLAN.expected_seeds(0.8, sd=1.0), abs=3.5 * error)


@pytest.mark.statistical
def test_power_for_one_standard_deviation():
    no_margin = SequentialPlan(LOOKS, alpha=0.05, margin=1e-9)
    assert share(ends(no_margin, 1.0), "different") == pytest.approx(0.969, abs=0.0136)


@pytest.mark.statistical
def test_false_differences_stay_within_alpha():
    no_margin = SequentialPlan(LOOKS, alpha=0.05, margin=1e-9)
    assert share(ends(no_margin, 0.0), "different") == pytest.approx(0.05, abs=0.017)


@pytest.mark.statistical
def test_false_equivalence_at_the_margin_stays_within_half_alpha():
    assert share(ends(PLAN, 1.0), "equivalent") <= 0.025 + 0.0122  # 3.5 standard errors


@pytest.mark.statistical
def test_intervals_cover_the_difference_at_all_looks_at_once():
    covered = 0
    for d in studies(1_000, 0.3, 1):
        steps = PLAN.path(list(d))
        covered += all(s.interval.low <= 0.3 <= s.interval.high for s in steps)
    assert covered / 1_000 >= 0.95 - 0.024  # 3.5 standard errors


@pytest.mark.statistical
def test_first_look_has_no_bias_where_the_stopped_estimate_has():
    decisions = ends(SequentialPlan(LOOKS, alpha=0.05, margin=1e-9), 0.8)
    stopped = np.mean([decision.estimate for decision in decisions])
    first = np.mean([decision.estimate_at_first_look for decision in decisions])
    assert stopped > 0.85
    assert first == pytest.approx(0.8, abs=3.5 / math.sqrt(5 * 2_000))


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("lost", [0.0, 0.03])
def test_five_contrasts_keep_their_family_error(lost):
    plan = SequentialPlan(LOOKS, alpha=0.05, margin=1e-9, n_contrasts=5)
    rng = np.random.default_rng(44)
    n_studies, claimed = 4_000, 0
    for _ in range(n_studies):
        arms = rng.normal(size=(6, LOOKS[-1]))
        arms[rng.random(arms.shape) < lost / 2] = np.nan
        d = arms[1:] - arms[0]
        rows = [[None if math.isnan(x) else x for x in row] for row in d.tolist()]
        claimed += any(plan.first_decided(row).state == "different" for row in rows)
    assert claimed / n_studies <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / n_studies)
    assert claimed / n_studies > 0.03


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("n_pairs", [5, 20])
def test_nominal_level_is_that_of_a_single_t_test(n_pairs):
    d = np.random.default_rng(8).normal(size=(20_000, n_pairs))
    p = stats.ttest_1samp(d, 0.0, axis=1).pvalue
    assert np.mean(p <= PLAN.nominal) == pytest.approx(PLAN.nominal, abs=0.0033)


def test_an_answer_that_lost_runs_would_change_is_none():
    clear = [2.0, 2.1, 1.9, 2.0, None]
    assert PLAN.decide(clear, if_lost=[[*clear[:4], 2.2]]).state == "different"
    assert PLAN.decide(clear, if_lost=[[*clear[:4], -9.0]]).state == "continue"
    small = [0.3, 0.31, 0.29, 0.3, None]  # within the margin, and clear of zero
    assert PLAN.decide(small, if_lost=[[*small[:4], -0.3]]).state == "continue"
    last = [*clear, *[2.0] * 15]
    lost = [*clear[:4], -40.0, *[2.0] * 15]
    assert PLAN.decide(last, if_lost=[lost]).state == "undecided-at-max"


def test_one_arm_and_its_control_take_twice_the_seeds_of_the_contrast():
    expected = 2 * PLAN.expected_seeds(1.0)
    assert PLAN.expected_runs(1, 1.0) == pytest.approx(expected, abs=0.3)


def test_the_control_stays_for_the_last_arm():
    family = SequentialPlan(LOOKS, alpha=0.05, margin=1.0, n_contrasts=6)
    runs, arms = family.expected_runs(6, 1.5), 6 * family.expected_seeds(1.5)
    assert family.expected_seeds(1.5) < runs - arms <= 20
    assert family.expected_runs(6, 9.0) == 7 * 5
    assert family.expected_runs(6, 1.5) == runs
