"""Descriptions of one arm, small samples first."""

from __future__ import annotations

import pytest
from scipy import stats

from reports.statistics.descriptives import describe


def test_three_values_by_hand():
    summary = describe([0.3, 0.1, 0.2], level=0.95)
    assert summary.n == 3
    assert summary.mean == pytest.approx(0.2)
    assert summary.sd == pytest.approx(0.1)
    # t(0.975, 2) = 4.302653, times 0.1 / sqrt(3)
    assert summary.ci == pytest.approx((0.2 - 0.248414, 0.2 + 0.248414), abs=1e-6)
    assert (summary.median, summary.min, summary.max) == (0.2, 0.1, 0.3)


def test_iqm_of_three_is_their_mean_with_its_t_interval():
    summary = describe([0.3, 0.1, 0.2], level=0.95)
    assert summary.iqm == summary.mean
    assert summary.iqm_ci == pytest.approx(summary.ci)


def test_iqm_drops_a_quarter_at_each_end():
    assert describe([0.0, 1.0, 2.0, 100.0], level=0.95).iqm == 1.5


def test_iqm_interval_is_that_of_tukey_and_mclaughlin():
    # Winsorised: 1, 1, 2, 3, 4, 5, 6, 6 with g = 2 of 8: 2, 2, 2, 3, 4, 5, 5, 5.
    summary = describe([0, 1, 2, 3, 4, 5, 6, 90], level=0.95)
    winsorised_sd = stats.tstd([2, 2, 2, 3, 4, 5, 5, 5])
    half = stats.t.ppf(0.975, 3) * winsorised_sd / (0.5 * 8**0.5)
    assert summary.iqm_ci == pytest.approx((3.5 - half, 3.5 + half))


def test_one_run_at_chance_hardly_moves_the_iqm():
    healthy = [0.990, 0.991, 0.989, 0.990, 0.992, 0.990, 0.991, 0.989, 0.990]
    whole = describe([*healthy, 0.990], level=0.95)
    collapsed = describe([*healthy, 0.10], level=0.95)
    assert whole.iqm is not None
    assert collapsed.iqm == pytest.approx(whole.iqm, abs=0.001)
    assert collapsed.mean == pytest.approx(0.9012)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.6]])
def test_one_or_two_values_get_no_interval(values):
    summary = describe(values, level=0.95)
    assert summary.mean == pytest.approx(sum(values) / len(values))
    assert summary.ci is None
    assert summary.iqm_ci is None


def test_one_value_has_no_spread():
    assert describe([0.5], level=0.95).sd is None


def test_no_values_describe_nothing():
    summary = describe([], level=0.95)
    assert summary.n == 0
    assert summary.mean is None
    assert summary.iqm is None


def test_equal_values_have_an_interval_without_width():
    summary = describe([0.1, 0.1, 0.1], level=0.95)
    assert summary.sd == 0.0
    assert summary.ci == (summary.mean, summary.mean)


def test_order_of_values_does_not_change_a_bit():
    values = [0.1, 0.7, 0.3, 0.9, 0.2]
    assert describe(values, level=0.95) == describe(values[::-1], level=0.95)


def test_a_missing_value_is_refused():
    with pytest.raises(ValueError, match="describe: every value must be finite, got nan"):
        describe([0.1, float("nan")], level=0.95)
