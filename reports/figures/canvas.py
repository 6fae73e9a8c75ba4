"""The paper figures are drawn on: the house style, axes placed in inches, grids, log axes.

Called by the layouts in this package, without pyplot. Knows nothing of what a figure shows.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reports.figures.palette import GRID, INK, MUTED

WIDE_INCHES = 7.0
NARROW_INCHES = 3.5
EPSILON = 1e-6
FEW_DECADES = 300
SPARSE_DECADES = 30
SPARSE_LABELS = 4
NARROWEST = 4

STYLE: dict[Any, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 7.7,
    "axes.titlesize": 7.7,
    "axes.labelsize": 7.7,
    "xtick.labelsize": 7.3,
    "ytick.labelsize": 7.3,
    "legend.fontsize": 7.3,
    "text.color": INK,
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "grid.linewidth": 0.6,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.formatter.useoffset": False,
    "legend.frameon": False,
    # A study may name its arms `$x$`; that is a name, not a formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Everything drawn inside looks alike; the caller's matplotlib settings come back after."""
    with sns.axes_style("ticks"), mpl.rc_context(STYLE), warnings.catch_warnings():
        # The browser has the glyph; matplotlib only measures with a box of about its size.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes placed in inches from the figure's upper left corner."""
    figure_width, figure_height = figure.get_size_inches()
    return figure.add_axes(
        (
            left / figure_width,
            1 - (top + height) / figure_height,
            width / figure_width,
            height / figure_height,
        )
    )


@dataclass(frozen=True)
class Room:
    """Inches around and in the panels of a grid.

    Attributes:
        title: Above a panel.
        key: On top of the figure.
        left: Left of the first panel of a row, for its labels.
        height: Of a panel; None for as high as it is wide.
        labels: Under a panel.
        foot: Further inches under the lowest ones.
    """

    title: float
    key: float = 0.26
    left: float = 0.53
    height: float | None = 1.24
    labels: float = 0.43
    foot: float = 0.0


def panel_grid(n_panels: int, room: Room, *, narrow: bool) -> tuple[Figure, list[Axes]]:
    """A figure with `n_panels` equal panels, filled row by row.

    Args:
        n_panels: At least 1.
        room: Around the panels.
        narrow: For a phone: two columns instead of four.
    """
    page = NARROW_INCHES if narrow else WIDE_INCHES
    n_columns = min(2 if narrow else 4, n_panels)
    n_rows = -(-n_panels // n_columns)
    gap = 0.15
    # A lone panel takes half a wide page: a curve is not read better for being longer.
    width = (page - room.left - 0.05) / max(n_columns, 1 if narrow else 2) - gap
    height = width if room.height is None else room.height
    row_height = room.title + height + room.labels
    figure = Figure(figsize=(page, room.key + n_rows * row_height + room.foot))
    axes = []
    for index in range(n_panels):
        row, column = divmod(index, n_columns)
        x = room.left + column * (width + gap)
        axes.append(axes_at(figure, x, room.key + row * row_height + room.title, width, height))
    return figure, axes


def is_leftmost(ax: Axes, grid: list[Axes]) -> bool:
    """Whether no panel of the grid lies further left."""
    return all(ax.get_position().x0 <= other.get_position().x0 + EPSILON for other in grid)


def is_lowest(ax: Axes, grid: list[Axes]) -> bool:
    """Whether no panel lies under this one, in its own column."""
    own = ax.get_position()
    column = [other.get_position() for other in grid]
    return all(own.y0 <= other.y0 + EPSILON for other in column if abs(other.x0 - own.x0) < EPSILON)


def span(table: pd.DataFrame, room: float = 0.06) -> tuple[float, float] | None:
    """The least and the largest number of a table, and some room; None where it holds none."""
    ends = table.to_numpy(dtype=float).ravel()
    ends = ends[~np.isnan(ends)]
    if not len(ends):
        return None
    low, high = float(ends.min()), float(ends.max())
    margin = room * (high - low) or 0.5
    return low - margin, high + margin


def common_values(grid: list[Axes], table: pd.DataFrame) -> None:
    """One scale of values for all panels, wide enough for every number of the table."""
    ends = span(table)
    for ax in grid if ends else ():
        ax.set_ylim(ends)


def log_axis(axis: XAxis | YAxis, counts: Iterable[float], *, is_sparse: bool = False) -> None:
    """A logarithmic axis, wide enough for all of `counts` and labelled 0.2, 50k, 1M.

    Args:
        axis: To be made logarithmic.
        counts: What is drawn along it; what is not above 0 has no place there.
        is_sparse: Label a handful of them, where there is little room.
    """
    present = [count for count in counts if count > 0]
    if axis.axis_name == "x":
        axis.axes.set_xscale("log")
    else:
        axis.axes.set_yscale("log")
    low, high = min(present) / 1.3, max(present) * 1.3
    if high / low < NARROWEST:
        low, high = low / 2, high * 2
    axis.set_view_interval(low, high, ignore=True)
    few = SPARSE_DECADES if is_sparse else FEW_DECADES
    leading = (1, 2, 5) if high / low < few else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in leading]
    ticks = [tick for tick in ticks if low <= tick <= high]
    step = max(1, -(-len(ticks) // SPARSE_LABELS)) if is_sparse else 1
    axis.set_major_locator(FixedLocator(ticks[::-step]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(short_count))


def short_count(count: float, _position: int = 0) -> str:
    """A number of an axis in few characters.

    Example:
        >>> short_count(50_000), short_count(-2e9), short_count(0.25)
        ('50k', '-2G', '0.25')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:g}{letter}"
    return f"{count:g}"
