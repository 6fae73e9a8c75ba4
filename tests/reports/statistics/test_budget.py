"""The expected best of a budget against counting every draw."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from reports.statistics.budget import (
    expected_best,
    expected_best_curve,
    expected_best_plug_in,
)

SCORES = [0.81, 0.93, 0.40, 0.93, 0.77, 0.88, 0.10]
BUDGETS = range(1, len(SCORES) + 1)


@pytest.mark.parametrize("budget", BUDGETS)
def test_it_is_the_mean_over_all_subsets(budget):
    expected = np.mean([max(drawn) for drawn in combinations(SCORES, budget)])
    assert expected_best(SCORES, budget) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
def test_the_plug_in_is_the_mean_over_all_draws_with_replacement(budget):
    expected = np.mean([max(drawn) for drawn in product(SCORES, repeat=budget)])
    assert expected_best_plug_in(SCORES, budget) == pytest.approx(expected, rel=1e-13)


def test_three_trials_by_hand():
    # Pairs of 1, 2, 4: (1, 2) (1, 4) (2, 4); with replacement 1 once, 2 three times, 4 five times.
    assert expected_best([4, 1, 2], 2) == pytest.approx(10 / 3)
    assert expected_best_plug_in([4, 1, 2], 2) == pytest.approx(27 / 9)


def test_a_budget_of_one_is_the_mean_and_of_all_is_the_best():
    for estimate in (expected_best, expected_best_plug_in):
        assert estimate(SCORES, 1) == pytest.approx(np.mean(SCORES))
    assert expected_best(SCORES, 7) == 0.93
    assert expected_best_plug_in(SCORES, 7) < 0.93


@pytest.mark.parametrize("budget", [2, 3, 5])
def test_the_plug_in_is_biased_towards_the_worse(budget):
    assert expected_best_plug_in(SCORES, budget) < expected_best(SCORES, budget)
    smallest = expected_best(SCORES, budget, direction="minimize")
    assert expected_best_plug_in(SCORES, budget, direction="minimize") > smallest


def test_minimising_is_maximising_the_negated_values():
    negated = [-score for score in SCORES]
    for estimate in (expected_best, expected_best_plug_in):
        assert estimate(SCORES, 3, direction="minimize") == -estimate(negated, 3)
    expected = np.mean([min(drawn) for drawn in combinations(SCORES, 3)])
    assert expected_best(SCORES, 3, direction="minimize") == pytest.approx(expected)


def test_the_curve_has_a_value_for_every_budget_and_never_falls():
    curve = expected_best_curve(SCORES)
    assert list(curve) == [expected_best(SCORES, budget) for budget in BUDGETS]
    assert (np.diff(curve) >= -1e-15).all()
    smallest = expected_best_curve(SCORES, direction="minimize")
    assert list(smallest) == [expected_best(SCORES, b, direction="minimize") for b in BUDGETS]


def test_the_curve_of_no_trials_is_empty():
    assert expected_best_curve([]).shape == (0,)


def test_order_of_trials_does_not_change_a_bit():
    assert expected_best(SCORES, 3) == expected_best(SCORES[::-1], 3)


def test_a_thousand_trials_lose_no_precision():
    values = np.arange(1.0, 1001.0)
    # The largest of b out of 1..n is b (n + 1) / (b + 1) on average.
    for budget in (1, 10, 500, 1000):
        expected = budget * 1001 / (budget + 1)
        assert expected_best(values, budget) == pytest.approx(expected, rel=1e-12)


@pytest.mark.statistical
def test_it_is_unbiased_and_the_plug_in_is_not():
    rng = np.random.default_rng(5)
    studies = rng.random((4_000, 8))
    # The largest of 4 uniform draws is 4/5, with a standard error of 0.0018 here.
    unbiased = np.mean([expected_best(study, 4) for study in studies])
    plug_in = np.mean([expected_best_plug_in(study, 4) for study in studies])
    assert unbiased == pytest.approx(0.8, abs=0.006)
    assert plug_in < 0.77


@pytest.mark.parametrize("budget", [0, 8])
def test_a_budget_beyond_the_trials_is_refused(budget):
    message = rf"expected_best: budget must be from 1 to .*, got {budget} of 7; trials that were"
    with pytest.raises(ValueError, match=message):
        expected_best(SCORES, budget)
    with pytest.raises(ValueError, match=rf"expected_best_plug_in: .* got {budget} of 7"):
        expected_best_plug_in(SCORES, budget)


def test_a_missing_score_is_refused():
    with pytest.raises(ValueError, match="expected_best: every value must be finite, got nan"):
        expected_best([0.1, float("nan")], 1)
