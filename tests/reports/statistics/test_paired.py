"""Paired contrasts against published values, identities and degenerate input."""

from __future__ import annotations

from itertools import product

import numpy as np
import pingouin
import pytest
from scipy import stats

from reports.statistics.paired import (
    differences,
    margin_probabilities,
    paired_contrast,
    sign_flip_p,
)

# R's `sleep` (Cushny and Peebles 1905): hours gained on two drugs by the same ten patients.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
TOST = [0.1, -0.2, 0.05, 0.0, -0.1, 0.15, -0.05, 0.1]


def test_sleep_data_give_the_published_paired_t():
    contrast = paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    assert contrast.estimate == pytest.approx(-1.58)
    assert contrast.p == pytest.approx(0.002833, abs=5e-7)
    assert contrast.ci == pytest.approx((-2.45989, -0.70011), abs=1e-5)
    assert contrast.hedges_dz == pytest.approx(-1.2846 * (1 - 3 / 35), abs=1e-4)
    assert contrast.p_sign_flip == 0.00390625
    assert contrast.win_probability == 0.05  # nine losses and a tie


def test_sleep_data_agree_with_scipy():
    contrast = paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    expected = stats.ttest_rel(FIRST, SECOND)
    assert contrast.p == pytest.approx(expected.pvalue)
    assert contrast.correlation == pytest.approx(stats.pearsonr(FIRST, SECOND).statistic)


@pytest.mark.parametrize(("margin", "p"), [(0.1, 0.02958), (0.15, 0.00534), (0.2, 0.00117)])
def test_two_one_sided_tests_give_known_p(margin, p):
    contrast = paired_contrast(TOST, [0.0] * 8, margin=margin, alpha=0.05)
    assert contrast.p_equivalence == pytest.approx(p, abs=5e-6)
    assert contrast.ci_equivalence == pytest.approx((-0.0727, 0.0852), abs=5e-5)


def test_two_one_sided_tests_agree_with_pingouin():
    contrast = paired_contrast(FIRST, SECOND, margin=2.0, alpha=0.05)
    expected = pingouin.tost(FIRST, SECOND, bound=2.0, paired=True)["pval"].item()
    assert contrast.p_equivalence == pytest.approx(expected, abs=1e-6)


def test_posterior_of_the_margin_gives_known_probabilities():
    found = margin_probabilities(np.array(TOST), margin=0.1)
    assert found == pytest.approx((0.0190, 0.9514, 0.0296), abs=5e-5)
    assert found is not None
    contrast = paired_contrast(TOST, [0.0] * 8, margin=0.1, alpha=0.05)
    assert max(found.below, found.above) == contrast.p_equivalence


def test_posterior_is_mirrored_by_negated_differences():
    d = np.array(FIRST) - np.array(SECOND)
    there, back = (margin_probabilities(sign * d, margin=0.5) for sign in (1, -1))
    assert there is not None
    assert back == pytest.approx((there.above, there.within, there.below))
    assert sum(there) == pytest.approx(1.0)


def test_posterior_of_equal_differences_is_certain_and_of_two_is_none():
    assert margin_probabilities(np.full(3, 0.2), margin=0.1) == (0.0, 0.0, 1.0)
    assert margin_probabilities(np.zeros(3), margin=0.1) == (0.0, 1.0, 0.0)
    assert margin_probabilities(np.zeros(2), margin=0.1) is None


@pytest.mark.parametrize("margin", [0.05, 0.0727, 0.0852, 0.0853, 0.09, 0.2])
def test_equivalence_p_and_interval_never_disagree(margin):
    contrast = paired_contrast(TOST, [0.0] * 8, margin=margin, alpha=0.05)
    assert contrast.p_equivalence is not None
    assert contrast.ci_equivalence is not None
    low, high = contrast.ci_equivalence
    assert (contrast.p_equivalence < 0.05) == (-margin < low and high < margin)


def test_three_pairs_by_hand():
    contrast = paired_contrast([0.92, 0.94, 0.93], [0.90, 0.91, 0.92], margin=0.01, alpha=0.05)
    # differences 0.02, 0.03, 0.01: mean 0.02, sd 0.01, se 0.0057735, t(0.975, 2) = 4.302653
    assert contrast.estimate == pytest.approx(0.02)
    assert contrast.sd == pytest.approx(0.01)
    assert contrast.ci == pytest.approx((-0.0048414, 0.0448414), abs=1e-7)
    assert contrast.p_sign_flip == 0.25


def test_family_widens_only_the_simultaneous_intervals():
    alone = paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    among_six = paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05, family_size=6)
    assert among_six.ci == alone.ci
    assert among_six.ci_adjusted == paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05 / 6).ci
    assert among_six.ci_equivalence == pytest.approx(
        paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.1 / 6).ci
    )


def test_swapping_arm_and_control_flips_signs_only():
    there = paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    back = paired_contrast(SECOND, FIRST, margin=0.5, alpha=0.05)
    assert there.ci is not None
    assert back.ci == pytest.approx(there.ci.flipped())
    assert back.p == pytest.approx(there.p)
    assert back.p_sign_flip == there.p_sign_flip
    assert back.win_probability == pytest.approx(1 - (there.win_probability or 0))


