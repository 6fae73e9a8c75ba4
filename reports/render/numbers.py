"""Numbers as the report writes them: one way each for counts, seconds, bytes, p and intervals.

Called by the tables and pages of this package. Only words a number that was computed elsewhere;
the one change of unit (fractions to per cent) is `reports.figures.units`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.figures.labels import MINUS, signed
from reports.figures.units import Unit

MISSING = "\N{EN DASH}"
THIN = "\N{NARROW NO-BREAK SPACE}"
MEBIBYTE = 2**20
SMALLEST_P = 0.001


def count(number: float | None) -> str:
    """A whole number with thin spaces between thousands.

    Example:
        >>> count(61706).replace(THIN, "_")
        '61_706'
    """
    return MISSING if number is None else f"{number:,.0f}".replace(",", THIN)


def value(number: float | None, unit: Unit) -> str:
    """A value of a metric in its display unit, the unit itself being in the heading."""
    if number is None:
        return MISSING
    shown = unit.shown(number)
    return (f"{shown:.2f}" if unit.scale != 1 else f"{shown:.4g}").replace("-", MINUS)


def difference(number: float | None, unit: Unit) -> str:
    """A difference with its sign."""
    if number is None:
        return MISSING
    return signed(unit.shown(number), 2 if unit.scale != 1 else 4)


def interval(bounds: Sequence[float | None] | None, unit: Unit, *, sign: bool) -> str:
    """Both ends of an interval, in display units; with their signs where it is of a difference."""
    if bounds is None or None in bounds:
        return MISSING
    write = difference if sign else value
    return f"[{write(bounds[0], unit)}, {write(bounds[1], unit)}]"


def probability(number: float | None) -> str:
    """A probability or a share, two digits."""
    return MISSING if number is None else f"{number:.2f}"


def p_value(number: float | None) -> str:
    """A p value: three digits, and never 0.

    Example:
        >>> p_value(0.01234), p_value(1e-9)
        ('0.012', '< 0.001')
    """
    if number is None:
        return MISSING
    return f"< {SMALLEST_P}" if number < SMALLEST_P else f"{number:.3f}"


def seconds(number: float | None) -> str:
    """A duration in seconds, three significant digits.

    Example:
        >>> seconds(0.0123), seconds(13.44), seconds(1234.5).replace(THIN, "_")
        ('0.0123 s', '13.4 s', '1_234 s')
    """
    return MISSING if number is None else f"{_significant(number)} s"


def milliseconds(number: float | None) -> str:
    """A duration in milliseconds, three significant digits.

    Example:
        >>> milliseconds(0.000213), milliseconds(0.0123)
        ('0.213 ms', '12.3 ms')
    """
    return MISSING if number is None else f"{_significant(1000 * number)} ms"


def mebibytes(number: float | None) -> str:
    """An amount of memory in MiB."""
    return MISSING if number is None else f"{_significant(number / MEBIBYTE)} MiB"


def _significant(number: float) -> str:
    if number == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:,.{digits}f}".replace(",", THIN)
