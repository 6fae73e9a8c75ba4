"""Learning curves: a panel an arm, every seed faint, the median strong, the control's in grey.

`draw_curves` fills one panel; `curves_figure` sets the panels in a grid. Pointwise only: no band
is drawn that could be read as an interval for the whole curve.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reports.figures import tables
from reports.figures.canvas import Room, is_leftmost, is_lowest, panel_grid
from reports.figures.labels import wrapped
from reports.figures.palette import BLUE, GREEN, MUTED, VERMILLION, line_style
from reports.figures.tables import Document
from reports.figures.units import axis_label

SPLIT_LOOKS: dict[str, tuple[str, tuple[float, ...]]] = {
    "train": (BLUE, ()),
    "validation": (GREEN, (4, 2)),
    "test": (VERMILLION, (1.5, 1.5)),
}
MEDIAN = -1


def draw_curves(table: pd.DataFrame, ax: Axes) -> None:
    """One arm's curves: a faint line a seed, a strong one for the pointwise median, by split.

    The faint lines of a split are one collection: of a hundred seeds it is drawn several times as
    fast as a hundred lines. A curve of a single number has no line.
    """
    for split, curves in table.groupby("split", sort=False):
        colour, dashes = SPLIT_LOOKS[str(split)]
        ax.add_collection(
            LineCollection(
                _lines(curves[curves["seed"] != MEDIAN]),
                colors=colour,
                alpha=0.35,
                linewidths=0.8,
                capstyle="projecting",
            )
        )
        median = curves[curves["seed"] == MEDIAN]
        # A study of one epoch has one point and no line.
        marker = "o" if len(median) == 1 else ""
        ax.plot(
            median["epoch"],
            median["value"],
            color=colour,
            linestyle=line_style(dashes),
            marker=marker,
            linewidth=1.8,
        )


def _lines(curves: pd.DataFrame) -> list[npt.NDArray[np.float64]]:
    """The points of each seed's curve, as far as it has numbers; shape (n_epochs, 2) each."""
    ordered = curves.dropna(subset=["value"]).sort_values(["seed", "epoch"])
    # Cut in numpy: a frame a seed takes longer to make than to draw.
    ends = np.flatnonzero(np.diff(ordered["seed"])) + 1
    return np.split(ordered[["epoch", "value"]].to_numpy(dtype=np.float64), ends)


def draw_reference(table: pd.DataFrame, ax: Axes) -> None:
    """The control's medians, in grey, for comparison in every other arm's panel."""
    for split, curves in table[table["seed"] == MEDIAN].groupby("split", sort=False):
        dashes = SPLIT_LOOKS[str(split)][1]
        ax.plot(
            curves["epoch"],
            curves["value"],
            color=MUTED,
            linestyle=line_style(dashes),
            linewidth=1.2,
            zorder=1.5,
        )


def curves_figure(results: Document, measure: str, *, narrow: bool) -> Figure:
    """A grid of panels with common axes, one an arm, in the study's order."""
    table = tables.curve_table(results, measure)
    curves = tables.by_cell(table)
    control = (tables.main_control(results), "shared")
    cells = sorted(curves, key=lambda cell: cell != control)
    titles = [wrapped(tables.arm_label(*cell), 16 if narrow else 23) for cell in cells]
    height = 0.33 if any("\n" in title for title in titles) else 0.21
    figure, grid = panel_grid(len(cells), Room(title=height), narrow=narrow)
    for cell, title, ax in zip(cells, titles, grid, strict=True):
        draw_curves(curves[cell], ax)
        if cells[0] == control != cell:
            draw_reference(curves[cells[0]], ax)
        ax.set_title(title)
    _common_axes(grid, table, axis_label(measure))
    _split_key(figure, list(dict.fromkeys(table["split"])), has_control=cells[0] == control)
    return figure


def _common_axes(grid: list[Axes], table: pd.DataFrame, label: str) -> None:
    low, high = table["value"].min(), table["value"].max()
    room = 0.04 * (high - low) or 0.5
    for ax in grid:
        ax.set_ylim(low - room, high + room)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        ax.set_xlabel("epoch" if is_lowest(ax, grid) else "")
        ax.set_ylabel(label if is_leftmost(ax, grid) else "")
        ax.tick_params(labelleft=is_leftmost(ax, grid))


def _split_key(figure: Figure, splits: list[str], *, has_control: bool) -> None:
    keys = []
    for split in splits:
        colour, dashes = SPLIT_LOOKS[split]
        keys.append(
            Line2D([], [], color=colour, linestyle=line_style(dashes), linewidth=1.8, label=split)
        )
    keys.append(Line2D([], [], color=MUTED, alpha=0.6, linewidth=0.8, label="a seed"))
    if has_control:
        keys.append(Line2D([], [], color=MUTED, linewidth=1.2, label="the control's median"))
    figure.legend(handles=keys, loc="upper left", ncols=len(keys), borderaxespad=0.1, borderpad=0)
