"""Intervals, and the checks on the numbers that go into them.

Used by the rest of `reports.statistics` and by the analysis; knows nothing of arms or seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

MIN_FOR_INTERVAL = 3
"""One value or two are shown as points: a t interval on one degree of freedom informs nobody."""

FloatArray = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A closed interval `[low, high]`."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """Distance between the ends."""
        return self.high - self.low

    def flipped(self) -> Interval:
        """The interval of the negated quantity."""
        return Interval(-self.high, -self.low)


def finite_vector(values: Iterable[float], where: str) -> FloatArray:
    """`values` as a float64 vector.

    Raises:
        ValueError: A value is NaN or infinite; the caller says what a missing number means.
    """
    vector = np.asarray(list(values), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise ValueError(
            f"{where}: every value must be finite, got {float(vector[bad[0]])!r} "
            f"at position {bad[0]}; leave missing values out"
        )
    return vector


def t_interval(centre: float, standard_error: float, *, df: float, level: float) -> Interval:
    """Student's interval for a mean; of zero width if the standard error is zero.

    Args:
        centre: The estimate.
        standard_error: Of the estimate, in its unit.
        df: Degrees of freedom of the standard error.
        level: Coverage, as a fraction.
    """
    half = _critical(level, df) * standard_error if standard_error else 0.0
    return Interval(centre - half, centre + half)


@lru_cache(maxsize=4096)  # a study asks for few levels and sizes, thousands of times
def _critical(level: float, df: float) -> float:
    return float(stats.t.isf((1 - level) / 2, df))


def wilson(successes: float, n: int, *, level: float) -> Interval | None:
    """Wilson's score interval for a proportion; None if there is nothing to count.

    Says where the rate would lie over more draws of the same kind. Half successes (ties) count.

    Source:
        Newcombe 1998, Statistics in Medicine 17, method 3.
    """
    if n == 0:
        return None
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    return Interval(float(low), float(high))


def spread(values: FloatArray) -> float:
    """Sample standard deviation (ddof 1), exactly 0 for equal values; needs two or more."""
    if np.ptp(values) == 0:
        return 0.0
    return float(np.std(values, ddof=1))


def standard_error(sd: float, n: int) -> float:
    """Standard error of a mean of `n` values."""
    return sd / math.sqrt(n)
