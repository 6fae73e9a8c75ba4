"""How strict each of several looks at growing data must be for all of them to share one alpha.

Called by `reports.statistics.sequential`; knows nothing of margins, differences or decisions.
Everything is worked out by quadrature, so equal arguments give equal numbers, without a seed.

Why that is possible: for Gaussian differences with mean zero, u = S / sqrt(n Q), with S their sum
and Q their sum of squares, is a Markov chain over the looks. u says the same as t, is free of
sigma, and is independent of Q given the past (Basu). In geometry: n differences are a vector of
random direction, u is its cosine with (1, ..., 1), and the next look turns that vector by an
angle theta towards m new ones, with sin^2(theta) ~ Beta(m/2, n/2), whose own cosine is v:

    u' = sqrt(n / (n + m)) u cos(theta) + sqrt(m / (n + m)) v sin(theta)

All cosines are written as the normal deviate z that has the same two-sided p.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from reports.statistics.intervals import MIN_FOR_INTERVAL, FloatArray

_FAR = 8.5  # a deviate beyond which nothing is counted: p = 2e-17
_ANGLE_NODES = 24
_MANY_PAIRS = 100  # beyond, the integrand over v nears a step
_ANGLE_NODES_OF_MANY = 96
_SMOOTH_NODES = 32
_ROUGH_NODES = 64  # one or two new pairs leave kinks in the integrand
_MOST_ROUGH_PAIRS = 2


def crossing_probability(looks: Sequence[int], nominal: Sequence[float]) -> float:
    """Probability that the two-sided paired t test rejects at any look, if there is no difference.

    Good to 0.1 % of itself down to 1e-6 and up to 1,000 pairs; to 0.5 % where a look adds only one
    or two pairs.

    Args:
        looks: Numbers of pairs, increasing, 2 or more.
        nominal: The p at or below which each look rejects, in (0, 1).

    Source:
        Armitage, McPherson and Rowe 1969, JRSS A 132, for the recursion; here from the last look
        to the first, and for t in place of z.
    """
    bounds = -special.ndtri(np.asarray(nominal, dtype=np.float64) / 2)
    steps = np.diff(looks)
    is_rough = bool(np.any(steps <= _MOST_ROUGH_PAIRS))
    nodes, weights = _unit_gauss(_ROUGH_NODES if is_rough else _SMOOTH_NODES)
    at_start, at_end, slope = _interpolation(nodes)
    later = np.zeros(len(nodes))  # P(reject at a later look), at each node of the present look
    for k in range(len(looks) - 1, 0, -1):
        n, after = looks[k - 1], looks[k]
        here, there = bounds[k - 1] * nodes, bounds[k] * np.append(nodes, 1.0)
        beyond = _tail(_cosine(there, after), _cosine(here, n), n, after - n)
        # E[later(|u'|)], by parts: later(0) + integral of its slope times P(|u'| > .), with the
        # jump to 1 at the bound.
        later = (
            at_start @ later
            + beyond[:, :-1] @ (weights * (slope @ later))
            + (1 - at_end @ later) * beyond[:, -1]
        )
    first = bounds[0]
    density = np.exp(-((first * nodes) ** 2) / 2) / math.sqrt(2 * math.pi)
    return float(nominal[0] + 2 * first * np.sum(weights * density * later))


@lru_cache(maxsize=256)
def equal_nominal_level(looks: tuple[int, ...], alpha: float) -> float:
    """The one nominal p that gives all looks together an error of `alpha` (Pocock's rule for t).

    Args:
        looks: Numbers of pairs, increasing, 3 or more.
        alpha: Two-sided error of one contrast over all its looks.

    Returns:
        Rounded down to five digits, so that the last bits of a quadrature decide nothing.

    Source:
        Pocock 1977, Biometrika 64.
    """
    if len(looks) == 1:
        return alpha

    def excess(log_p: float) -> float:
        return math.log(crossing_probability(looks, [math.exp(log_p)] * len(looks)) / alpha)

    return _rounded_down(_root(excess, alpha / len(looks), alpha))


@lru_cache(maxsize=4096)
def spent_nominal_level(looks: tuple[int, ...], alpha: float, n_pairs: tuple[int, ...]) -> float:
    """The nominal p of the present look, where some looks had fewer pairs than planned.

    Each look may bring the error spent so far to what the plan would have spent by then, so the
    error by the last look is still at most `alpha`, whichever pairs are missing (as long as what
    is missing does not depend on the differences). As planned, this is `equal_nominal_level`.

    Args:
        looks: The planned numbers of pairs.
        alpha: Two-sided error of one contrast over all its looks.
        n_pairs: Pairs there were at each look up to the present one, not decreasing.

    Returns:
        0 at a look of fewer than 3 pairs, which can decide nothing, and what it did not spend is
        left to the next. A look without a new pair repeats the level before it.

    Source:
        Lan and DeMets 1983, Biometrika 70.
    """
    now = len(n_pairs)
    if n_pairs == looks[:now]:
        return equal_nominal_level(looks, alpha)
    if n_pairs[-1] < MIN_FOR_INTERVAL:
        return 0.0
    if now > 1 and n_pairs[-1] == n_pairs[-2]:
        return spent_nominal_level(looks, alpha, n_pairs[:-1])
    earlier = {
        n_pairs[k]: spent_nominal_level(looks, alpha, n_pairs[: k + 1])
        for k in range(now - 1)
        if n_pairs[k] >= MIN_FOR_INTERVAL
    }
    budget, counts, levels = _planned_error(looks, alpha, now), [*earlier], [*earlier.values()]

    def excess(log_p: float) -> float:
        spent = crossing_probability([*counts, n_pairs[-1]], [*levels, math.exp(log_p)])
        return math.log(spent / budget)

    return _rounded_down(_root(excess, 1e-6 * budget, budget))


@lru_cache(maxsize=256)
def _planned_error(looks: tuple[int, ...], alpha: float, n_looks: int) -> float:
    """The error that the plan has spent by its look number `n_looks`."""
    return crossing_probability(looks[:n_looks], [equal_nominal_level(looks, alpha)] * n_looks)


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where `excess` of log p, which grows with p, is zero; `high` if that is not above it."""
    if excess(math.log(high)) <= 0:  # a first look, whose error is its p
        return high
    return math.exp(optimize.brentq(excess, math.log(low), math.log(high), xtol=1e-6))


def _rounded_down(p: float) -> float:
    scale = 10.0 ** (4 - math.floor(math.log10(p)))
    return math.floor(p * scale) / scale


def _cosine(z: FloatArray, n: int) -> FloatArray:
    """The cosine of n random signs and sizes with (1, ..., 1) whose two-sided p is that of `z`."""
    cosine: FloatArray = np.sqrt(1 - special.betaincinv((n - 1) / 2, 0.5, 2 * special.ndtr(-z)))
    return cosine


def _tail(y: FloatArray, u: FloatArray, n: int, m: int) -> FloatArray:
    """P(|u'| > y) after `m` more pairs, given u at `n`.

    Shape:
        y (n_y,), u (n_u,), both >= 0; returns (n_u, n_y).
    """
    y, u = y[None, :, None], u[:, None, None]
    least_squared = np.clip(((n + m) * y**2 - n * u**2) / m, 0, 1)
    n_nodes = _ANGLE_NODES if n + m <= _MANY_PAIRS else _ANGLE_NODES_OF_MANY
    v, weights = _new_cosines(least_squared, m, n_nodes)
    # u' = reach * cos(theta - turn): beyond y for theta within `half` of `turn`
    reach = np.sqrt((n * u**2 + m * v**2) / (n + m))
    turn = np.arctan2(math.sqrt(m) * v, math.sqrt(n) * u)
    half = np.arccos(np.minimum(y / reach, 1))
    both_signs = _turned_by(turn + half, n, m) - _turned_by(turn - half, n, m)
    beyond: FloatArray = np.sum(weights * both_signs, axis=-1)
    return beyond


def _new_cosines(least_squared: FloatArray, m: int, n_nodes: int) -> tuple[FloatArray, FloatArray]:
    """Quadrature nodes and weights for v > 0, from the least v that can bring u' beyond y.

    The nodes crowd at that end, where the integrand starts like a square root.
    """
    if m == 1:
        return np.ones((1, 1, 1)), np.full((1, 1, 1), 0.5)
    nodes, weights = _unit_gauss(n_nodes)
    least = -special.ndtri(special.betainc((m - 1) / 2, 0.5, 1 - least_squared) / 2)
    room = np.maximum(_FAR - least, 0.0)
    z = np.minimum(least, _FAR) + room * nodes**2
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return _cosine(z, m), 2 * room * nodes * weights * density


def _turned_by(theta: FloatArray, n: int, m: int) -> FloatArray:
    """P(angle <= theta), continued beyond [0, pi/2] so that all signs of u and v are counted."""
    size = np.abs(theta)
    mass = special.betainc(m / 2, n / 2, np.sin(size) ** 2)
    continued: FloatArray = np.sign(theta) * np.where(size > math.pi / 2, 2 - mass, mass)
    return continued


@lru_cache(maxsize=4)
def _unit_gauss(n: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def _interpolation(nodes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights that give a function's value at 0 and at 1, and its slope at the nodes.

    Shape:
        nodes (n,); returns (n,), (n,), (n, n).
    """
    legendre = np.polynomial.legendre
    degree = len(nodes) - 1
    fit = np.linalg.inv(legendre.legvander(2 * nodes - 1, degree))
    ends = legendre.legvander(np.array([-1.0, 1.0]), degree) @ fit
    derivatives = legendre.legder(np.eye(degree + 1), axis=0)
    slope = 2 * legendre.legval(2 * nodes - 1, derivatives).T @ fit
    return ends[0], ends[1], slope
