"""The arms among which the best one is: by hand, under changes that must not matter, by rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.best import among_best

LOW = [0.70, 0.71, 0.72, 0.70, 0.73]
HIGH = [0.90, 0.91, 0.93, 0.90, 0.92]
CLOSE = [0.91, 0.90, 0.92, 0.91, 0.92]
ARMS = {"low": LOW, "high": HIGH, "close": CLOSE}
ALPHA = 0.05


def by_seed(arms):
    return {arm: dict(enumerate(values)) for arm, values in arms.items()}


def test_an_arm_that_another_beats_is_out_and_those_that_none_beats_are_in():
    assert among_best(by_seed(ARMS), alpha=ALPHA) == {"low": False, "high": True, "close": True}


@pytest.mark.parametrize(("n_arms", "is_in"), [(2, False), (3, False), (4, True)])
def test_the_level_is_shared_by_the_other_arms(n_arms, is_in):
    one, other = [0.0, 0.0, 0.0, 0.0], [0.2, 0.9, 0.5, 0.9]
    p = stats.ttest_rel(other, one, alternative="greater").pvalue
    assert ALPHA / 3 < p < ALPHA / 2
    arms = {"one": one, "other": other, "a": other, "b": other}
    held = by_seed(dict(list(arms.items())[:n_arms]))
    assert among_best(held, alpha=ALPHA)["one"] is is_in


def test_the_arm_with_the_highest_mean_is_always_in():
    rng = np.random.default_rng(1)
    for _ in range(50):
        arms = {str(arm): rng.normal(size=4).tolist() for arm in range(4)}
        highest = max(arms, key=lambda arm: np.mean(arms[arm]))
        assert among_best(by_seed(arms), alpha=0.4)[highest]


def test_a_constant_added_to_all_arms_of_a_seed_changes_nothing():
    rng = np.random.default_rng(2)
    seeds = rng.normal(0.0, 0.5, len(LOW))
    moved = {arm: np.add(values, seeds).tolist() for arm, values in ARMS.items()}
    assert among_best(by_seed(moved), alpha=ALPHA) == among_best(by_seed(ARMS), alpha=ALPHA)


def test_minimising_is_maximising_the_negated():
    negated = {arm: (-np.array(values)).tolist() for arm, values in ARMS.items()}
    least = among_best(by_seed(negated), alpha=ALPHA, direction="minimize")
    assert least == among_best(by_seed(ARMS), alpha=ALPHA)
    assert among_best(by_seed(ARMS), alpha=ALPHA, direction="minimize")["low"]


def test_scaling_and_order_change_nothing():
    scaled = {arm: [100 * value for value in ARMS[arm]] for arm in reversed(ARMS)}
    assert among_best(by_seed(scaled), alpha=ALPHA) == among_best(by_seed(ARMS), alpha=ALPHA)


def test_arms_with_two_values_have_no_answer_and_beat_nobody():
    found = among_best(by_seed(ARMS | {"short": [5.0, 5.1]}), alpha=ALPHA)
    assert found == {"low": False, "high": True, "close": True, "short": None}


def test_one_arm_that_is_left_alone_has_no_answer():
    assert among_best(by_seed({"a": LOW}), alpha=ALPHA) == {"a": None}
    assert among_best(by_seed({"a": LOW, "short": [5.0, 5.1]}), alpha=ALPHA) == dict.fromkeys(
        ("a", "short")
    )
    assert among_best({}, alpha=ALPHA) == {}


def test_a_pair_with_two_common_seeds_cannot_tell_its_arms_apart():
    arms = by_seed({"low": LOW}) | {"high": {seed + 3: value for seed, value in enumerate(HIGH)}}
    assert among_best(arms, alpha=ALPHA) == {"low": True, "high": True}


def test_only_common_seeds_are_compared():
    arms = by_seed({"low": LOW, "high": HIGH})
    arms["low"][99] = 1e6
    assert among_best(arms, alpha=ALPHA) == {"low": False, "high": True}


def test_arms_without_spread_are_told_apart_by_any_difference_and_by_nothing_else():
    arms = {"a": LOW, "same": LOW, "above": [value + 0.1 for value in LOW]}
    assert among_best(by_seed(arms), alpha=ALPHA) == {"a": False, "same": False, "above": True}
    del arms["above"]
    assert among_best(by_seed(arms), alpha=ALPHA) == {"a": True, "same": True}


def test_a_value_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"among_best: every value must be finite, got nan"):
        among_best(by_seed({"a": LOW, "b": [0.1, float("nan"), 0.2]}), alpha=ALPHA)


def share_lost(alpha, n_studies, means):
    """How often the arm with the largest true mean, the last, is thrown out."""
    rng, lost = np.random.default_rng(20260), 0
    for _ in range(n_studies):
        values = rng.normal(0.0, 5.0, 5) + rng.normal(0.0, 1.0, (len(means), 5))
        arms = {str(arm): held.tolist() for arm, held in enumerate(values + means[:, None])}
        lost += not among_best(by_seed(arms), alpha=alpha)[str(len(means) - 1)]
    return lost / n_studies


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n_studies", "tolerance"),
    [
        pytest.param(1_000, 0.021),  # three standard errors
        pytest.param(10_000, 0.0065, marks=pytest.mark.slow),
    ],
)
def test_the_truly_best_arm_is_kept_as_often_as_it_says(n_studies, tolerance):
    equal = np.zeros(5)
    assert 0.02 < share_lost(ALPHA, n_studies, equal) < ALPHA + tolerance
    ahead = np.array([0.0, 0.0, 0.0, 0.0, 0.5])
    assert share_lost(ALPHA, n_studies, ahead) < 0.02
    # What would come of tests at alpha each: the family would not be allowed for.
    assert share_lost(4 * ALPHA, n_studies, equal) > ALPHA + 2 * tolerance
