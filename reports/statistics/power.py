"""How small a difference the seeds could show, and how many seeds a difference would need.

Called by the analysis once a contrast, with the spread it found. Never "observed power".
The power integral is our own: statsmodels' `solve_power` returns, with a warning at most, an effect
of 6.85 sd for n = 3 and alpha = 0.05/6, where the power is 0.69 and not the 0.80 asked for.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, stats

POWER = 0.8
MAX_SEEDS = 1_000_000

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(256)


def paired_power(effect: float, n: int, *, alpha: float) -> float:
    """Power of the two-sided paired t test for a mean difference of `effect` standard deviations.

    Conditions on the estimated spread, and integrates over its distribution.
    """
    df = n - 1
    ratio = np.sqrt(stats.chi2.ppf((_NODES + 1) / 2, df) / df)  # estimated sd / true sd
    critical, shift = stats.t.isf(alpha / 2, df) * ratio, effect * math.sqrt(n)
    rejected = stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift)
    return float(np.sum(_WEIGHTS * rejected) / 2)


def minimum_detectable(sd: float, n: int, *, alpha: float) -> float:
    """The difference that `n` pairs show with 80 % power, in the unit of `sd`."""

    def shortfall(log_effect: float) -> float:
        return paired_power(math.exp(log_effect), n, alpha=alpha) - POWER

    return sd * math.exp(optimize.brentq(shortfall, math.log(1e-4), math.log(1e6)))


def seeds_needed(sd: float, difference: float, *, alpha: float) -> int | None:
    """Pairs that show `difference` with 80 % power; None beyond a million.

    At least 3, the smallest number that gets a verdict. Rounded up.
    """
    if difference <= 0:
        return None
    low, high = 2, 3
    while not _is_enough(high, sd, difference, alpha):
        low, high = high, 2 * high
        if low > MAX_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _is_enough(middle, sd, difference, alpha):
            high = middle
        else:
            low = middle
    return high


def _is_enough(n: int, sd: float, difference: float, alpha: float) -> bool:
    return sd == 0 or paired_power(difference / sd, n, alpha=alpha) >= POWER
