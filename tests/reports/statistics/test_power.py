"""Power against published tables, statsmodels where it converges, and a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from reports.statistics.paired import paired_contrast
from reports.statistics.power import (
    detectable_in_sd,
    minimum_detectable,
    paired_power,
    seeds_for_win_probability,
    seeds_needed,
    unpaired_power,
)


@pytest.mark.parametrize(
    ("n", "effect"), [(3, 3.26), (5, 1.68), (10, 1.00), (20, 0.66), (30, 0.53)]
)
def test_detectable_effect_at_80_percent_is_that_of_the_tables(n, effect):
    assert minimum_detectable(1.0, n, alpha=0.05) == pytest.approx(effect, abs=0.005)


@pytest.mark.parametrize(
    ("n", "effect"), [(3, 7.32), (5, 2.63), (10, 1.33), (20, 0.84), (30, 0.66)]
)
def test_detectable_effect_at_one_percent_level(n, effect):
    # Of three pairs statsmodels says 7.17; five million simulated studies have power 0.787 there.
    assert minimum_detectable(1.0, n, alpha=0.01) == pytest.approx(effect, abs=0.005)


@pytest.mark.parametrize(("effect", "n"), [(1.0, 10), (0.5, 34)])
def test_seeds_needed_are_rounded_up(effect, n):
    # 9.938 and 33.367 pairs for 80 % power at alpha 0.05
    assert seeds_needed(1.0, effect, alpha=0.05) == n


@pytest.mark.parametrize(
    ("effect", "n", "power"), [(1.0, 9.938, 0.8), (1.0, 12.585, 0.9), (0.5, 33.367, 0.8)]
)
def test_pairs_between_two_whole_numbers_have_the_power_of_the_tables(effect, n, power):
    assert paired_power(effect, n, alpha=0.05) == pytest.approx(power, abs=3e-5)
    assert seeds_needed(1.0, effect, alpha=0.05, power=power) == np.ceil(n)


def test_power_of_two_arms_without_pairs_is_that_of_the_tables():
    assert unpaired_power(1.0, 20, alpha=0.05) == pytest.approx(0.86895, abs=5e-6)
    assert unpaired_power(1.0, 22.021, alpha=0.05) == pytest.approx(0.9, abs=1e-5)
    expected = TTestIndPower().power(0.7, 6, 0.01)
    assert unpaired_power(0.7, 6, alpha=0.01) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.05, 0.034, 0.05 / 6, 0.05 / 200])
@pytest.mark.parametrize("ratio", [0.02, 0.11, 0.5, 1.3, 3.7, 4.0, 60.0])
def test_seeds_needed_are_the_fewest_that_have_the_power(ratio, alpha):
    n = seeds_needed(0.01, 0.01 * ratio, alpha=alpha)
    assert n is not None
    assert paired_power(ratio, n, alpha=alpha) >= 0.8
    assert n == 3 or paired_power(ratio, n - 1, alpha=alpha) < 0.8


def test_seeds_needed_agree_with_statsmodels_where_it_converges():
    for ratio in (0.15, 0.4, 0.8):
        expected = TTestPower().solve_power(ratio, power=0.8, alpha=0.01)
        assert seeds_needed(1.0, ratio, alpha=0.01) == np.ceil(expected)


@pytest.mark.parametrize(("power", "n"), [(0.95, 29), (0.8, 17)])
def test_noether_gives_the_sizes_of_the_benchmark_literature(power, n):
    # 28.86 and 16.5
    assert seeds_for_win_probability(0.75, alpha=0.05, power=power) == n


def test_no_number_of_seeds_shows_a_win_that_is_none():
    assert seeds_for_win_probability(0.5, alpha=0.05) is None
    assert seeds_for_win_probability(0.3, alpha=0.05) is None


def test_a_win_probability_of_three_quarters_is_a_shift_of_0_95_standard_deviations():
    shift = np.sqrt(2) * stats.norm.ppf(0.75)
    assert shift == pytest.approx(0.95, abs=0.005)
    needed = seeds_for_win_probability(0.75, alpha=0.05)
    assert needed is not None
    # The t test on that shift, one-sided at 5 %, has about the same power with as many runs.
    assert unpaired_power(shift, needed, alpha=0.1) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(("effect", "n"), [(0.3, 5), (1.0, 10), (2.0, 4), (0.5, 40)])
def test_power_agrees_with_statsmodels(effect, n):
    expected = TTestPower().power(effect, n, 0.05)
    assert paired_power(effect, n, alpha=0.05) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6, 0.001])
@pytest.mark.parametrize("n", [3, 4, 5, 12])
def test_detectable_effect_has_the_power_it_promises(n, alpha):
    effect = minimum_detectable(1.0, n, alpha=alpha)
    assert effect is not None
    assert paired_power(effect, n, alpha=alpha) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("n", [12, 20, 30])
def test_detectable_effect_agrees_with_statsmodels_where_it_converges(n):
    expected = TTestPower().solve_power(nobs=n, power=0.8, alpha=0.01)
    assert detectable_in_sd(n, alpha=0.01) == pytest.approx(expected, rel=1e-5)


def test_detectable_effect_is_known_before_any_run():
    assert detectable_in_sd(5, alpha=0.05) == minimum_detectable(1.0, 5, alpha=0.05)
    in_sd = detectable_in_sd(10, alpha=0.05)
    assert in_sd is not None
    assert seeds_needed(1.0, in_sd * 1.0001, alpha=0.05) == 10


@pytest.mark.parametrize("n", [0, 1, 2])
def test_below_three_seeds_nothing_can_be_resolved(n):
    assert detectable_in_sd(n, alpha=0.05) is None
    assert minimum_detectable(0.01, n, alpha=0.05) is None


def test_detectable_effects_at_two_levels_are_not_mixed_up():
    at_5, at_1 = (minimum_detectable(1.0, 7, alpha=alpha) for alpha in (0.05, 0.01))
    assert minimum_detectable(1.0, 7, alpha=0.05) == at_5
    assert at_5 is not None
    assert at_1 is not None
    assert at_1 > at_5


def test_detectable_difference_is_in_the_unit_of_the_spread():
    in_sd = detectable_in_sd(5, alpha=0.05)
    assert in_sd is not None
    assert minimum_detectable(0.02, 5, alpha=0.05) == pytest.approx(0.02 * in_sd)


def test_without_spread_three_seeds_show_anything():
    assert minimum_detectable(0.0, 3, alpha=0.05) == 0.0
    assert seeds_needed(0.0, 0.001, alpha=0.05) == 3


def test_seeds_beyond_a_million_are_not_promised():
    assert seeds_needed(1.0, 1e-4, alpha=0.05) is None
    assert seeds_needed(1.0, 0.0028, alpha=0.05) is None  # 1,001,105
    assert seeds_needed(1.0, 1e-300, alpha=0.05) is None
    assert seeds_needed(1.0, 0.0029, alpha=0.05) == 933_280


def test_no_number_of_seeds_shows_a_difference_of_nothing():
    assert seeds_needed(1.0, 0.0, alpha=0.05) is None


@pytest.mark.statistical
def test_power_at_three_seeds_is_what_a_simulation_finds():
    rng = np.random.default_rng(7)
    effect, alpha, n_studies = minimum_detectable(1.0, 3, alpha=0.05 / 6), 0.05 / 6, 1_000
    found = 0
    for _ in range(n_studies):
        d = rng.normal(effect, 1.0, 3)
        p = paired_contrast(d, [0.0] * 3, margin=0.1, alpha=alpha).p
        found += p is not None and p <= alpha
    assert found / n_studies == pytest.approx(0.8, abs=0.038)  # three standard errors
