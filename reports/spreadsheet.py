"""Text in CSV files that a spreadsheet shows and does not run.

Called by whoever writes CSV. Names of studies and arms are free text, and a spreadsheet takes a
cell that begins like a formula for one, whoever wrote it.
"""

from __future__ import annotations

from typing import TypeVar

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Of cells that are taken for formulas: OWASP, "CSV Injection"; the last four are full width."""

_Cell = TypeVar("_Cell")


def as_cell(cell: _Cell) -> _Cell | str:
    """A cell as it is; text that a spreadsheet would take for a formula behind an apostrophe.

    Numbers stay numbers, also as text: a spreadsheet makes nothing but -0.5 of `-0.5`.

    Example:
        >>> as_cell("=1+1"), as_cell("relu - control"), as_cell("-0.5"), as_cell(-0.5)
        ("'=1+1", 'relu - control', '-0.5', -0.5)
    """
    if not isinstance(cell, str) or _is_number(cell):
        return cell
    # Spaces before a formula are dropped by some spreadsheets.
    return f"'{cell}" if cell.lstrip(" ").startswith(BEGINNINGS) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
