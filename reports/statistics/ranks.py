"""Several arms over several data sets: mean ranks and what they say of data sets not yet seen.

Called where a study has several data sets. The unit is the data set, one value each (the mean over
its seeds). Seeds of one data set are no sample of data sets, so nothing here takes them. Higher
values are better and rank 1 is the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.statistics.intervals import FloatArray, finite_vector
from reports.statistics.paired import differences, sign_flip_p

MIN_DATASETS = 6
"""With five, even five wins in five have p = 0.0625."""

_DIGITS = 12
"""Values that agree to this share of the largest are tied: they differ by rounding only."""


@dataclass(frozen=True)
class Friedman:
    """Whether any arm ranks unlike the others over `n_datasets` data sets.

    Attributes:
        mean_ranks: One per arm, in the order given; ties share the mean of their ranks.
        chi2: Without correction for ties, as in Demsar 2006.
        f: Iman and Davenport's, of `chi2`; None where every data set ranks alike and it is
            infinite.
        p: Of `f`.
        chi2_ties: Corrected for ties; None where every arm ties everywhere, or where only mean
            ranks were given.
        p_ties: Of `chi2_ties`.
    """

    n_datasets: int
    mean_ranks: tuple[float, ...]
    chi2: float
    f: float | None
    p: float
    chi2_ties: float | None = None
    p_ties: float | None = None


@dataclass(frozen=True)
class SignedRanks:
    """Wilcoxon's rank sums of two arms over `n_datasets` data sets.

    Attributes:
        plus: Ranks of the data sets that favour the arm, with half of those of ties.
        minus: The same for the control.
        p: Two-sided and exact up to 40 data sets, normal beyond; None with fewer than 6.
    """

    n_datasets: int
    plus: float
    minus: float
    p: float | None


def average_ranks(values: Mapping[str, Sequence[float]]) -> FloatArray:
    """Mean rank of each arm over the data sets.

    Args:
        values: For every data set, by name, one value per arm in one order.

    Raises:
        TypeError: A data set is not given by name.
        ValueError: A data set has another number of arms than the first; fewer than two arms or
            data sets; a value is not finite.
    """
    return np.asarray(_ranks(values, "average_ranks").mean(axis=0), dtype=np.float64)


def friedman(values: Mapping[str, Sequence[float]]) -> Friedman:
    """Friedman's test of "all arms rank alike on average", with Iman and Davenport's F.

    Args:
        values: For every data set, by name, one value per arm in one order.

    Raises:
        TypeError, ValueError: As `average_ranks`.

    Source:
        Demsar 2006, JMLR 7, section 3.2.2; ties as in Conover 1999, section 5.8.
    """
    ranks = _ranks(values, "friedman")
    n, k = ranks.shape
    found = friedman_of_ranks(ranks.mean(axis=0), n_datasets=n)
    # Ties shrink the variance of a data set's ranks below the k(k + 1)/12 that chi2 divides by.
    left = float(np.sum((ranks - (k + 1) / 2) ** 2)) / (n * k * (k * k - 1) / 12)
    corrected = found.chi2 / left if left else None
    p_ties = None if corrected is None else float(stats.chi2.sf(corrected, k - 1))
    return Friedman(n, found.mean_ranks, found.chi2, found.f, found.p, corrected, p_ties)


def friedman_of_ranks(mean_ranks: Iterable[float], *, n_datasets: int) -> Friedman:
    """The same from mean ranks alone, such as published ones; it cannot correct for ties.

    Raises:
        ValueError: Fewer than two arms or data sets, or the ranks do not add up to k(k + 1)/2.
    """
    ranks = finite_vector(mean_ranks, "friedman_of_ranks")
    n, k = n_datasets, len(ranks)
    _demand_two("friedman_of_ranks", n_arms=k, n_datasets=n)
    expected, total = k * (k + 1) / 2, float(np.sum(ranks))
    if abs(total - expected) > 0.01 * k:  # published ranks may be rounded to two digits
        raise ValueError(
            f"friedman_of_ranks: mean ranks of {k} arms must add up to {expected}, "
            f"got {total:.3f}; give one mean rank per arm"
        )
    chi2 = 12 * n / (k * (k + 1)) * float(np.sum((ranks - (k + 1) / 2) ** 2))
    unexplained = n * (k - 1) - chi2
    if unexplained <= 1e-9 * n:
        f, p = None, 0.0
    else:
        f = (n - 1) * chi2 / unexplained
        p = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    return Friedman(n, tuple(float(rank) for rank in ranks), chi2, f, p)


def critical_difference(n_arms: int, n_datasets: int, *, alpha: float) -> float:
    """Nemenyi's: mean ranks further apart than this differ, over all pairs of arms at once.

    It depends on which other arms are in the pool (Benavoli et al. 2016), so groups of arms come
    from pairwise Wilcoxon tests with Holm's adjustment; this is for beside published diagrams.

    Raises:
        ValueError: Fewer than two arms or data sets.

    Source:
        Demsar 2006, JMLR 7, section 3.2.2.
    """
    _demand_two("critical_difference", n_arms=n_arms, n_datasets=n_datasets)
    q = float(stats.studentized_range.ppf(1 - alpha, n_arms, np.inf)) / math.sqrt(2)
    return q * math.sqrt(n_arms * (n_arms + 1) / (6 * n_datasets))


def signed_ranks(arm: Mapping[str, float], control: Mapping[str, float]) -> SignedRanks:
    """Wilcoxon's signed ranks of `arm - control`, data set by data set.

    The ranks of data sets without a difference are split evenly between the two sums; of an odd
    number of them one is left out first.

    Args:
        arm: One value per data set, by name.
        control: The same data sets, in any order.

    Raises:
        TypeError: A data set is not given by name.
        ValueError: The data sets are not the same, or a value is not finite.

    Source:
        Demsar 2006, JMLR 7, section 3.1.3.
    """
    _demand_names(arm, "signed_ranks")
    if set(arm) != set(control):
        raise ValueError(
            f"signed_ranks: arm and control must have the same data sets, "
            f"got only one of them on {sorted(set(arm) ^ set(control), key=str)}; leave those out"
        )
    names = sorted(arm)
    a = finite_vector((arm[name] for name in names), "signed_ranks arm")
    b = finite_vector((control[name] for name in names), "signed_ranks control")
    d = _without_rounding(differences(a, b), largest=np.concatenate([a, b]))
    n_ties = int(np.sum(d == 0))
    if n_ties % 2:
        d = np.delete(d, np.flatnonzero(d == 0)[0])
    sizes = stats.rankdata(np.abs(d))
    ties = float(np.sum(sizes[d == 0])) / 2
    return SignedRanks(
        n_datasets=len(names),
        plus=float(np.sum(sizes[d > 0])) + ties,
        minus=float(np.sum(sizes[d < 0])) + ties,
        p=_signed_rank_p(np.sign(d) * sizes) if len(names) >= MIN_DATASETS else None,
    )


def _signed_rank_p(signed: FloatArray) -> float:
    """Two-sided p over all sign patterns of the ranks, or the normal one with their variance."""
    exact = sign_flip_p(signed)
    if exact is not None:
        return exact
    z = abs(float(np.sum(signed))) / math.sqrt(float(np.sum(signed**2)))
    return float(2 * stats.norm.sf(z))


def _ranks(values: Mapping[str, Sequence[float]], where: str) -> FloatArray:
    """Ranks within each data set, shape (n_datasets, n_arms)."""
    _demand_names(values, where)
    rows = {name: finite_vector(row, f"{where} {name}") for name, row in values.items()}
    sizes = [len(row) for row in rows.values()]
    _demand_two(where, n_arms=min(sizes, default=0), n_datasets=len(rows))
    for name, row in rows.items():
        if len(row) != sizes[0]:
            raise ValueError(
                f"{where}: every data set must have one value per arm, got {len(row)} on {name!r} "
                f"and {sizes[0]} on the first; pass only arms that ran on all"
            )
    return np.stack([stats.rankdata(-_without_rounding(row, row)) for row in rows.values()])


def _without_rounding(values: FloatArray, largest: FloatArray) -> FloatArray:
    scale = float(np.max(np.abs(largest), initial=0.0))
    return np.round(values / scale, _DIGITS) if scale else values


def _demand_names(values: Mapping[str, object], where: str) -> None:
    for name in values:
        if not isinstance(name, str):
            raise TypeError(
                f"{where}: data sets must be given by name, got {name!r}; seeds of one data set "
                f"are no sample of data sets: average over them first"
            )


def _demand_two(where: str, *, n_arms: int, n_datasets: int) -> None:
    if n_arms < 2 or n_datasets < 2:  # noqa: PLR2004 - the word is in the message
        raise ValueError(
            f"{where}: ranks need two or more arms on two or more data sets, "
            f"got {n_arms} arms and {n_datasets} data sets"
        )
