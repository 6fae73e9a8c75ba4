"""Descriptions of one arm, small samples first."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.descriptives import describe

# The mean of the middle half of 95 % N(0, 1) and 5 % N(-10, 1), by numerical integration.
TRIMMED_MEAN = -0.0717


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


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n_studies", "tolerance"),
    [
        pytest.param(1_000, 0.021),  # three standard errors
        pytest.param(10_000, 0.015, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("n", [3, 5, 10])
def test_interval_of_one_arm_covers_its_mean_as_often_as_it_says(n, n_studies, tolerance):
    # Over seeds of any kind: what a seed does to all arms is part of how far one arm moves.
    rng = np.random.default_rng(n)
    covered = 0
    for values in rng.normal(0, 20, (n_studies, n)) + rng.normal(0.9, 1, (n_studies, n)):
        interval = describe(values, level=0.95).ci
        assert interval is not None
        covered += interval.low <= 0.9 <= interval.high
    assert covered / n_studies == pytest.approx(0.95, abs=tolerance)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n_studies", "tolerance"),
    [
        pytest.param(800, 0.043),  # three standard errors of the lowest
        pytest.param(8_000, 0.0135, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    ("n", "of_mean", "of_iqm"), [(5, 0.890, 0.932), (10, 0.822, 0.939), (20, 0.797, 0.939)]
)
def test_where_runs_collapse_the_interval_of_the_iqm_still_covers(
    n, of_mean, of_iqm, n_studies, tolerance
):
    # One run in twenty fails by ten standard deviations; what covers is found by 100,000 studies.
    rng = np.random.default_rng(n)
    runs = rng.normal(0, 1, (n_studies, n)) - 10.0 * (rng.random((n_studies, n)) < 0.05)
    covered = np.zeros(2)
    for values in runs:
        summary = describe(values, level=0.95)
        assert summary.ci is not None
        assert summary.iqm_ci is not None
        covered += [
            summary.ci.low <= -0.5 <= summary.ci.high,
            summary.iqm_ci.low <= TRIMMED_MEAN <= summary.iqm_ci.high,
        ]
    assert covered / n_studies == pytest.approx([of_mean, of_iqm], abs=tolerance)
