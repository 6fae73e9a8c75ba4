"""One contrast between two arms whose runs do not share seeds.

A fallback: runs that share seeds are compared in `paired`, by design and never by how much they
correlate. The spreads of the two arms are never pooled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.statistics.intervals import (
    MIN_FOR_INTERVAL,
    FloatArray,
    Interval,
    finite_vector,
    spread,
    t_interval,
)
from reports.statistics.paired import differences


@dataclass(frozen=True)
class UnpairedContrast:
    """What two sets of runs say; + is better where the caller oriented the values.

    Attributes:
        estimate: Difference of the means, arm minus control.
        standard_error: Of the estimate, from both spreads.
        df: Of the standard error (Welch and Satterthwaite); None where neither arm varies.
        ci: At level 1 - alpha.
        ci_adjusted: At 1 - alpha / family_size; all of a family cover at once.
        ci_equivalence: At 1 - 2 alpha / family_size; inside the margin means equivalent.
        p_equivalence: Of two one-sided tests, not adjusted for the family.
        win_probability: Of a run of the arm against a run of the control, ties counted half.
    """

    n_arm: int
    n_control: int
    estimate: float | None = None
    standard_error: float | None = None
    df: float | None = None
    ci: Interval | None = None
    ci_adjusted: Interval | None = None
    ci_equivalence: Interval | None = None
    p: float | None = None
    p_equivalence: float | None = None
    win_probability: float | None = None


def unpaired_contrast(
    arm: Iterable[float],
    control: Iterable[float],
    *,
    margin: float,
    alpha: float,
    family_size: int = 1,
) -> UnpairedContrast:
    """Welch's contrast of the means, `arm - control`.

    With one or two runs in an arm there is an estimate but no interval and no p. If neither arm
    varies the intervals have zero width and p is 1 (difference zero) or 0.

    Args:
        arm: One value per run, any order.
        control: The same of other seeds.
        margin: The smallest difference that matters, in the metric's unit.
        alpha: Error rate of the whole family.
        family_size: Number of contrasts that share `alpha`.

    Raises:
        ValueError: A value is not finite.

    Source:
        Welch 1947, Biometrika 34; Schuirmann 1987 for equivalence.
    """
    # Sorted, so that a shuffled table gives the same bits.
    a = np.sort(finite_vector(arm, "unpaired_contrast arm"))
    b = np.sort(finite_vector(control, "unpaired_contrast control"))
    n, m = len(a), len(b)
    if not n or not m:
        return UnpairedContrast(n, m)
    estimate = float(differences(np.array([np.mean(a)]), np.array([np.mean(b)]))[0])
    if min(n, m) < MIN_FOR_INTERVAL:
        return UnpairedContrast(n, m, estimate)
    error, df = _standard_error(a, b)
    used = df or 1.0  # any will do where nothing varies

    def interval(level: float) -> Interval:
        return t_interval(estimate, error, df=used, level=level)

    return UnpairedContrast(
        n_arm=n,
        n_control=m,
        estimate=estimate,
        standard_error=error,
        df=df,
        ci=interval(1 - alpha),
        ci_adjusted=interval(1 - alpha / family_size),
        ci_equivalence=interval(1 - 2 * alpha / family_size),
        p=min(1.0, 2 * _upper_tail(abs(estimate), error, used)),
        p_equivalence=_upper_tail(margin - abs(estimate), error, used),
        win_probability=_win_probability(a, b),
    )


def _standard_error(a: FloatArray, b: FloatArray) -> tuple[float, float | None]:
    """Of the difference of the means, with Welch and Satterthwaite's degrees of freedom."""
    n, m = len(a), len(b)
    of_a, of_b = spread(a) ** 2 / n, spread(b) ** 2 / m
    total = of_a + of_b
    if total == 0:
        return 0.0, None
    share = of_a / total
    return math.sqrt(total), 1 / (share**2 / (n - 1) + (1 - share) ** 2 / (m - 1))


def _upper_tail(distance: float, error: float, df: float) -> float:
    """One-sided p of an estimate that lies `distance` beyond its bound."""
    if error == 0:
        return 0.0 if distance > 0 else 0.5 if distance == 0 else 1.0
    return float(stats.t.sf(distance / error, df))


def _win_probability(a: FloatArray, b: FloatArray) -> float:
    lower, not_higher = np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right")
    return float(np.mean(lower + not_higher)) / (2 * len(b))
