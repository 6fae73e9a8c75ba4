"""One contrast between two arms whose runs are paired by seed.

Called by the analysis once a contrast. Its intervals say where the mean difference would lie over
another draw of seeds, on the same data and test images, with the same recipe.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from reports.statistics.intervals import (
    MIN_FOR_INTERVAL,
    FloatArray,
    Interval,
    finite_vector,
    spread,
    standard_error,
    t_interval,
    wilson,
)

MAX_FOR_SIGN_FLIP = 40
"""Beyond this the exact enumeration needs more than 2^20 half sums."""

_ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""Differences below this share of the largest value are rounding, not effects."""


@dataclass(frozen=True)
class PairedContrast:
    """What `n_pairs` differences say; + is better where the caller oriented the values.

    Attributes:
        estimate: Mean difference.
        ci: At level 1 - alpha.
        ci_adjusted: At 1 - alpha / family_size; all of a family cover at once.
        ci_equivalence: At 1 - 2 alpha / family_size; inside the margin means equivalent.
        p_equivalence: Of two one-sided tests (Schuirmann 1987), not adjusted for the family.
        p_sign_flip: Exact, over all sign patterns; None beyond 40 pairs.
        sign_flip_floor: The smallest p that the sign-flip test can reach here.
        win_probability: Share of seeds that favour the arm, ties counted half.
    """

    n_pairs: int
    estimate: float | None = None
    sd: float | None = None
    ci: Interval | None = None
    ci_adjusted: Interval | None = None
    ci_equivalence: Interval | None = None
    p: float | None = None
    p_sign_flip: float | None = None
    sign_flip_floor: float | None = None
    p_equivalence: float | None = None
    correlation: float | None = None
    hedges_dz: float | None = None
    win_probability: float | None = None
    win_probability_ci: Interval | None = None


class MarginProbabilities(NamedTuple):
    """Where the mean difference lies, as probabilities that sum to one."""

    below: float
    within: float
    above: float


def paired_contrast(
    arm: Iterable[float],
    control: Iterable[float],
    *,
    margin: float,
    alpha: float,
    family_size: int = 1,
) -> PairedContrast:
    """The contrast `arm - control`, pair by pair.

    With no pairs nothing is known; with one or two there is an estimate but no interval and no p.
    If all differences are equal the intervals have zero width and p is 1 (difference zero) or 0.

    Args:
        arm: One value per seed.
        control: The same seeds in the same order.
        margin: The smallest difference that matters, in the metric's unit.
        alpha: Error rate of the whole family.
        family_size: Number of contrasts that share `alpha`.

    Raises:
        ValueError: Unequal lengths, or a value that is not finite.
    """
    a, b = finite_vector(arm, "paired_contrast arm"), finite_vector(control, "paired_contrast")
    if len(a) != len(b):
        raise ValueError(
            f"paired_contrast: arm and control must have one value per seed, "
            f"got {len(a)} and {len(b)}; pass only complete pairs"
        )
    d = differences(a, b)
    n = len(d)
    if n < MIN_FOR_INTERVAL:
        return PairedContrast(n, float(np.mean(d)) if n else None, spread(d) if n > 1 else None)
    estimate, sd = float(np.mean(d)), spread(d)
    wins = float(np.sum(d > 0) + 0.5 * np.sum(d == 0))
    return PairedContrast(
        n_pairs=n,
        estimate=estimate,
        sd=sd,
        ci=mean_interval(d, level=1 - alpha),
        ci_adjusted=mean_interval(d, level=1 - alpha / family_size),
        ci_equivalence=mean_interval(d, level=1 - 2 * alpha / family_size),
        p=mean_p(d),
        p_sign_flip=sign_flip_p(d),
        sign_flip_floor=2.0 ** (1 - max(1, int(np.count_nonzero(d)))),
        p_equivalence=max(_upper_tail(d, -margin), _upper_tail(-d, -margin)),
        correlation=_correlation(a, b),
        hedges_dz=estimate / sd * (1 - 3 / (4 * (n - 1) - 1)) if sd else None,
        win_probability=wins / n,
        win_probability_ci=wilson(wins, n, level=1 - alpha),
    )


def differences(arm: FloatArray, control: FloatArray) -> FloatArray:
    """`arm - control` with rounding removed: what differs by rounding only is equal.

    Without this, equal differences such as 0.3 - 0.2 and 0.2 - 0.1 have a spread of 1e-17, and
    a t of 1e16.
    """
    d = arm - control
    if not len(d):
        return d
    noise = _ROUNDING * float(np.max(np.abs(np.concatenate([arm, control]))))
    d = np.where(np.abs(d) <= noise, 0.0, d)
    return np.full_like(d, np.median(d)) if np.ptp(d) <= noise else d


def margin_probabilities(d: FloatArray, *, margin: float) -> MarginProbabilities | None:
    """Posterior probability of a mean below, within and above the margin; None below 3 pairs.

    Under the reference prior, in which the larger of the outer two is the p of equivalence.

    Source:
        Benavoli et al. 2017, JMLR 18(77), without their correction for overlapping folds: seeds
        are independent.
    """
    if len(d) < MIN_FOR_INTERVAL:
        return None
    below, above = _upper_tail(d, -margin), _upper_tail(-d, -margin)
    return MarginProbabilities(below, 1 - below - above, above)


def mean_interval(d: FloatArray, *, level: float) -> Interval:
    """The t interval for the mean of two or more differences."""
    n = len(d)
    return t_interval(float(np.mean(d)), standard_error(spread(d), n), df=n - 1, level=level)


def mean_p(d: FloatArray) -> float:
    """Two-sided p of "the mean of d is zero"; 1 or 0 if two or more differences are all equal."""
    return min(1.0, 2 * min(_upper_tail(d, 0.0), _upper_tail(-d, 0.0)))


def sign_flip_p(d: FloatArray) -> float | None:
    """Two-sided exact p of "the signs of the differences are coin tosses".

    Splits the 2^n sign patterns into two halves of 2^(n/2) sums each and counts, for every sum of
    one half, how many of the sorted other half bring it to the observed sum or beyond.
    """
    n = len(d)
    if n > MAX_FOR_SIGN_FLIP:
        return None
    observed = abs(float(np.sum(d))) - 1e-9 * float(np.sum(np.abs(d)))  # ties count as extreme
    first, second = _signed_sums(d[: n // 2]), np.sort(_signed_sums(d[n // 2 :]))
    below = np.searchsorted(second, observed - first, side="left")
    n_extreme = len(first) * len(second) - int(np.sum(below))
    return min(1.0, 2.0 * n_extreme / 2.0**n)  # the pattern set is symmetric about zero


def _signed_sums(d: FloatArray) -> FloatArray:
    sums = np.zeros(1)
    for step in d:
        sums = np.concatenate([sums + step, sums - step])
    return sums


def _upper_tail(d: FloatArray, bound: float) -> float:
    """One-sided p of "the mean of d is at most `bound`"."""
    distance, error = float(np.mean(d)) - bound, standard_error(spread(d), len(d))
    if error == 0:
        return 0.0 if distance > 0 else 0.5 if distance == 0 else 1.0
    return float(stats.t.sf(distance / error, len(d) - 1))


def _correlation(a: FloatArray, b: FloatArray) -> float | None:
    """Pearson's r, or None where an arm does not vary."""
    if spread(a) == 0 or spread(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
