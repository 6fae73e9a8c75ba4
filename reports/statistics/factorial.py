"""Which factors of a crossed design, and which of their combinations, move the response.

Called by the analysis once a grid. Every run informs every term; how far a term moves the
response, in its own unit, is in `reports.statistics.marginal`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from reports.statistics.crossed import Crossed, Factors, crossed_values
from reports.statistics.intervals import FloatArray

COLUMNS = ("term", "df", "sum_sq", "F", "p", "omega_sq")
RESIDUAL = "residual"

_ROUNDING = 1e-12
"""Components below this share of the largest value are rounding, not effects."""


def anova(table: pd.DataFrame, response: str, factors: Factors, block: str) -> pd.DataFrame:
    """Analysis of variance of a crossed design in blocks, each block one value a cell.

    The model is block + every term of the factors, sum coded; what is left is the residual, of
    the blocks by the cells. The design is balanced, so that all types of sums of squares agree.

    Args:
        table: A row a run; names of columns and levels can be anything.
        response: Name of the column with the values.
        factors: Names of columns, or levels by name.
        block: Name of the column with the blocks, such as `seed`.

    Returns:
        A row a term, `first:second` for an interaction: interactions of the highest order first,
        then main effects, the block, the residual. `omega_sq` is the partial one, 0 at least.
        `F`, `p` and `omega_sq` are None for block and residual. Without any residual F is None; a
        term that varies then has p 0 and `omega_sq` 1, one that does not has p 1 and none.
        `attrs["dropped"]` names the blocks that were left out, with the cells that each lacks.

    Raises:
        EmptyCellsError: A combination of levels has no value; main effects would be confounded.
        TooFewBlocksError: Fewer than 2 blocks have every cell.
        DesignError: The table is otherwise not such a design.

    Source:
        Olejnik and Algina 2003, Psychological Methods 8, for partial omega squared.
    """
    return crossed_anova(crossed_values(table, response, factors, block))


def crossed_anova(crossed: Crossed) -> pd.DataFrame:
    """`anova` of values that have been put in order."""
    values, names = crossed.response, list(crossed.factors)
    axes = range(1, values.ndim)
    df_residual = (len(values) - 1) * (values[0].size - 1)
    residual = _Spread(df_residual, _sum_of_squares(_residual(values), values))
    rows: list[list[Any]] = []
    for order in reversed(axes):
        for term in combinations(axes, order):
            df = math.prod(values.shape[axis] - 1 for axis in term)
            spread = _Spread(df, _sum_of_squares(_component(values, term), values))
            name = ":".join(names[axis - 1] for axis in term)
            rows.append([name, *spread, *_tested(spread, residual, values.size)])
    of_blocks = _Spread(len(values) - 1, _sum_of_squares(_component(values, (0,)), values))
    rows.append([crossed.block, *of_blocks, None, None, None])
    rows.append([RESIDUAL, *residual, None, None, None])
    # Columns that hold None stay objects: as floats they would say NaN.
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    frame = frame.astype({"df": "int64", "sum_sq": "float64"})
    frame.attrs["dropped"] = dict(crossed.dropped)
    return frame


class _Spread(NamedTuple):
    """What a term takes of the degrees of freedom and of the sum of squares."""

    df: int
    sum_sq: float


def _component(values: FloatArray, axes: Sequence[int]) -> FloatArray:
    """What `axes` say together and no part of them says: averaged over the others, centred."""
    for axis in range(values.ndim):
        mean = np.mean(values, axis=axis, keepdims=True)
        values = values - mean if axis in axes else mean
    return values


def _residual(values: FloatArray) -> FloatArray:
    """What neither block nor cell says."""
    within = values - np.mean(values, axis=0, keepdims=True)
    cells = tuple(range(1, values.ndim))
    residual: FloatArray = within - np.mean(within, axis=cells, keepdims=True)
    return residual


def _sum_of_squares(component: FloatArray, values: FloatArray) -> float:
    """Over all values, each having its part of `component`; rounding counts as zero."""
    noise = _ROUNDING * float(np.max(np.abs(values)))
    kept = np.where(np.abs(component) <= noise, 0.0, component)
    return float(np.sum(kept**2)) * (values.size // component.size)


def _tested(
    spread: _Spread, residual: _Spread, n_values: int
) -> tuple[float | None, float, float | None]:
    """F, p and partial omega squared of a term."""
    if residual.sum_sq == 0:
        return (None, 0.0, 1.0) if spread.sum_sq else (None, 1.0, None)
    f = (spread.sum_sq / spread.df) / (residual.sum_sq / residual.df)
    excess = spread.df * (f - 1)
    return f, float(stats.f.sf(f, spread.df, residual.df)), max(0.0, excess / (excess + n_values))
