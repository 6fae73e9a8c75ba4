"""Interaction plot: does a factor's effect depend on the level of another?

`draw_interaction` fills one panel; `interaction_figure` sets one for each combination of the other
factors. Parallel lines: the effects add up.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures import tables
from reports.figures.canvas import Room, common_values, is_leftmost, is_lowest, panel_grid
from reports.figures.labels import shortened, wrapped
from reports.figures.looks import look_keys
from reports.figures.palette import PAPER, look_of
from reports.figures.tables import Document
from reports.figures.units import axis_label

DODGE = 0.08
"""How far apart the lines stand at a level, so that intervals do not hide each other."""


def draw_interaction(table: pd.DataFrame, ax: Axes) -> None:
    """A line for each level of one factor over the levels of the other, means on their intervals.

    Args:
        table: line, look, position, mean, low, high: a row an arm.
        ax: Its x axis has a unit a level.
    """
    n_lines = table["look"].nunique()
    for _, cells in table.groupby("look", sort=True):
        look = look_of(int(cells["look"].iloc[0]))
        ordered = cells.sort_values("position")
        x = ordered["position"] + DODGE * (ordered["look"] + 1 - (n_lines - 1) / 2)
        ax.plot(x, ordered["mean"], color=look.colour, linestyle=look.linestyle, linewidth=1.4)
        ax.vlines(x, ordered["low"], ordered["high"], color=look.colour, linewidth=1.4)
        ax.scatter(
            x,
            ordered["mean"],
            s=27,
            marker=look.marker,
            color=look.colour,
            edgecolor=PAPER,
            linewidth=0.6,
            zorder=3,
        )


def interaction_figure(results: Document, *, narrow: bool) -> Figure:
    """A grid of panels with common axes, and a key of the levels that have a line."""
    table = tables.interaction_table(results)
    panels = tables.by_cell(table, "panel")
    titles = [wrapped(tables.arm_label(*panel).strip(), 16 if narrow else 23) for panel in panels]
    height = 0.33 if any("\n" in title for title in titles) else 0.21
    figure, grid = panel_grid(len(panels), Room(title=height), narrow=narrow)
    for cells, title, ax in zip(panels.values(), titles, grid, strict=True):
        draw_interaction(cells, ax)
        ax.set_title(title)
        levels = dict(zip(cells["position"], cells["level"], strict=True))
        ax.set_xticks(sorted(levels), [shortened(levels[at], 12) for at in sorted(levels)])
        ax.set_xlim(min(levels) - 0.5, max(levels) + 0.5)
        ax.set_xlabel(str(cells["over"].iloc[0]) if is_lowest(ax, grid) else "")
    _common_values(grid, table, axis_label(results["endpoint"]["metric"]))
    _line_key(figure, table)
    return figure


def _common_values(grid: list[Axes], table: pd.DataFrame, label: str) -> None:
    common_values(grid, table[["low", "mean", "high"]])
    for ax in grid:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        ax.set_ylabel(label if is_leftmost(ax, grid) else "")
        ax.tick_params(labelleft=is_leftmost(ax, grid))


def _line_key(figure: Figure, table: pd.DataFrame) -> None:
    keys = look_keys(table.drop_duplicates("look").sort_values("look"), "line", 28)
    figure.legend(handles=keys, loc="upper left", ncols=len(keys), borderaxespad=0.1, borderpad=0)
