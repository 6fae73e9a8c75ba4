"""Colours, markers and line styles: what tells arms and verdicts apart, with and without colour.

Every colour is written here once, for light paper and for dark; figures use the light one and the
SVG carries a CSS variable, so that the page decides. Knows nothing of tables or of matplotlib.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# name: (on light paper, on dark paper). The hues follow Okabe and Ito (2008), darkened or
# lightened until each reaches a contrast of 4.5 against its paper.
COLOURS: dict[str, tuple[str, str]] = {
    "ink": ("#1f2328", "#e6edf3"),
    "muted": ("#59636e", "#9da7b3"),
    "grid": ("#d8dee4", "#30363d"),
    "band": ("#e4ebf2", "#212b36"),
    "paper": ("#fffffe", "#0d1117"),
    "blue": ("#0067a5", "#6db9f2"),
    "vermillion": ("#bf4500", "#ff9a66"),
    "green": ("#007a58", "#3ccb9f"),
    "purple": ("#a1407a", "#eb94c6"),
    "ochre": ("#8f6000", "#e3b341"),
    "slate": ("#5a6472", "#a3aebb"),
}

INK, MUTED, GRID, BAND, PAPER = (
    COLOURS[name][0] for name in ("ink", "muted", "grid", "band", "paper")
)
BLUE, VERMILLION, GREEN, PURPLE, OCHRE, SLATE = (
    COLOURS[name][0] for name in ("blue", "vermillion", "green", "purple", "ochre", "slate")
)

HUES = (BLUE, VERMILLION, GREEN, PURPLE, OCHRE, SLATE)
MARKERS = ("s", "^", "D", "v", "P", "X", "p")
DASHES: tuple[tuple[float, ...], ...] = (
    (5, 2),
    (1.5, 1.5),
    (6, 2, 1.5, 2),
    (9, 3),
    (3, 1.5, 1, 1.5, 1, 1.5),
)


LineStyle = Literal["-"] | tuple[float, tuple[float, ...]]


def line_style(dashes: tuple[float, ...]) -> LineStyle:
    """Dashes (lengths of ink and gap in turn) as matplotlib takes them; none are a solid line."""
    return (0.0, dashes) if dashes else "-"


@dataclass(frozen=True)
class Look:
    """How one arm is drawn wherever several arms share an axis."""

    colour: str
    marker: str
    dashes: tuple[float, ...]

    @property
    def linestyle(self) -> LineStyle:
        """The dashes as matplotlib takes them."""
        return line_style(self.dashes)


CONTROL = -1
"""The control's position among the looks."""


def look_of(position: int) -> Look:
    """The look of the arm at `position` (0-based, the control not counted; `CONTROL` for it).

    With six colours, seven markers and five dashes no two of the first 30 arms share two of the
    three, and no two of the first 210 all three.
    """
    if position == CONTROL:
        return Look(INK, "o", ())
    return Look(
        HUES[position % len(HUES)],
        MARKERS[position % len(MARKERS)],
        DASHES[position % len(DASHES)],
    )


@dataclass(frozen=True)
class VerdictMark:
    """A verdict as a word, a symbol for text, a marker for figures, and a named colour.

    Attributes:
        is_open: Drawn in outline: the milder of two verdicts of one colour.
    """

    word: str
    symbol: str
    marker: str
    colour: str
    meaning: str
    is_open: bool = False

    @property
    def paint(self) -> str:
        """The colour for light paper, which the figures draw with."""
        return COLOURS[self.colour][0]


VERDICTS: dict[str | None, VerdictMark] = {
    "better": VerdictMark(
        "better", "▲", "^", "blue", "the whole simultaneous interval lies above 0"
    ),
    "better-but-small": VerdictMark(
        "better, but small",
        "△",
        "^",
        "blue",
        "above 0, and smaller than the margin: real, but too small to matter here",
        is_open=True,
    ),
    "equivalent": VerdictMark(
        "equivalent",
        "≈",
        "s",
        "green",
        "any difference is smaller than the margin, whichever way it goes",
    ),
    "worse-but-small": VerdictMark(
        "worse, but small",
        "▽",
        "v",
        "vermillion",
        "below 0, and smaller than the margin: real, but too small to matter here",
        is_open=True,
    ),
    "worse": VerdictMark(
        "worse", "▼", "v", "vermillion", "the whole simultaneous interval lies below 0"
    ),
    "undecided": VerdictMark(
        "undecided",
        "?",
        "o",
        "slate",
        "these seeds can neither show a difference nor rule one out; this is not evidence of none",
    ),
    None: VerdictMark(
        "no verdict",
        "\N{EN DASH}",
        "o",
        "slate",
        "too few pairs, or the study is not finished",
        is_open=True,
    ),
}

CLAIMS: dict[str | None, VerdictMark] = {
    "supported": VerdictMark("supported", "✓", "o", "blue", "the data bear the claim out"),
    "refuted": VerdictMark("refuted", "✗", "X", "vermillion", "the data speak against the claim"),
    "undecided": VerdictMark("undecided", "?", "D", "slate", "the data can do neither"),
    None: VerdictMark(
        "no verdict",
        "\N{EN DASH}",
        "D",
        "slate",
        "not to be judged from these runs",
        is_open=True,
    ),
}
"""What became of a claim."""
