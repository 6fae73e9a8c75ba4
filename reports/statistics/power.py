"""How small a difference the seeds could show, and how many seeds a difference would need.

Called by a planner before any run, and by the analysis once a contrast with the spread it found.
Never "observed power". The power integral is our own: statsmodels' `solve_power` returns, with a
warning at most, an effect of 6.85 sd for n = 3 and alpha = 0.05/6, where the power is 0.69 and not
the 0.80 asked for.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from reports.statistics.intervals import MIN_FOR_INTERVAL, FloatArray

POWER = 0.8
MAX_SEEDS = 1_000_000

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(256)


def paired_power(effect: float, n: float, *, alpha: float) -> float:
    """Power of the two-sided paired t test for a mean difference of `effect` standard deviations.

    Conditions on the estimated spread, and integrates over its distribution.
    """
    return _t_power(effect * math.sqrt(n), n - 1, alpha)


def unpaired_power(effect: float, n_each: float, *, alpha: float) -> float:
    """Power of the two-sided t test of two arms of `n_each` runs that share no seeds.

    Args:
        effect: Difference of the means, in standard deviations of one arm.
        n_each: Runs in each arm, of equal spread.
        alpha: Two-sided.
    """
    return _t_power(effect * math.sqrt(n_each / 2), 2 * (n_each - 1), alpha)


def minimum_detectable(sd: float, n: int, *, alpha: float) -> float | None:
    """The difference that `n` pairs show with 80 % power, in the unit of `sd`.

    None below 3 pairs, which get no verdict.
    """
    in_sd = detectable_in_sd(n, alpha=alpha)
    return None if in_sd is None else sd * in_sd


def detectable_in_sd(n: int, *, alpha: float) -> float | None:
    """The same in standard deviations of the paired difference, known before any run.

    What `n` planned seeds can resolve; None below 3.
    """
    return _detectable(n, alpha) if n >= MIN_FOR_INTERVAL else None


def seeds_needed(sd: float, difference: float, *, alpha: float, power: float = POWER) -> int | None:
    """Pairs that show `difference` with 80 % power, or another; None beyond a million.

    At least 3, the smallest number that gets a verdict. Rounded up.
    """
    if difference <= 0:
        return None
    if sd == 0:
        return MIN_FOR_INTERVAL
    z = float(special.ndtri(1 - alpha / 2))
    root = (z + float(special.ndtri(power))) * (sd / difference)
    if root > math.sqrt(MAX_SEEDS):  # a spread that is estimated takes no fewer than a known one
        return None
    # Starts where Guenther's approximation (1981, The American Statistician 35) ends.
    n, effect = max(MIN_FOR_INTERVAL, math.ceil(root**2 + z**2 / 2)), difference / sd
    while n > MIN_FOR_INTERVAL and paired_power(effect, n - 1, alpha=alpha) >= power:
        n -= 1
    while paired_power(effect, n, alpha=alpha) < power:
        n += 1
    return n


def seeds_for_win_probability(
    probability: float, *, alpha: float, power: float = POWER
) -> int | None:
    """Runs of each arm that show a win more likely than a coin toss, if it has `probability`.

    For runs compared across all seeds, one-sided, by Noether's approximation. None where
    `probability` is not above a half.

    Source:
        Noether 1987, JASA 82; advised for benchmarks by Bouthillier et al. 2021, arXiv 2103.03098.
    """
    if probability <= 0.5:  # noqa: PLR2004 - a coin toss
        return None
    z = float(special.ndtri(1 - alpha) + special.ndtri(power))
    return math.ceil((z / (math.sqrt(6) * (probability - 0.5))) ** 2)


@lru_cache(maxsize=4096)
def _detectable(n: int, alpha: float) -> float:
    """Cached: all contrasts of a study share `n` and `alpha`, or nearly all."""

    def shortfall(log_effect: float) -> float:
        return paired_power(math.exp(log_effect), n, alpha=alpha) - POWER

    return math.exp(optimize.brentq(shortfall, math.log(1e-4), math.log(1e6)))


def _t_power(shift: float, df: float, alpha: float) -> float:
    """Chance that |t| exceeds its critical value if its mean is off by `shift` errors."""
    critical = float(-special.stdtrit(df, alpha / 2)) * _spread_ratio(df)
    rejected = special.ndtr(shift - critical) + special.ndtr(-critical - shift)
    return float(np.dot(_WEIGHTS, rejected)) / 2


@lru_cache(maxsize=1024)
def _spread_ratio(df: float) -> FloatArray:
    """Estimated over true standard deviation, at the nodes of the integral. Not to be changed."""
    chi2 = 2 * special.gammaincinv(df / 2, (_NODES + 1) / 2)
    return np.asarray(np.sqrt(chi2 / df), dtype=np.float64)
