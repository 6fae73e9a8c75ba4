"""The values of a crossed design by block and cell: what every statistic of factors starts from.

Called by the analysis for designs in which every level of a factor meets every level of the
others. What is not crossed is refused here, by name, and never patched.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from reports.statistics.intervals import FloatArray

MIN_BLOCKS = 2
"""One block has no residual: nothing says how much an effect varies."""

_SHOWN_CELLS = 4

Factors = Sequence[str] | Mapping[str, Sequence[Any]]
"""Names of columns; or their levels by name, the reference level first."""

Levels = tuple[Hashable, ...]


class DesignError(ValueError):
    """A table is not the crossed design that was asked for."""


class EmptyCellsError(DesignError):
    """Some combinations of levels have no value in any block.

    Attributes:
        cells: Their levels, in the order of the factors.
    """

    def __init__(self, message: str, cells: Sequence[Levels]) -> None:
        super().__init__(message)
        self.cells = tuple(cells)


class TooFewBlocksError(DesignError):
    """Fewer than two blocks have a value in every cell.

    Attributes:
        dropped: By block, the cells that it lacks.
    """

    def __init__(self, message: str, dropped: Mapping[Hashable, tuple[Levels, ...]]) -> None:
        super().__init__(message)
        self.dropped = dropped


@dataclass(frozen=True)
class Crossed:
    """One value for every block and every combination of levels.

    Attributes:
        factors: Levels by factor, the reference first; a list became a tuple.
        block: Name of the blocks, such as `seed`.
        blocks: Those in `response`: the whole ones.
        dropped: Blocks that lack a cell and are in no number, with the cells that each lacks.
        response: One value each.

    Shape:
        response (n_blocks, n_levels of the first factor, n_levels of the second, ...).
    """

    factors: Mapping[str, Levels]
    block: str
    blocks: tuple[Hashable, ...]
    dropped: Mapping[Hashable, tuple[Levels, ...]]
    response: FloatArray


def crossed_values(table: pd.DataFrame, response: str, factors: Factors, block: str) -> Crossed:
    """The table's values by block and cell, whole blocks only.

    A block that lacks a cell is dropped as a whole: kept in part it would weigh on some levels
    and not on others.

    Args:
        table: A row a run; a missing response is a run without a value.
        response: Name of the column with the values.
        factors: Names of columns, or levels by name. Without levels they are those of the table,
            by size where they are numbers, else by name; the first is the reference.
        block: Name of the column with the blocks.

    Raises:
        EmptyCellsError: A combination of levels has no value at all.
        TooFewBlocksError: Fewer than 2 whole blocks are left.
        DesignError: A column is missing, a level is not among those given, a factor has one
            level, a cell comes twice in a block (which would count one run as two), or a value
            is infinite.
    """
    _require_columns(table, [response, *factors, block])
    levels = _levels(table, factors)
    held = _values_by_block(table, response, levels, block)
    cells = list(product(*levels.values()))
    empty = [cell for cell in cells if not any(cell in values for values in held.values())]
    if empty:
        raise EmptyCellsError(
            f"crossed design: a value in every combination of {', '.join(levels)} was expected, "
            f"got none in {_told(empty)}; run these, or leave out a level of them",
            empty,
        )
    dropped = {
        name: tuple(cell for cell in cells if cell not in values)
        for name, values in held.items()
        if len(values) < len(cells)
    }
    whole = [name for name in held if name not in dropped]
    if len(whole) < MIN_BLOCKS:
        raise TooFewBlocksError(
            f"crossed design: {MIN_BLOCKS} blocks ({block}) with a value in every cell were "
            f"expected, got {len(whole)} of {len(held)}; run the cells that the others lack",
            dropped,
        )
    flat = np.array([[held[name][cell] for cell in cells] for name in whole], dtype=np.float64)
    shape = (len(whole), *(len(own) for own in levels.values()))
    return Crossed(levels, block, tuple(whole), dropped, flat.reshape(shape))


def level_key(level: object) -> Hashable:
    """A level as it can be looked up: lists and arrays become tuples, NaN becomes None."""
    if isinstance(level, list | tuple | np.ndarray):
        return tuple(level_key(item) for item in level)
    if isinstance(level, float) and math.isnan(level):
        return None
    return level


def level_size(level: object) -> float | None:
    """A number itself, the sum of a tuple of numbers (a network's widths), else None."""
    if isinstance(level, tuple):
        sizes = [level_size(item) for item in level]
        known = [size for size in sizes if size is not None]
        return sum(known) if known and len(known) == len(sizes) else None
    return float(level) if isinstance(level, Real) and not isinstance(level, bool) else None


def _order(level: object) -> tuple[bool, float, str]:
    """Numbers by size, then everything else by name."""
    size = level_size(level)
    return size is None, size or 0.0, str(level)


def _require_columns(table: pd.DataFrame, names: Iterable[str]) -> None:
    held = list(table.columns)
    for name in names:
        if name not in held:
            raise DesignError(f"crossed design: a column {name!r} was expected, got {held}; add it")


def _levels(table: pd.DataFrame, factors: Factors) -> dict[str, Levels]:
    if not factors:
        raise DesignError("crossed design: one factor or more was expected, got none; name one")
    levels = {}
    for name in factors:
        given = factors[name] if isinstance(factors, Mapping) else table[name].tolist()
        own = dict.fromkeys(level_key(level) for level in given)
        levels[name] = (
            tuple(own) if isinstance(factors, Mapping) else tuple(sorted(own, key=_order))
        )
        if len(own) < 2:  # noqa: PLR2004 (what varies has two levels)
            raise DesignError(
                f"crossed design: two levels of {name!r} or more were expected, got "
                f"{levels[name]!r}; leave the factor out"
            )
    return levels


def _values_by_block(
    table: pd.DataFrame, response: str, levels: Mapping[str, Levels], block: str
) -> dict[Hashable, dict[Levels, float]]:
    """The value of every cell that has one, by block, in the order of the blocks."""
    keys = ([level_key(level) for level in table[name].tolist()] for name in levels)
    seen: set[tuple[Hashable, Levels]] = set()
    held: dict[Hashable, dict[Levels, float]] = {}
    for cell, own, raw in zip(
        zip(*keys, strict=True), table[block].tolist(), table[response].tolist(), strict=True
    ):
        _require_known(cell, levels)
        if (own, cell) in seen:
            raise DesignError(
                f"crossed design: one value a cell and block was expected, got two in "
                f"{_told([cell])}, {block} {own!r}; keep one, for a run counts once"
            )
        seen.add((own, cell))
        values = held.setdefault(own, {})
        if not pd.isna(raw):
            if not math.isfinite(raw):
                raise DesignError(
                    f"crossed design: finite values were expected, got {raw!r} in "
                    f"{_told([cell])}, {block} {own!r}; leave it out as missing"
                )
            values[cell] = float(raw)
    return {name: held[name] for name in sorted(held, key=_order)}


def _require_known(cell: Levels, levels: Mapping[str, Levels]) -> None:
    for level, (name, known) in zip(cell, levels.items(), strict=True):
        if level not in known:
            raise DesignError(
                f"crossed design: a level of {name!r} was expected, got {level!r}; leave its rows "
                f"out (allowed: {', '.join(map(repr, known))})"
            )


def _told(cells: Sequence[Levels]) -> str:
    """`('relu', 'max'), ('relu', 'avg') and 3 more`."""
    shown = ", ".join(f"({', '.join(map(repr, cell))})" for cell in cells[:_SHOWN_CELLS])
    rest = len(cells) - _SHOWN_CELLS
    return f"{shown} and {rest} more" if rest > 0 else shown
