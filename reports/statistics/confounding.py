"""Which terms of a design can be told apart, and which are confounded with which.

Called by the analysis where a design is not crossed: fractional designs and designs that change
one factor at a time lack cells, and what the missing cells would have told is not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import linalg

from reports.statistics.crossed import level_key
from reports.statistics.intervals import FloatArray

MEAN = "mean"
"""The term of all values together; a term that is confounded with it never changes its level."""

_ZERO = 1e-8


@dataclass(frozen=True)
class Confounding:
    """The terms of a design.

    Attributes:
        estimable: Terms that the design tells from all others.
        confounded: By term that it does not, the terms that it may be mistaken for.
    """

    estimable: tuple[str, ...]
    confounded: dict[str, tuple[str, ...]]


def confounding(
    table: pd.DataFrame,
    factors: Sequence[str],
    *,
    block: str | None = None,
    order: int | None = None,
) -> Confounding:
    """Which terms can be estimated from the rows of a design.

    A term is confounded if, in this design, a change of it can be made good by changes of other
    terms, so that no data could tell. Terms are sum coded: a main effect is the average over all
    levels of the other factors, also over combinations that the design lacks.

    Args:
        table: A row a run, or a row a cell.
        factors: Names of columns.
        block: A column with blocks, as one more term.
        order: Of the highest interaction that may be there; by default all may. Only terms up to
            it are told, and what is confounded with higher ones alone counts as estimable.

    Returns:
        Terms in the order main effects, interactions, block; `mean` is none of them, and is
        named where another is confounded with it.
    """
    columns = {name: _contrasts(table[name].tolist()) for name in factors}
    terms = {MEAN: np.ones((len(table), 1))}
    for size in range(1, (order or len(factors)) + 1):
        for term in combinations(factors, size):
            terms[":".join(term)] = _together([columns[name] for name in term])
    if block is not None:
        terms[block] = _contrasts(table[block].tolist())
    overlap = _overlap(list(terms.values()))
    names = list(terms)
    others = {
        name: tuple(other for j, other in enumerate(names) if j != i and overlap[i, j] > _ZERO)
        for i, name in enumerate(names)
        if name != MEAN and overlap[i, i] > _ZERO
    }
    estimable = tuple(name for name in names if name != MEAN and name not in others)
    return Confounding(estimable, others)


def _contrasts(levels: Sequence[object]) -> FloatArray:
    """A row a level given: orthonormal contrasts between the levels."""
    keys = [level_key(one) for one in levels]
    known = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    if len(known) == 1:  # it never changes, which makes it the mean
        return np.ones((len(keys), 1))
    coded = linalg.helmert(len(known)).T
    return np.asarray(coded[[known[key] for key in keys]], dtype=np.float64)


def _together(columns: Sequence[FloatArray]) -> FloatArray:
    """Every product of a column of one factor with a column of each other."""
    product = columns[0]
    for other in columns[1:]:
        product = (product[:, :, None] * other[:, None, :]).reshape(len(product), -1)
    return product


def _overlap(terms: Sequence[FloatArray]) -> FloatArray:
    """How much each pair of terms shares of the changes that leave every row as it is.

    Those changes are the null space of the model's columns; its projection is the same whatever
    basis it is written in, so that neither the order of terms nor of levels matters.
    """
    null = linalg.null_space(np.hstack(terms))
    ends = np.cumsum([term.shape[1] for term in terms])[:-1]
    parts = np.split(null, ends)
    return np.array(
        [[np.max(np.abs(one @ other.T), initial=0.0) for other in parts] for one in parts]
    )
