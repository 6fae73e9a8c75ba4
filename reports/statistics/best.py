"""Which arms cannot be told from the best one.

Called once per group of arms that may be compared. Values are paired by seed; nothing is known here
of verdicts or controls.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Literal

from reports.statistics.intervals import MIN_FOR_INTERVAL, Interval, finite_vector
from reports.statistics.paired import differences, mean_interval


def among_best(
    values: Mapping[str, Mapping[int, float]],
    *,
    alpha: float,
    direction: Literal["maximize", "minimize"] = "maximize",
) -> dict[str, bool | None]:
    """Whether each arm may be the one whose mean over endless seeds is best.

    An arm is out if another beats it in a one-sided paired t test on their common seeds at level
    alpha / (k - 1), k being the number of arms that have an answer. The truly best arm has k - 1
    such tests against it and none in which it is truly beaten: it is thrown out with a probability
    of alpha at most, whichever arms look best. Pairs with fewer than 3 common seeds throw nobody
    out.

    Args:
        values: By arm, one value per seed.
        alpha: Probability of losing the truly best arm; below 0.5.
        direction: Which values are better.

    Returns:
        By arm, in the order given; None for arms with fewer than 3 values, and where they leave
        only one.

    Raises:
        ValueError: A value at a common seed is not finite.

    Source:
        Hsu 1996, Multiple Comparisons, section 4.1 (constrained comparisons with the best); here
        with paired tests and Bonferroni's inequality, so that arms may vary unlike each other.

    Example:
        >>> runs = {"a": [0.70, 0.71, 0.72], "b": [0.90, 0.91, 0.93], "c": [0.91, 0.90, 0.92]}
        >>> among_best({arm: dict(enumerate(held)) for arm, held in runs.items()}, alpha=0.05)
        {'a': False, 'b': True, 'c': True}
    """
    asked = [arm for arm, by_seed in values.items() if len(by_seed) >= MIN_FOR_INTERVAL]
    if len(asked) < 2:  # noqa: PLR2004 - nothing to compare with
        return dict.fromkeys(values)
    level = 1 - 2 * alpha / (len(asked) - 1)
    sign = -1 if direction == "minimize" else 1
    beaten = set()
    for one, other in combinations(asked, 2):
        interval = _interval(values[one], values[other], level)
        if interval is not None and (interval.low > 0 or interval.high < 0):
            beaten.add(other if sign * interval.low > 0 else one)
    return {arm: arm not in beaten if arm in asked else None for arm in values}


def _interval(
    one: Mapping[int, float], other: Mapping[int, float], level: float
) -> Interval | None:
    """Of the mean difference over common seeds, each end a one-sided bound at half of the rest."""
    seeds = sorted(set(one) & set(other))
    if len(seeds) < MIN_FOR_INTERVAL:
        return None
    ones, others = (
        finite_vector([held[seed] for seed in seeds], "among_best") for held in (one, other)
    )
    return mean_interval(differences(ones, others), level=level)
