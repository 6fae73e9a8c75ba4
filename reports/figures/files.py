"""A figure as a file for a paper: PNG, SVG or PDF, light, at the size it was drawn for.

Called by `gallery`. The same figure gives the same bytes.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.errors import ReportError

DOTS_PER_INCH = 300
KINDS = ("pdf", "png", "svg")
_NO_DATE = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def to_file(figure: Figure, kind: str, name: str) -> bytes:
    """The bytes of the file.

    Args:
        figure: Drawn under `canvas.house_style`.
        kind: One of `KINDS`; the letters of a PDF are embedded as TrueType, those of an SVG are
            outlines: neither depends on the fonts of whoever opens it.
        name: Salts the ids inside an SVG.

    Raises:
        ReportError: The kind is unknown.
    """
    if kind not in KINDS:
        raise ReportError(
            f"figure {name!r}: a kind of file was expected, got {kind!r}; "
            f"name one (allowed: {', '.join(KINDS)})"
        )
    stream = io.BytesIO()
    settings: dict[Any, Any] = {"svg.hashsalt": name, "svg.fonttype": "path", "pdf.fonttype": 42}
    # Paper is white; a transparent PNG would be unreadable on a dark screen.
    face = "white" if kind == "png" else "none"
    with mpl.rc_context(settings):
        figure.savefig(
            stream, format=kind, dpi=DOTS_PER_INCH, facecolor=face, metadata=_NO_DATE[kind]
        )
    return stream.getvalue()