def test_a_constant_added_to_both_runs_of_a_seed_changes_nothing():
    luck = [5.0, -3.0, 0.5, 8.0, 2.0, -7.0, 1.0, 4.0, -2.0, 6.0]
    moved = paired_contrast(
        np.add(FIRST, luck), np.add(SECOND, luck), margin=0.5, alpha=0.05, family_size=3
    )
    still = paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05, family_size=3)
    for name in ("estimate", "ci", "ci_adjusted", "p", "p_equivalence", "p_sign_flip"):
        assert getattr(moved, name) == pytest.approx(getattr(still, name))


def test_identical_values_give_zero_width_and_p_of_one():
    contrast = paired_contrast([0.9, 0.8, 0.7], [0.9, 0.8, 0.7], margin=0.01, alpha=0.05)
    assert contrast.ci_adjusted == (0.0, 0.0)
    assert contrast.p == 1.0
    assert contrast.p_sign_flip == 1.0
    assert contrast.p_equivalence == 0.0
    assert contrast.hedges_dz is None
    assert contrast.win_probability == 0.5


def test_equal_differences_give_zero_width_in_spite_of_rounding():
    contrast = paired_contrast([0.3, 0.2, 0.4], [0.2, 0.1, 0.3], margin=0.01, alpha=0.05)
    assert contrast.sd == 0.0
    assert contrast.ci_adjusted == (contrast.estimate, contrast.estimate)
    assert contrast.p == 0.0
    assert contrast.p_equivalence == 1.0


def test_an_arm_without_spread_has_no_correlation():
    contrast = paired_contrast([0.9, 0.9, 0.9], [0.7, 0.8, 0.6], margin=0.01, alpha=0.05)
    assert contrast.correlation is None


def test_two_pairs_give_an_estimate_and_no_interval():
    contrast = paired_contrast([0.9, 0.8], [0.7, 0.7], margin=0.01, alpha=0.05)
    assert contrast.estimate == pytest.approx(0.15)
    assert contrast.sd == pytest.approx(0.0707107, abs=1e-6)
    assert contrast.ci is None
    assert contrast.p is None


def test_one_pair_has_no_spread_and_none_has_nothing():
    one = paired_contrast([0.9], [0.7], margin=0.01, alpha=0.05)
    none = paired_contrast([], [], margin=0.01, alpha=0.05)
    assert one.estimate == pytest.approx(0.2)
    assert one.sd is None
    assert (none.n_pairs, none.estimate) == (0, None)


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="one value per seed, got 2 and 1; pass only complete"):
        paired_contrast([0.1, 0.2], [0.1], margin=0.01, alpha=0.05)


def test_a_missing_value_is_refused():
    with pytest.raises(ValueError, match="arm: every value must be finite, got nan at position 0"):
        paired_contrast([float("nan")], [0.1], margin=0.01, alpha=0.05)


@pytest.mark.parametrize("n", [3, 5, 8, 11])
def test_sign_flip_counts_like_plain_enumeration(n):
    d = np.random.default_rng(n).normal(0.4, 1.0, n)
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True)))
        for signs in product([1, -1], repeat=n)
    ]
    expected = np.mean(np.asarray(sums) >= abs(d.sum()) - 1e-12)
    assert sign_flip_p(d) == pytest.approx(expected)


@pytest.mark.parametrize(("n", "floor"), [(5, 0.0625), (6, 0.03125), (8, 0.0078125)])
def test_sign_flip_of_all_wins_reaches_its_floor(n, floor):
    contrast = paired_contrast(np.arange(1.0, n + 1), [0.0] * n, margin=0.1, alpha=0.05)
    assert contrast.p_sign_flip == floor
    assert contrast.sign_flip_floor == floor


def test_sign_flip_is_left_out_where_enumeration_is_too_long():
    assert sign_flip_p(np.ones(41)) is None


def test_rounding_is_not_a_difference():
    d = differences(np.array([0.1 + 0.2, 0.5]), np.array([0.3, 0.4]))
    assert d[0] == 0.0
    assert d[1] == pytest.approx(0.1)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n_studies", "tolerance"),
    [
        pytest.param(1_000, 0.021),  # three standard errors
        pytest.param(10_000, 0.015, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("seed_effect", [1.0, 20.0])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_interval_covers_the_true_difference_as_often_as_it_says(
    n, seed_effect, n_studies, tolerance
):
    rng = np.random.default_rng(20260)
    covered = 0
    for _ in range(n_studies):
        block = rng.normal(0.0, seed_effect, n)
        arm, control = block + rng.normal(0.3, 1.0, n), block + rng.normal(0.0, 1.0, n)
        contrast = paired_contrast(arm, control, margin=0.5, alpha=0.05)
        assert contrast.ci is not None
        covered += contrast.ci.low <= 0.3 <= contrast.ci.high
    assert covered / n_studies == pytest.approx(0.95, abs=tolerance)
