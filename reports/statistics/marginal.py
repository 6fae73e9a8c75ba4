"""How far the levels of a crossed design move the response, in its own unit.

Called by the analysis once a grid. Every effect is a contrast within each block, so that the
block cancels, and a t interval over blocks: it takes nothing for granted across cells, such as
equal spread. It says where the effect would lie over another draw of blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np

from reports.statistics.crossed import Crossed, Levels, level_size
from reports.statistics.intervals import MIN_FOR_INTERVAL, FloatArray, Interval
from reports.statistics.paired import differences, mean_interval, mean_p

MIN_FOR_TREND = 3
"""Two levels have a difference and no shape."""


Degree = Literal["linear", "quadratic"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One number about the levels; interval and p need 3 blocks.

    Attributes:
        ci: At the level asked for, by itself.
        ci_adjusted: Holds for all of a family at once (Bonferroni).
        p: Of "it is zero", by itself.
    """

    estimate: float
    ci: Interval | None
    ci_adjusted: Interval | None
    p: float | None


@dataclass(frozen=True, kw_only=True)
class LevelEffect(Estimate):
    """A level minus the reference level of its factor, averaged over the other factors.

    Attributes:
        given: The level of another factor at which it holds, for a simple effect; else empty.
    """

    factor: str
    level: Any
    reference: Any
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Interaction(Estimate):
    """The effect of the first factor's level at the second's level, minus that at its reference."""

    factors: tuple[str, str]
    levels: tuple[Any, Any]
    references: tuple[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Trend(Estimate):
    """How the response goes with the logarithm of a factor's size.

    Attributes:
        degree: `linear`: change a doubling, of the straight line. `quadratic`: coefficient of the
            squared number of doublings, of the parabola; below 0 where gains get smaller.
    """

    factor: str
    degree: Degree


def marginal_effects(crossed: Crossed, *, level: float, family_size: int = 1) -> list[LevelEffect]:
    """Every level of every factor minus the reference level, averaged over the other factors.

    Args:
        crossed: Values by block and cell.
        level: Coverage of each interval by itself, as a fraction.
        family_size: Number of effects that the adjusted intervals cover at once.
    """
    return [
        LevelEffect(
            factor=factor,
            level=levels[i],
            reference=levels[0],
            **_contrast(crossed, {factor: _difference(levels, i)}, level, family_size),
        )
        for factor, levels in crossed.factors.items()
        for i in range(1, len(levels))
    ]


def interactions(crossed: Crossed, *, level: float, family_size: int = 1) -> list[Interaction]:
    """Every difference of differences of two factors' levels, averaged over the other factors.

    Args:
        crossed: Values by block and cell.
        level: Coverage of each interval by itself, as a fraction.
        family_size: Number of effects that the adjusted intervals cover at once.
    """
    return [
        Interaction(
            factors=(first, second),
            levels=(ours[i], theirs[j]),
            references=(ours[0], theirs[0]),
            **_contrast(
                crossed,
                {first: _difference(ours, i), second: _difference(theirs, j)},
                level,
                family_size,
            ),
        )
        for (first, ours), (second, theirs) in combinations(crossed.factors.items(), 2)
        for i in range(1, len(ours))
        for j in range(1, len(theirs))
    ]


def simple_effects(
    crossed: Crossed, factor: str, within: str, *, level: float, family_size: int = 1
) -> list[LevelEffect]:
    """The effects of one factor at each level of another, averaged over the rest.

    Args:
        crossed: Values by block and cell.
        factor: Whose levels are compared.
        within: At each of whose levels.
        level: Coverage of each interval by itself, as a fraction.
        family_size: Number of effects that the adjusted intervals cover at once.
    """
    levels, places = crossed.factors[factor], crossed.factors[within]
    return [
        LevelEffect(
            factor=factor,
            level=levels[i],
            reference=levels[0],
            given={within: place},
            **_contrast(
                crossed,
                {factor: _difference(levels, i), within: np.eye(len(places))[j]},
                level,
                family_size,
            ),
        )
        for j, place in enumerate(places)
        for i in range(1, len(levels))
    ]


def trends(crossed: Crossed, *, level: float, family_size: int = 1) -> list[Trend]:
    """Linear and quadratic trend in log2 of size, of every factor of three sizes or more.

    The size of a number is itself, that of a list of numbers (a network's widths) their sum. A
    factor with a level that is no number, not above 0, or of the size of another, has no trend.
    Coefficients are orthogonal also where sizes are unequally spaced.

    Args:
        crossed: Values by block and cell.
        level: Coverage of each interval by itself, as a fraction.
        family_size: Number of effects that the adjusted intervals cover at once.
    """
    return [
        Trend(factor=factor, degree=degree, **_contrast(crossed, {factor: w}, level, family_size))
        for factor, levels in crossed.factors.items()
        if (doublings := _doublings(levels)) is not None
        for degree, w in _trend_weights(doublings).items()
    ]


def matters(interaction: Interaction, margin: float) -> bool | None:
    """Whether main effects mislead: clear of zero, and not shown to be within the margin.

    None where there is no interval to judge by.
    """
    interval = interaction.ci_adjusted
    if interval is None:
        return None
    is_clear = interval.low > 0 or interval.high < 0
    return is_clear and not (-margin < interval.low and interval.high < margin)


def _contrast(
    crossed: Crossed, by_factor: Mapping[str, FloatArray], level: float, family_size: int
) -> dict[str, Any]:
    """The fields of `Estimate` for weights by level; factors not named are averaged over."""
    weights = np.ones(())
    for name, levels in crossed.factors.items():
        own = by_factor.get(name, np.full(len(levels), 1 / len(levels)))
        weights = np.multiply.outer(weights, own)
    cells = tuple(range(1, crossed.response.ndim))
    plus, minus = (
        np.sum(crossed.response * np.maximum(sign * weights, 0), axis=cells) for sign in (1, -1)
    )
    d = differences(plus, minus)
    has_interval = len(d) >= MIN_FOR_INTERVAL
    return {
        "estimate": float(np.mean(d)),
        "ci": mean_interval(d, level=level) if has_interval else None,
        "ci_adjusted": (
            mean_interval(d, level=1 - (1 - level) / family_size) if has_interval else None
        ),
        "p": mean_p(d) if has_interval else None,
    }


def _difference(levels: Levels, i: int) -> FloatArray:
    """Level `i` minus the first."""
    weights = np.zeros(len(levels))
    weights[[i, 0]] = 1, -1
    return weights


def _doublings(levels: Levels) -> FloatArray | None:
    """log2 of the sizes; None where there are not three sizes to go by."""
    sizes = [level_size(one) for one in levels]
    known = [size for size in sizes if size is not None and size > 0]
    if len(known) < max(len(levels), MIN_FOR_TREND) or len(set(known)) < len(known):
        return None
    return np.array([math.log2(size) for size in known])


def _trend_weights(doublings: FloatArray) -> dict[Degree, FloatArray]:
    """Weights by level that give the coefficient of highest degree, of line and of parabola."""
    line = doublings - doublings.mean()
    parabola = line**2 - np.mean(line**2) - line * np.sum(line**3) / np.sum(line**2)
    return {"linear": line / np.sum(line**2), "quadratic": parabola / np.sum(parabola**2)}
