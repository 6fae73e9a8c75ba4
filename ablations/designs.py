"""Designs: from factors to the cells of a study, each a set of changes to the control.

Pure; called by `plan`. A cell maps a factor to its level and names only what differs from the
control, so the control is always the empty cell, and always the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

Cell = dict[str, Any]
Factors = Mapping[str, Sequence[Any]]


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
    combinations = [
        dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())
    ]
    return _distinct(combinations, control)


def arms(factors: Factors, control: Mapping[str, Any]) -> list[Cell]:  # noqa: ARG001 (one signature)
    """The control alone: the study lists its further arms itself, and `spec` refuses factors."""
    return [{}]


DESIGNS: Mapping[str, Callable[[Factors, Mapping[str, Any]], list[Cell]]] = {
    "one-factor": one_factor,
    "grid": grid,
    "arms": arms,
}


def _distinct(cells: Sequence[Cell], control: Mapping[str, Any]) -> list[Cell]:
    """The empty cell, then each different cell once, less what equals the control."""
    kept: list[Cell] = [{}]
    for cell in cells:
        changes = {name: level for name, level in cell.items() if level != control[name]}
        if changes not in kept:
            kept.append(changes)
    return kept


def cell_name(cell: Cell) -> str:
    """`activation=relu,channels=12x32`; the empty cell is `control`."""
    return ",".join(f"{name}={level_text(level)}" for name, level in cell.items()) or "control"


def level_text(level: object) -> str:
    """A level as it stands in an arm's name: `6x16`, `shared+local`, `none`, `true`, `0.01`."""
    if isinstance(level, (list, tuple)):
        joint = "+" if any(isinstance(item, str) for item in level) else "x"
        return joint.join(level_text(item) for item in level) or "none"
    if isinstance(level, bool) or level is None:
        return str(level).lower()
    return str(level)
