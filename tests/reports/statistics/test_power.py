"""Power against published tables, statsmodels where it converges, and a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from reports.statistics.paired import paired_contrast
from reports.statistics.power import minimum_detectable, paired_power, seeds_needed


@pytest.mark.parametrize(
    ("n", "effect"), [(3, 3.26), (5, 1.68), (10, 1.00), (20, 0.66), (30, 0.53)]
)
def test_detectable_effect_at_80_percent_is_that_of_the_tables(n, effect):
    assert minimum_detectable(1.0, n, alpha=0.05) == pytest.approx(effect, abs=0.005)


@pytest.mark.parametrize(("n", "effect"), [(5, 2.63), (10, 1.33), (20, 0.84), (30, 0.66)])
def test_detectable_effect_at_one_percent_level(n, effect):
    assert minimum_detectable(1.0, n, alpha=0.01) == pytest.approx(effect, abs=0.005)


@pytest.mark.parametrize(("effect", "n"), [(1.0, 10), (0.5, 34)])
def test_seeds_needed_are_rounded_up(effect, n):
    # 9.938 and 33.367 pairs for 80 % power at alpha 0.05
    assert seeds_needed(1.0, effect, alpha=0.05) == n


@pytest.mark.parametrize(("effect", "n"), [(0.3, 5), (1.0, 10), (2.0, 4), (0.5, 40)])
def test_power_agrees_with_statsmodels(effect, n):
    expected = TTestPower().power(effect, n, 0.05)
    assert paired_power(effect, n, alpha=0.05) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6, 0.001])
@pytest.mark.parametrize("n", [3, 4, 5, 12])
def test_detectable_effect_has_the_power_it_promises(n, alpha):
    effect = minimum_detectable(1.0, n, alpha=alpha)
    assert paired_power(effect, n, alpha=alpha) == pytest.approx(0.8, abs=1e-6)


def test_detectable_difference_is_in_the_unit_of_the_spread():
    assert minimum_detectable(0.02, 5, alpha=0.05) == pytest.approx(
        0.02 * minimum_detectable(1.0, 5, alpha=0.05)
    )


def test_without_spread_three_seeds_show_anything():
    assert minimum_detectable(0.0, 3, alpha=0.05) == 0.0
    assert seeds_needed(0.0, 0.001, alpha=0.05) == 3


def test_seeds_beyond_a_million_are_not_promised():
    assert seeds_needed(1.0, 1e-4, alpha=0.05) is None


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
