"""Boundaries against published constants, identities and simulated paths."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from reports.statistics.boundaries import (
    crossing_probability,
    equal_nominal_level,
    spent_nominal_level,
)

LOOKS = (5, 10, 15, 20)


@cache
def null_p_values(counts, n_paths=200_000):
    """Two-sided p of the t test at each number of pairs, along paths without a difference."""
    rng = np.random.default_rng(20260)
    sums, squares, p, done = np.zeros(n_paths), np.zeros(n_paths), [], 0
    for n in counts:
        new = rng.normal(size=(n - done, n_paths))
        sums, squares, done = sums + new.sum(axis=0), squares + (new**2).sum(axis=0), n
        t = sums / np.sqrt(n * (squares - sums**2 / n) / (n - 1))
        p.append(2 * stats.t.sf(np.abs(t), n - 1))
    return np.array(p)


def spent_levels(counts, alpha=0.05):
    """The level of every look up to the last of `counts`."""
    return [spent_nominal_level(LOOKS, alpha, counts[: k + 1]) for k in range(len(counts))]


def simulated_crossing(counts, levels):
    return float(np.mean(np.any(null_p_values(counts) <= np.array(levels)[:, None], axis=0)))


@pytest.mark.parametrize(("n_looks", "constant"), [(2, 2.178), (5, 2.413), (10, 2.555)])
def test_many_pairs_give_the_constants_of_pocock(n_looks, constant):
    looks = [1_000 * k for k in range(1, n_looks + 1)]
    levels = [2 * stats.norm.sf(constant)] * n_looks
    # half a last digit of the printed constant is worth 7e-5
    assert crossing_probability(looks, levels) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize(("n_looks", "final"), [(2, 1.977), (5, 2.040)])
def test_many_pairs_give_the_final_constants_of_obrien_and_fleming(n_looks, final):
    looks = [1_000 * k for k in range(1, n_looks + 1)]
    levels = [2 * stats.norm.sf(final * math.sqrt(n_looks / k)) for k in range(1, n_looks + 1)]
    assert crossing_probability(looks, levels) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize(
    ("alpha", "level", "tolerance"),
    [(0.05, 0.0170, 3e-4), (0.025, 0.0080, 1e-4), (0.0125, 0.0038, 1e-4), (0.01, 0.0030, 1e-4)],
)
def test_four_looks_share_alpha_at_the_known_level(alpha, level, tolerance):
    assert equal_nominal_level(LOOKS, alpha) == pytest.approx(level, abs=tolerance)


def test_critical_t_of_four_looks_is_known():
    level = equal_nominal_level(LOOKS, 0.05)
    critical = [stats.t.isf(level / 2, n - 1) for n in LOOKS]
    # rounded results of a simulation, whose own error is 0.02 at the first look
    assert critical == pytest.approx([3.97, 2.94, 2.72, 2.63], abs=0.03)


def test_one_look_rejects_at_its_own_level():
    assert crossing_probability([7], [0.03]) == pytest.approx(0.03)
    assert equal_nominal_level((7,), 0.03) == 0.03


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 12, 0.05 / 200])
@pytest.mark.parametrize("looks", [LOOKS, (5, 10, 15, 20, 25, 30), (3, 5, 10), (3, 4, 5, 6)])
def test_level_spends_alpha_and_never_less_than_bonferroni(looks, alpha):
    level = equal_nominal_level(looks, alpha)
    assert alpha / len(looks) < level < alpha
    spent = crossing_probability(looks, [level] * len(looks))
    assert spent <= alpha
    assert spent == pytest.approx(alpha, rel=2e-4)


def test_two_looks_agree_with_integration_over_the_plane():
    # 2 and 3 pairs: directions on a sphere, where areas are elementary to compute on a grid
    levels, n = (0.05, 0.04), 2_000
    height = (np.arange(n) + 0.5) / n * 2 - 1  # uniform on the sphere, by Archimedes
    turn = (np.arange(n) + 0.5) / n * 2 * np.pi
    flat = np.sqrt(1 - height**2)
    first, second = flat[:, None] * np.cos(turn), flat[:, None] * np.sin(turn)
    third = np.broadcast_to(height[:, None], first.shape)
    at_two = (first + second) / np.sqrt(2 * (first**2 + second**2))
    at_three = (first + second + third) / math.sqrt(3)
    bounds = [stats.t.isf(p / 2, df) for p, df in zip(levels, (1, 2), strict=True)]
    limits = [t / math.sqrt(t * t + df) for t, df in zip(bounds, (1, 2), strict=True)]
    expected = np.mean((np.abs(at_two) > limits[0]) | (np.abs(at_three) > limits[1]))
    assert crossing_probability([2, 3], levels) == pytest.approx(expected, rel=5e-3)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("counts", "levels"),
    [
        (LOOKS, (0.017,) * 4),
        (LOOKS, (0.002, 0.01, 0.02, 0.03)),
        ((3, 5, 10), (0.02,) * 3),
        ((3, 4, 5, 6, 7, 8), (0.02,) * 6),
        ((5, 20, 21), (0.03,) * 3),
    ],
)
def test_crossing_probability_is_what_a_simulation_finds(counts, levels):
    error = math.sqrt(0.05 * 0.95 / 200_000)
    expected = simulated_crossing(counts, levels)
    assert crossing_probability(counts, levels) == pytest.approx(expected, abs=3.5 * error)


def test_small_alpha_is_resolved():
    # at this level looks are nearly disjoint events: the error is just below the sum of the p
    spent = crossing_probability(LOOKS, [1e-7] * 4)
    assert 3.8e-7 < spent < 4e-7


def test_planned_pairs_spend_as_planned():
    level = equal_nominal_level(LOOKS, 0.05)
    assert spent_levels(LOOKS) == [level] * 4


@pytest.mark.parametrize("counts", [(4, 9, 14, 19), (3, 8, 15, 20), (3, 6, 10, 13)])
def test_missing_pairs_spend_no_more_than_planned_by_any_look(counts):
    planned = equal_nominal_level(LOOKS, 0.05)
    levels = spent_levels(counts)
    for k in range(1, 5):
        budget = crossing_probability(LOOKS[:k], [planned] * k)
        spent = crossing_probability(counts[:k], levels[:k])
        assert spent <= budget * 1.0001
        assert spent == pytest.approx(budget, rel=1e-3)


@pytest.mark.statistical
def test_missing_pairs_keep_the_level_where_the_planned_constant_would_not():
    counts = (3, 8, 15, 20)
    kept = simulated_crossing(counts, spent_levels(counts))
    loose = simulated_crossing(counts, [equal_nominal_level(LOOKS, 0.05)] * 4)
    assert kept == pytest.approx(0.05, abs=0.0017)  # 3.5 standard errors
    assert loose > 0.052


def test_look_at_fewer_than_three_pairs_decides_nothing_and_spends_nothing():
    levels = spent_levels((2, 10))
    budget = crossing_probability(LOOKS[:2], [equal_nominal_level(LOOKS, 0.05)] * 2)
    assert levels[0] == 0.0
    assert levels[1] == pytest.approx(budget, rel=1e-4)


def test_look_without_a_new_pair_repeats_its_level():
    levels = spent_levels((5, 8, 8))
    assert levels[1] == levels[2]


def test_look_after_a_repeated_one_may_spend_what_that_left():
    levels = spent_levels((5, 5, 15, 20))
    assert crossing_probability((5, 15, 20), (levels[0], *levels[2:])) == pytest.approx(
        0.05, rel=1e-3
    )


def test_levels_are_the_same_bits_at_every_call():
    before = equal_nominal_level(LOOKS, 0.05), spent_levels((4, 9))
    equal_nominal_level.cache_clear()
    spent_nominal_level.cache_clear()
    assert before == (equal_nominal_level(LOOKS, 0.05), spent_levels((4, 9)))


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 12])
@pytest.mark.parametrize("looks", [LOOKS, (5, 10, 15, 20, 25, 30), (3, 5, 10)])
def test_level_holds_over_a_million_paths(looks, alpha):
    level = equal_nominal_level(looks, alpha)
    p = null_p_values(looks, 1_000_000)
    error = math.sqrt(alpha * (1 - alpha) / 1_000_000)
    assert np.mean(p.min(axis=0) <= level) == pytest.approx(alpha, abs=3.5 * error)
