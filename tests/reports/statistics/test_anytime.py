"""Anytime-valid evidence: known values, identities, and crossing rates by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from reports.statistics.anytime import (
    anytime_interval,
    anytime_p,
    anytime_sign_p,
    critical_t,
    is_anytime_different,
    log_e_value,
    log_sign_e_value,
    may_be_skewed,
)

MOST_SEEDS = 30
NORMAL = np.random.default_rng(11).normal(0.4, 1.0, MOST_SEEDS)


def paired_t(d):
    return float(stats.ttest_1samp(d, 0.0).statistic)


def claim_rate(draws, is_claim):
    """Share of studies that claim at some number of seeds up to 30."""
    claimed = sum(any(is_claim(d[:n]) for n in range(2, MOST_SEEDS + 1)) for d in draws)
    return claimed / len(draws)


@pytest.mark.parametrize(
    ("n", "critical"),
    [(5, 8.453), (6, 5.450), (8, 4.251), (10, 3.870), (20, 3.425), (30, 3.347)],
)
def test_critical_t_is_known(n, critical):
    assert critical_t(n, alpha=0.05) == pytest.approx(critical, abs=5e-4)


@pytest.mark.parametrize("n", [5, 12, 30])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_critical_t_is_worth_one_over_alpha(n, alpha):
    critical = critical_t(n, alpha=alpha)
    assert critical is None or log_e_value(critical, n) == pytest.approx(-math.log(alpha))


@pytest.mark.parametrize(("n", "most"), [(1, 1.0), (2, 3**0.5), (4, 5**1.5), (5, 36.0)])
def test_t_wager_has_a_most_it_can_be_worth(n, most):
    assert math.exp(log_e_value(math.inf, n)) == pytest.approx(most)
    assert log_e_value(1e9, n) == pytest.approx(math.log(most))


@pytest.mark.parametrize("n", range(5))
def test_fewer_than_five_differences_claim_nothing(n):
    assert critical_t(n, alpha=0.05) is None
    assert anytime_interval([1.0] * n, level=0.95) is None
    assert anytime_p([1.0] * n) > 0.05


@pytest.mark.parametrize("g", [0.5, 1.0])
@pytest.mark.parametrize(("t", "n"), [(0.0, 5), (2.5, 8), (-4.0, 12)])
def test_t_wager_is_the_integral_it_stands_for(t, n, g):
    # noncentral over central density of t, averaged over the effect ~ N(0, g)
    def weighted(effect):
        density = stats.nct.pdf(t, n - 1, effect * math.sqrt(n))
        return density * stats.norm.pdf(effect, scale=math.sqrt(g))

    averaged = integrate.quad(weighted, -8, 8, limit=200)[0]
    expected = averaged / stats.t.pdf(t, n - 1)
    assert math.exp(log_e_value(t, n, g=g)) == pytest.approx(expected, rel=1e-4)


def test_anytime_p_is_one_over_the_largest_worth_so_far():
    worth = [log_e_value(paired_t(NORMAL[:n]), n) for n in range(2, MOST_SEEDS + 1)]
    assert anytime_p(NORMAL) == pytest.approx(math.exp(-max(0.0, *worth)))
    assert anytime_p(NORMAL) < 1


def test_anytime_p_never_grows_with_more_seeds():
    p = [anytime_p(NORMAL[:n]) for n in range(MOST_SEEDS + 1)]
    assert p == sorted(p, reverse=True)
    assert p[0] == p[1] == 1.0


def test_interval_excludes_zero_where_the_worth_says_so():
    for shift in np.linspace(-2, 2, 41):
        d = NORMAL[:8] + shift
        interval = anytime_interval(d, level=0.95)
        is_excluded = interval.low > 0 or interval.high < 0
        assert is_excluded == (log_e_value(paired_t(d), 8) > math.log(20))
        assert not is_excluded or anytime_p(d) < 0.05


@pytest.mark.parametrize("factor", [1e-200, 100.0])
def test_other_units_change_no_evidence(factor):
    d = [0.2, 0.5, 0.3, 0.6, 0.4, 0.3]
    scaled = [factor * x for x in d]
    assert anytime_p(scaled) == pytest.approx(anytime_p(d))
    assert anytime_sign_p(scaled) == anytime_sign_p(d)


def test_opposite_signs_mirror_the_evidence():
    there, back = anytime_interval(NORMAL, level=0.9), anytime_interval(-NORMAL, level=0.9)
    assert back == pytest.approx(there.flipped())
    assert anytime_p(-NORMAL) == anytime_p(NORMAL)
    assert anytime_sign_p(-NORMAL) == pytest.approx(anytime_sign_p(NORMAL))
    assert is_anytime_different(-(NORMAL + 1), alpha=0.05) == is_anytime_different(
        NORMAL + 1, alpha=0.05
    )


def test_equal_differences_divide_by_nothing():
    assert anytime_interval([0.3] * 6, level=0.95) == (0.3, 0.3)
    assert anytime_p([0.3] * 6) == pytest.approx(7**-2.5)
    assert anytime_p([0.0] * 6) == anytime_sign_p([0.0] * 6) == 1.0
    assert not is_anytime_different([0.0] * 20, alpha=0.05)
    assert not may_be_skewed([0.3] * 20)


@pytest.mark.parametrize(("n", "worth"), [(6, 14.44), (7, 26.81)])
def test_sign_wager_of_wins_only_is_known(n, worth):
    assert math.exp(log_sign_e_value(n, n)) == pytest.approx(worth, abs=5e-3)
    assert math.exp(log_sign_e_value(0, n)) == pytest.approx(worth, abs=5e-3)


@pytest.mark.parametrize("n", [1, 6, 15])
def test_sign_wager_is_worth_one_on_average(n):
    average = sum(math.comb(n, k) * math.exp(log_sign_e_value(k, n)) / 2**n for k in range(n + 1))
    assert average == pytest.approx(1.0)


def test_sign_wager_agrees_with_betting_seed_by_seed():
    # the Krichevsky-Trofimov bet: (wins + 1/2) / (n + 1) on the next win
    wins, worth = 0, 1.0
    for n, is_win in enumerate([True, True, False, True, True, True, False, True]):
        chance = (wins + 0.5) / (n + 1)
        worth *= 2 * (chance if is_win else 1 - chance)
        wins += is_win
    assert math.exp(log_sign_e_value(6, 8)) == pytest.approx(worth)


def test_sign_p_remembers_the_best_moment_and_skips_ties():
    assert anytime_sign_p([1.0] * 7) == pytest.approx(1 / 26.8125)
    assert anytime_sign_p([1.0, 0.0, 0.0] * 7 + [-1.0] * 5) == pytest.approx(1 / 26.8125)


def test_few_differences_may_always_be_skewed():
    symmetric = list(special.ndtri((np.arange(14) + 0.5) / 14))
    assert may_be_skewed(symmetric)
    assert not may_be_skewed([*symmetric, 0.0])


def test_long_tail_is_seen():
    tail = list(-np.log1p(-(np.arange(20) + 0.5) / 20))
    assert may_be_skewed(tail)
    assert may_be_skewed([-x for x in tail])


def test_skewed_differences_need_eight_wins_at_five_percent():
    d = [0.9, 1.0, 1.1, 1.0, 0.9, 1.05, 0.95, 1.0]
    assert not is_anytime_different(d[:7], alpha=0.05)
    assert is_anytime_different(d, alpha=0.05)


def test_signs_on_the_other_side_stop_a_claim():
    # many small losses and a mean above zero: the two wagers speak of different things
    d = [-0.01] * 40 + [9.0] * 12
    assert anytime_interval(d, level=0.95).low > 0
    assert log_sign_e_value(12, 52) > math.log(40)
    assert not is_anytime_different(d, alpha=0.05)


@pytest.mark.parametrize(
    "function",
    [
        anytime_p,
        anytime_sign_p,
        may_be_skewed,
        lambda d: anytime_interval(d, level=0.95),
        lambda d: is_anytime_different(d, alpha=0.05),
    ],
)
def test_value_that_is_not_finite_is_refused(function):
    with pytest.raises(ValueError, match="every value must be finite, got inf at position 1"):
        function([0.1, math.inf])


@pytest.mark.statistical
def test_t_wager_crosses_seldom_where_nothing_differs():
    draws = np.random.default_rng(20260).normal(size=(20_000, MOST_SEEDS))
    rate = np.mean([anytime_p(d) <= 0.05 for d in draws])
    assert rate == pytest.approx(0.0225, abs=0.0035)  # 3.3 standard errors


@pytest.mark.statistical
def test_sign_wager_crosses_seldom_whatever_the_distribution_of_sizes():
    sizes = np.exp(np.random.default_rng(5).normal(size=(10_000, MOST_SEEDS)))
    signs = np.random.default_rng(6).choice([-1.0, 1.0], size=sizes.shape)
    assert np.mean([anytime_sign_p(d) <= 0.05 for d in sizes * signs]) <= 0.05


@pytest.mark.statistical
def test_guard_halves_the_claims_of_exponential_differences():
    draws = np.random.default_rng(20260).exponential(size=(1_000, MOST_SEEDS)) - 1.0
    unguarded = np.mean([anytime_p(d) <= 0.05 for d in draws])
    suspects = [d for d in draws if anytime_p(d) <= 0.05]  # no claim without the t wager
    guarded = claim_rate(suspects, lambda d: is_anytime_different(d, alpha=0.05))
    assert unguarded == pytest.approx(0.108, abs=0.034)
    assert guarded * len(suspects) / 1_000 == pytest.approx(0.052, abs=0.025)


@pytest.mark.slow
@pytest.mark.statistical
def test_guarded_claims_of_exponential_differences_stay_near_alpha():
    draws = np.random.default_rng(1).exponential(size=(100_000, MOST_SEEDS)) - 1.0
    suspects = [d for d in draws if anytime_p(d) <= 0.05]
    guarded = claim_rate(suspects, lambda d: is_anytime_different(d, alpha=0.05))
    assert guarded * len(suspects) / 100_000 <= 0.055


@pytest.mark.statistical
def test_guard_costs_little_power_for_gaussian_differences():
    draws = np.random.default_rng(20260).normal(1.0, 1.0, (500, MOST_SEEDS))
    rate = claim_rate(draws, lambda d: is_anytime_different(d, alpha=0.05))
    assert rate == pytest.approx(0.975, abs=0.025)
