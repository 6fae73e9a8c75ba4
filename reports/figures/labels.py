"""Names and numbers as the figures write them: names cut to their room, differences with a sign.

Called by the layouts in this package; the tables of the report give every name in full.
"""

from __future__ import annotations

import math
import textwrap

ELLIPSIS = "…"
LINES = 2
MINUS = "\N{MINUS SIGN}"


def shortened(name: str, width: int) -> str:
    """`name` in at most `width` characters, the middle left out: both ends tell arms apart.

    Example:
        >>> shortened("activation=relu,pooling=avg", 15)
        'activat…ing=avg'
    """
    if len(name) <= width:
        return name
    head = (width - 1) // 2
    return name[:head] + ELLIPSIS + name[len(name) - (width - 1 - head) :]


def wrapped(name: str, width: int) -> str:
    r"""`name` on one or two lines of `width` characters, after a comma where it can be.

    A name that does not fit loses its middle.

    Example:
        >>> wrapped("activation=relu,pooling=avg", 18)
        'activation=relu,\npooling=avg'
    """
    pieces = textwrap.wrap(name.replace(",", ", "), width, break_on_hyphens=False)
    if len(pieces) > LINES:
        short = shortened(name, LINES * width)
        pieces = [short[:width], short[width:]]
    return "\n".join(piece.replace(", ", ",") for piece in pieces)


def signed(number: float, digits: int = 2) -> str:
    """A difference with its sign, a true minus, and a bare 0 where it rounds to nothing.

    Example:
        >>> signed(1.234), signed(-0.001)
        ('+1.23', '0.00')
    """
    if math.isnan(number):
        return "\N{EN DASH}"
    text = f"{number:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", MINUS)
