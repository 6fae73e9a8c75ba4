"""Designs: from factors to the cells of a study, each a set of changes to the control.

Pure; called by `arms`. A cell maps a factor to its level and names only what differs from the
control, so the control is always the empty cell, and always the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

CONTROL = "control"
"""The name of the empty cell."""

Cell = dict[str, Any]
Factors = Mapping[str, Sequence[Any]]
Rule = Mapping[str, Any]
"""Levels by factor; it matches a cell that has all of them, the control's own levels included."""


def one_factor(factors: Factors, control: Mapping[str, Any]) -> list[Cell]:
    """The control, and every arm that differs from it in exactly one factor.

    Args:
        factors: Levels by factor.
        control: The control's own level of each factor.
    """
    changes = [{name: level} for name, levels in factors.items() for level in levels]
    return _distinct(changes, control)


def grid(factors: Factors, control: Mapping[str, Any]) -> list[Cell]:
    """Every combination of levels; the control is an extra cell if the factors do not list it."""
    return _distinct(_combined(factors), control)


def pairs(factors: Factors, control: Mapping[str, Any]) -> list[Cell]:
    """The control, every change of one factor, and every change of two: what interacts."""
    alone = one_factor(factors, control)
    two = [
        cell
        for first, second in combinations(factors, 2)
        for cell in _combined({first: factors[first], second: factors[second]})
    ]
    return _distinct([*alone, *two], control)


def paired_levels(factors: Factors, control: Mapping[str, Any]) -> list[Cell]:
    """The control, and one cell from the first level of every factor, one from the second, ...

    Raises:
        ValueError: The factors list different numbers of levels.
    """
    lengths = {name: len(levels) for name, levels in factors.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise ValueError(
            f"design 'zip' takes the first levels together, then the second, and so on: every "
            f"factor must list as many, got {told}"
        )
    cells = [dict(zip(factors, row, strict=True)) for row in zip(*factors.values(), strict=True)]
    return _distinct(cells, control)


def switches(factors: Factors, control: Mapping[str, Any]) -> list[Cell]:
    """The control, and every factor switched to its one other level.

    Dropping each part of a control that has all of them, or adding each to one that has none.

    Raises:
        ValueError: A factor has not exactly one level beside the control's.
    """
    cells = one_factor(factors, control)
    n_others = {name: sum(name in cell for cell in cells) for name in factors}
    wrong = {name: n for name, n in n_others.items() if n != 1}
    if wrong:
        told = ", ".join(
            f"{name} lists {n or 'none'} beside the control's {level_text(control[name])}"
            for name, n in wrong.items()
        )
        raise ValueError(
            "designs 'leave-one-out' and 'add-one-in' switch every factor from the control's "
            f"level to one other: {told}; list one, or take design 'one-factor'"
        )
    return cells


def ladder(cells: Sequence[Cell], order: Sequence[str]) -> list[Cell]:
    """The rungs: the first switch of `order`, then the first two together, up to all of them.

    Args:
        cells: What `switches` gave.
        order: Factors.
    """
    change = {name: level for cell in cells for name, level in cell.items()}
    return [
        {name: level for name, level in change.items() if name in order[:number]}
        for number in range(1, len(order) + 1)
    ]


def arms(factors: Factors, control: Mapping[str, Any]) -> list[Cell]:  # noqa: ARG001 (one signature)
    """The control alone: the study lists its further arms itself, and `spec` refuses factors."""
    return [{}]


DESIGNS: Mapping[str, Callable[[Factors, Mapping[str, Any]], list[Cell]]] = {
    "one-factor": one_factor,
    "grid": grid,
    "pairs": pairs,
    "zip": paired_levels,
    "leave-one-out": switches,
    "add-one-in": switches,
    "arms": arms,
}


def matches(rule: Rule, cell: Cell, control: Mapping[str, Any]) -> bool:
    """Whether a cell has every level that a rule names."""
    return all(cell.get(name, control[name]) == level for name, level in rule.items())


def _combined(factors: Factors) -> list[Cell]:
    return [dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())]


def distinct(cells: Iterable[Cell]) -> list[Cell]:
    """Each different cell once, in the order in which they came."""
    kept: list[Cell] = []
    for cell in cells:
        if cell not in kept:
            kept.append(cell)
    return kept


def _distinct(cells: Sequence[Cell], control: Mapping[str, Any]) -> list[Cell]:
    """The empty cell, then each different cell once, less what equals the control."""
    changes = [
        {name: level for name, level in cell.items() if level != control[name]} for cell in cells
    ]
    return distinct([{}, *changes])


def cell_name(cell: Cell) -> str:
    """`activation=relu,channels=12x32`; the empty cell is `control`."""
    return ",".join(f"{name}={level_text(level)}" for name, level in cell.items()) or CONTROL


def level_text(level: object) -> str:
    """A level as it stands in an arm's name: `6x16`, `shared+local`, `none`, `true`, `0.01`."""
    if isinstance(level, (list, tuple)):
        joint = "+" if any(isinstance(item, str) for item in level) else "x"
        return joint.join(level_text(item) for item in level) or "none"
    if isinstance(level, bool) or level is None:
        return str(level).lower()
    return str(level)
