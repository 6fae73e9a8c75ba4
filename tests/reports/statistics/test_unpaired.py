"""Welch's contrast against published values, scipy, pingouin and degenerate input."""

from __future__ import annotations

import numpy as np
import pingouin
import pytest
from scipy import stats

from reports.statistics.paired import paired_contrast
from reports.statistics.unpaired import unpaired_contrast

# R's `sleep` (Cushny and Peebles 1905), as if the two drugs had been given to other patients.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
# The example in the documentation of pingouin's `tost`.
FEW, MANY = [4, 7, 8, 6, 3, 2], [6, 8, 7, 10, 11, 9]


def test_sleep_data_give_the_published_welch_t():
    contrast = unpaired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    assert contrast.estimate == pytest.approx(-1.58)
    assert contrast.standard_error == pytest.approx(-1.58 / -1.8608, rel=1e-4)
    assert contrast.df == pytest.approx(17.7765, abs=5e-5)
    assert contrast.p == pytest.approx(0.07939, abs=5e-6)
    assert contrast.ci == pytest.approx((-3.36548, 0.20548), abs=1e-5)


def test_sleep_data_resolve_less_without_their_pairs():
    paired = paired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    unpaired = unpaired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    assert paired.ci is not None
    assert unpaired.ci is not None
    assert unpaired.estimate == pytest.approx(paired.estimate)
    assert unpaired.ci.width > 2 * paired.ci.width


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 12), (20, 4)])
def test_unequal_arms_agree_with_scipy(n, m):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.5, 3.0, n), rng.normal(0.0, 1.0, m)
    contrast = unpaired_contrast(a, b, margin=0.5, alpha=0.05, family_size=4)
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert contrast.p == pytest.approx(expected.pvalue)
    assert contrast.df == pytest.approx(expected.df)
    for interval, level in [
        (contrast.ci, 0.95),
        (contrast.ci_adjusted, 0.9875),
        (contrast.ci_equivalence, 0.975),
    ]:
        assert interval == pytest.approx(tuple(expected.confidence_interval(level)))
    wins = stats.mannwhitneyu(a, b).statistic
    assert contrast.win_probability == pytest.approx(wins / (n * m))


def test_equivalence_agrees_with_pingouin():
    contrast = unpaired_contrast(FEW, MANY, margin=1, alpha=0.05)
    expected = pingouin.tost(FEW, MANY, bound=1, correction=True)
    assert contrast.p_equivalence == pytest.approx(expected["pval"].item(), abs=1e-6)
    assert contrast.df == pytest.approx(expected["dof"].item())


def test_equivalence_with_pooled_degrees_of_freedom_is_the_documented_one():
    contrast = unpaired_contrast(FEW, MANY, margin=1, alpha=0.05)
    # With arms of one size pooling changes the degrees of freedom only: 10 instead of 9.49.
    assert contrast.estimate == -3.5
    assert contrast.standard_error is not None
    assert stats.t.sf((1 - 3.5) / contrast.standard_error, 10) == pytest.approx(0.965097, abs=1e-6)


@pytest.mark.parametrize("margin", [0.2, 1.5, 2.0, 2.5, 3.0533, 3.0534, 4.0])
def test_equivalence_p_and_interval_never_disagree(margin):
    contrast = unpaired_contrast(FIRST, SECOND, margin=margin, alpha=0.05)
    assert contrast.p_equivalence is not None
    assert contrast.ci_equivalence is not None
    low, high = contrast.ci_equivalence
    assert (contrast.p_equivalence < 0.05) == (-margin < low and high < margin)


def test_swapping_arm_and_control_flips_signs_only():
    there = unpaired_contrast(FIRST, SECOND[:7], margin=0.5, alpha=0.05)
    back = unpaired_contrast(SECOND[:7], FIRST, margin=0.5, alpha=0.05)
    assert there.ci is not None
    assert back.ci == pytest.approx(there.ci.flipped())
    assert (back.p, back.p_equivalence) == pytest.approx((there.p, there.p_equivalence))
    assert back.win_probability == pytest.approx(1 - (there.win_probability or 0))
    assert (back.n_arm, back.n_control) == (7, 10)


def test_order_of_runs_does_not_change_a_bit():
    there = unpaired_contrast(FIRST, SECOND, margin=0.5, alpha=0.05)
    assert unpaired_contrast(FIRST[::-1], SECOND[::-1], margin=0.5, alpha=0.05) == there


def test_a_run_more_in_one_arm_counts():
    contrast = unpaired_contrast([*FIRST, 9.0], SECOND, margin=0.5, alpha=0.05)
    assert contrast.estimate == pytest.approx(np.mean([*FIRST, 9.0]) - np.mean(SECOND))


@pytest.mark.parametrize(
    ("control", "estimate", "p", "p_equivalence"), [(0.3, 0.0, 1.0, 0.0), (0.2, 0.1, 0.0, 1.0)]
)
def test_arms_that_do_not_vary_give_zero_width(control, estimate, p, p_equivalence):
    # The mean of ten 0.3 and that of three differ by rounding.
    contrast = unpaired_contrast([0.3] * 10, [control] * 3, margin=0.05, alpha=0.05)
    assert contrast.estimate == pytest.approx(estimate)
    assert contrast.ci_adjusted == (contrast.estimate, contrast.estimate)
    assert (contrast.p, contrast.p_equivalence) == (p, p_equivalence)
    assert (contrast.standard_error, contrast.df) == (0.0, None)


def test_an_arm_that_does_not_vary_lends_no_degrees_of_freedom():
    contrast = unpaired_contrast([0.5] * 9, [0.1, 0.2, 0.3], margin=0.05, alpha=0.05)
    assert contrast.df == pytest.approx(2)
    assert contrast.p == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.3], 0.5).pvalue)


def test_two_runs_in_an_arm_give_an_estimate_and_no_interval():
    contrast = unpaired_contrast([0.9, 0.8], FIRST, margin=0.05, alpha=0.05)
    assert contrast.estimate == pytest.approx(0.85 - 0.75)
    assert (contrast.ci, contrast.p, contrast.df) == (None, None, None)


def test_an_arm_without_runs_leaves_nothing_known():
    contrast = unpaired_contrast([], FIRST, margin=0.05, alpha=0.05)
    assert (contrast.n_arm, contrast.n_control, contrast.estimate) == (0, 10, None)


def test_a_missing_value_is_refused():
    with pytest.raises(ValueError, match="unpaired_contrast control: every value must be finite"):
        unpaired_contrast([0.1], [float("nan")], margin=0.05, alpha=0.05)


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "m"), [(5, 5), (5, 15)])
def test_interval_covers_though_the_arms_vary_unequally(n, m):
    rng = np.random.default_rng(77)
    n_studies, covered = 1_000, 0
    for _ in range(n_studies):
        a, b = rng.normal(0.3, 3.0, n), rng.normal(0.0, 1.0, m)
        contrast = unpaired_contrast(a, b, margin=0.5, alpha=0.05)
        assert contrast.ci is not None
        covered += contrast.ci.low <= 0.3 <= contrast.ci.high
    assert covered / n_studies == pytest.approx(0.95, abs=0.021)  # three standard errors
