"""The paper figures are drawn on: the house style, axes placed in inches, grids, log axes.

Called by the layouts in this package, without pyplot. Knows nothing of what a figure shows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reports.figures.palette import GRID, INK, MUTED

WIDE_INCHES = 8.2
NARROW_INCHES = 3.7
EPSILON = 1e-6
FEW_DECADES = 300
NARROWEST = 4

STYLE: dict[Any, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
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
    "axes.linewidth": 0.8,
    "grid.linewidth": 0.7,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
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


def panel_grid(n_panels: int, *, narrow: bool, title: float) -> tuple[Figure, list[Axes]]:
    """A figure with `n_panels` equal panels, filled row by row, with room for a key on top.

    Args:
        n_panels: At least 1.
        narrow: For a phone: two columns instead of four.
        title: Inches that the title of a panel takes.
    """
    page = NARROW_INCHES if narrow else WIDE_INCHES
    n_columns = min(2 if narrow else 4, n_panels)
    n_rows = -(-n_panels // n_columns)
    key, left, gap, height, labels = 0.3, 0.62, 0.18, 1.45, 0.5
    # A lone panel takes half a wide page: a curve is not read better for being longer.
    width = (page - left - 0.05) / max(n_columns, 1 if narrow else 2) - gap
    row_height = title + height + labels
    figure = Figure(figsize=(page, key + n_rows * row_height))
    axes = []
    for index in range(n_panels):
        row, column = divmod(index, n_columns)
        x = left + column * (width + gap)
        axes.append(axes_at(figure, x, key + row * row_height + title, width, height))
    return figure, axes


def is_leftmost(ax: Axes, grid: list[Axes]) -> bool:
    """Whether no panel of the grid lies further left."""
    return all(ax.get_position().x0 <= other.get_position().x0 + EPSILON for other in grid)


def is_lowest(ax: Axes, grid: list[Axes]) -> bool:
    """Whether no panel lies under this one, in its own column."""
    own = ax.get_position()
    column = [other.get_position() for other in grid]
    return all(own.y0 <= other.y0 + EPSILON for other in column if abs(other.x0 - own.x0) < EPSILON)


def log_counts(axis: XAxis | YAxis, counts: Iterable[float]) -> None:
    """A logarithmic axis of counts, wide enough for all and labelled 20k, 50k, 1M."""
    present = [count for count in counts if count > 0]
    if axis.axis_name == "x":
        axis.axes.set_xscale("log")
    else:
        axis.axes.set_yscale("log")
    low, high = min(present) / 1.3, max(present) * 1.3
    if high / low < NARROWEST:
        low, high = low / 2, high * 2
    axis.set_view_interval(low, high, ignore=True)
    leading = (1, 2, 5) if high / low < FEW_DECADES else (1,)
    ticks = [digit * 10**power for power in range(13) for digit in leading]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_short_count))


def _short_count(count: float, _position: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:g}{letter}"
    return f"{count:g}"
