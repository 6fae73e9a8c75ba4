"""Evidence that may be looked at after any seed, and added to for any reason.

Called by the analysis for studies that grew beyond their plan. Knows no looks and no maximum: an
e value is a wager against "no difference" whose expected worth never grows, so it reaches
1 / alpha at any time with probability alpha at most (Ville). The differences come in the order of
their seeds. The t wager is exact for Gaussian differences; the sign wager assumes only that a
seed favours either side alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from scipy import special, stats

from reports.statistics.intervals import (
    FloatArray,
    Interval,
    finite_vector,
    spread,
    standard_error,
)

PRIOR_VARIANCE = 1.0
"""Of the effect in standard deviations, under the t wager: sound from 0.75 to several."""

MIN_FOR_SKEWNESS = 15
"""Fewer differences cannot show that their distribution is not skewed."""

MAX_SKEWNESS = 0.5

_TWIN_FACTOR = 2  # the sign wager must reach 2 / alpha: see `is_anytime_different`


def log_e_value(t: float, n: int, *, g: float = PRIOR_VARIANCE) -> float:
    """Log of the t wager after `n` differences with paired t statistic `t`, which may be infinite.

    Bounded by (n - 1) / 2 * log(1 + n g): four seeds never reach 20, whatever they say.

    Source:
        Wang and Ramdas 2023, arXiv 2310.03722, after Lai 1976: effect / sigma ~ N(0, g), right
        Haar prior on sigma.
    """
    share = 1.0 if math.isinf(t) else t * t / (n - 1 + t * t)
    return float(_log_t_wager(np.array([share]), np.array([n]), g)[0])


def anytime_p(differences: Iterable[float]) -> float:
    """One over the most that the t wager was ever worth; valid at any stopping time.

    Raises:
        ValueError: A value is not finite.
    """
    d = finite_vector(differences, "anytime_p")
    d = d / max(np.max(np.abs(d), initial=0.0), np.finfo(float).tiny)  # squares that do not vanish
    n, squares = np.arange(1, len(d) + 1), np.cumsum(d * d)
    # Zeros alone say nothing of their spread, hence nothing: as t = 0.
    share = np.cumsum(d) ** 2 / np.where(squares > 0, n * squares, 1.0)
    return _p_of(_log_t_wager(share, n, PRIOR_VARIANCE))


def critical_t(n: int, *, alpha: float, g: float = PRIOR_VARIANCE) -> float | None:
    """The |t| at which the t wager is worth 1 / alpha after `n` differences; None if none is."""
    if n <= 1:
        return None
    kept = math.exp(-(2 * math.log(1 / alpha) + math.log1p(n * g)) / n)
    share = (1 - kept) * (1 + n * g) / (n * g)
    return math.sqrt((n - 1) * share / (1 - share)) if share < 1 else None


def anytime_interval(differences: Iterable[float], *, level: float) -> Interval | None:
    """Interval for the mean difference that covers at every number of seeds at once.

    It is the one at the present number of seeds, not cut to those before it: it cannot become
    empty, and where it excludes zero `anytime_p` is below 1 - level. The reverse need not hold.

    Returns:
        None while there are too few differences to exclude anything: below 5 at level 0.95.

    Raises:
        ValueError: A value is not finite.
    """
    d = finite_vector(differences, "anytime_interval")
    critical = critical_t(len(d), alpha=1 - level)
    if critical is None:
        return None
    mean, half = float(np.mean(d)), critical * standard_error(spread(d), len(d))
    return Interval(mean - half, mean + half)


def log_sign_e_value(wins: int, n: int) -> float:
    """Log of the sign wager after `wins` of `n` seeds favoured the arm; ties are not counted.

    Source:
        Krichevsky and Trofimov 1981, IEEE Transactions on Information Theory 27: the Jeffreys
        prior Beta(1/2, 1/2) on the probability of a win.
    """
    return float(_log_sign_wager(np.array([wins]), np.array([n]))[0])


def anytime_sign_p(differences: Iterable[float]) -> float:
    """One over the most that the sign wager was ever worth; a zero is no win and no loss.

    Speaks of how often the arm wins (the median difference), not of the mean.

    Raises:
        ValueError: A value is not finite.
    """
    d = finite_vector(differences, "anytime_sign_p")
    wins = np.cumsum(d > 0)
    return _p_of(_log_sign_wager(wins, wins + np.cumsum(d < 0)))


def may_be_skewed(differences: Iterable[float]) -> bool:
    """Whether the t wager should not be believed alone.

    True below 15 differences, which cannot show that they are not skewed, and where the sample
    skewness (biased, m3 / m2^1.5) is beyond 0.5 either way. Equal differences count as symmetric.

    Raises:
        ValueError: A value is not finite.
    """
    d = finite_vector(differences, "may_be_skewed")
    if len(d) < MIN_FOR_SKEWNESS:
        return True
    return spread(d) > 0 and abs(float(stats.skew(d))) > MAX_SKEWNESS


def is_anytime_different(differences: Iterable[float], *, alpha: float) -> bool:
    """Whether a difference may be claimed now, with skewed differences guarded against.

    The anytime interval at 1 - alpha excludes zero and, where the differences may be skewed, the
    sign wager is worth 2 / alpha on the same side.

    The t wager alone claims too often for skewed differences: at alpha 0.05, at some time up to 30
    seeds, in 0.108 of studies where they are exponential with mean zero, mostly from 5 to 10 seeds
    that all miss the tail. With this rule in 0.052 (Gaussian: 0.021 without, 0.013 with it). It is
    a guard, not a guarantee, since signs test the median and not the mean: for log-normal
    differences the rates are 0.20 and 0.11. A twin at 1 / alpha is not enough: 0.062 for
    exponential differences even if it is always required.

    Raises:
        ValueError: A value is not finite.
    """
    d = finite_vector(differences, "is_anytime_different")
    interval = anytime_interval(d, level=1 - alpha)
    if interval is None or interval.low <= 0 <= interval.high:
        return False
    if not may_be_skewed(d):
        return True
    wins, losses = int(np.sum(d > 0)), int(np.sum(d < 0))
    is_same_side = (wins > losses) == (interval.low > 0)
    worth = log_sign_e_value(wins, wins + losses)
    return is_same_side and worth >= math.log(_TWIN_FACTOR / alpha)


def _log_t_wager(share: FloatArray, n: np.ndarray, g: float) -> FloatArray:
    """The t wager from S^2 / (n Q), which is t^2 / (n - 1 + t^2) and finite for any data."""
    worth: FloatArray = -0.5 * np.log1p(n * g) - n / 2 * np.log1p(-share * n * g / (1 + n * g))
    return worth


def _log_sign_wager(wins: np.ndarray, n: np.ndarray) -> FloatArray:
    worth: FloatArray = n * math.log(2) + special.betaln(wins + 0.5, n - wins + 0.5)
    return worth - float(special.betaln(0.5, 0.5))


def _p_of(log_worth: FloatArray) -> float:
    """One over the largest worth, at most 1 (what the wager starts with)."""
    return math.exp(-max(0.0, float(np.max(log_worth, initial=0.0))))
