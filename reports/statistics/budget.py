"""What tuning would have found with fewer trials: the expected best of `budget` of them.

Called to compare arms at equal tuning budgets; where two curves cross, the winner depends on the
budget. Takes validation scores in any order: they are assumed to come of independent draws, as in
random search, and a sampler that learns from its trials makes later ones better than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from reports.statistics.intervals import FloatArray, finite_vector

Direction = Literal["maximize", "minimize"]


def expected_best(
    values: Iterable[float], budget: int, *, direction: Direction = "maximize"
) -> float:
    """Mean over all subsets of `budget` trials of the best in each; unbiased.

    Near a budget of all trials it rests on a few of the best: half of them is as far as it informs.

    Args:
        values: One validation score per trial; a failed trial counts with the worst score.
        budget: Trials that a tuner would have had.
        direction: Whether the best is the largest or the smallest.

    Raises:
        ValueError: The budget is below one or above the number of trials, or a value is not finite.

    Source:
        Tang et al. 2020, arXiv 2004.13705.
    """
    x, sign = _ordered(values, budget, direction, "expected_best")
    n, rank = len(x), np.arange(len(x), budget, -1)
    # C(i-1, b-1) / C(n, b) for i = n, n-1, ..., b: each is the one before times (i - b) / (i - 1).
    weights = np.cumprod(np.concatenate([[budget / n], (rank - budget) / (rank - 1)]))
    return sign * float(np.dot(weights, x[::-1][: len(weights)]))


def expected_best_plug_in(
    values: Iterable[float], budget: int, *, direction: Direction = "maximize"
) -> float:
    """Mean of the best of `budget` draws with replacement; biased towards the worse.

    The twin of `expected_best` that most papers show: to compare with them, not to conclude from.

    Args:
        values: One validation score per trial.
        budget: Draws.
        direction: Whether the best is the largest or the smallest.

    Raises:
        ValueError: As `expected_best`.

    Source:
        Dodge et al. 2019, arXiv 1909.03004.
    """
    x, sign = _ordered(values, budget, direction, "expected_best_plug_in")
    below = (np.arange(len(x) + 1) / len(x)) ** budget
    return sign * float(np.dot(np.diff(below), x))


def expected_best_curve(
    values: Iterable[float], *, direction: Direction = "maximize"
) -> FloatArray:
    """`expected_best` at every budget from one trial to all; empty without trials."""
    x = finite_vector(values, "expected_best_curve")
    budgets = range(1, len(x) + 1)
    return np.array([expected_best(x, budget, direction=direction) for budget in budgets])


def _ordered(
    values: Iterable[float], budget: int, direction: Direction, where: str
) -> tuple[FloatArray, int]:
    """The values from worst to best, larger being better, and the sign that undoes it."""
    sign = 1 if direction == "maximize" else -1
    x = np.sort(sign * finite_vector(values, where))
    if not 1 <= budget <= len(x):
        raise ValueError(
            f"{where}: budget must be from 1 to the number of trials, got {budget} "
            f"of {len(x)}; trials that were not run show nothing"
        )
    return x, sign
