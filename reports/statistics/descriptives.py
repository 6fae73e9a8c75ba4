"""What the runs of one arm look like, before anything is compared.

Called by the analysis for every arm and every probe; an interval here says where the mean would
lie over another draw of seeds, with the same data and recipe.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reports.statistics.intervals import (
    MIN_FOR_INTERVAL,
    FloatArray,
    Interval,
    finite_vector,
    spread,
    standard_error,
    t_interval,
)

_TRIM = 0.25


@dataclass(frozen=True)
class Description:
    """Centre and spread of `n` values; what `n` is too small for is None."""

    n: int
    mean: float | None
    sd: float | None
    ci: Interval | None
    median: float | None
    min: float | None
    max: float | None
    iqm: float | None
    iqm_ci: Interval | None


def describe(values: Iterable[float], *, level: float) -> Description:
    """Mean, spread, quartile mean and their intervals.

    Args:
        values: One per run, any order.
        level: Coverage of both intervals, as a fraction.

    Raises:
        ValueError: A value is not finite.
    """
    x = finite_vector(values, "describe")
    n = len(x)
    if n == 0:
        return Description(0, *[None] * 8)
    x = np.sort(x)  # sums then have one order, so a shuffled table gives the same bits
    mean, sd = float(np.mean(x)), spread(x) if n > 1 else None
    interval = None
    if sd is not None and n >= MIN_FOR_INTERVAL:
        interval = t_interval(mean, standard_error(sd, n), df=n - 1, level=level)
    return Description(
        n=n,
        mean=mean,
        sd=sd,
        ci=interval,
        median=float(np.median(x)),
        min=float(x[0]),
        max=float(x[-1]),
        iqm=_trimmed_mean(x),
        iqm_ci=_iqm_interval(x, level) if n >= MIN_FOR_INTERVAL else None,
    )


def _iqm_interval(ordered: FloatArray, level: float) -> Interval:
    """Tukey and McLaughlin's interval for the 25 % trimmed mean (1963, Sankhya A 25).

    It cuts `n // 4` values from each end: none at n = 3, where it is the t interval.
    """
    n = len(ordered)
    cut = int(_TRIM * n)
    winsorised = np.clip(ordered, ordered[cut], ordered[n - cut - 1])
    error = spread(winsorised) / ((1 - 2 * cut / n) * math.sqrt(n))
    return t_interval(_trimmed_mean(ordered), error, df=n - 2 * cut - 1, level=level)


def _trimmed_mean(ordered: FloatArray) -> float:
    """Mean without the `n // 4` smallest and largest: rliable's interquartile mean."""
    cut = int(_TRIM * len(ordered))
    return float(np.mean(ordered[cut : len(ordered) - cut]))
