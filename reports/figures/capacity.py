"""Accuracy against parameters and against multiply-accumulates: is the gain just capacity?

`draw_capacity` fills one panel; `capacity_figure` sets two side by side, or one above the other.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reports.figures import tables
from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at, log_counts
from reports.figures.labels import shortened
from reports.figures.palette import PAPER, look_of
from reports.figures.tables import Document, records
from reports.figures.units import axis_label

PANELS = (("n_parameters", "parameters"), ("n_macs", "multiply-accumulates an image"))


def draw_capacity(table: pd.DataFrame, ax: Axes) -> None:
    """Every arm's mean on its interval, at its count.

    Args:
        table: count, mean, low, high, and look, a row an arm.
        ax: Its x axis is logarithmic.
    """
    for record in records(table):
        look = look_of(record["look"])
        ax.vlines(record["count"], record["low"], record["high"], color=look.colour, linewidth=1.4)
        ax.scatter(
            record["count"],
            record["mean"],
            s=44,
            marker=look.marker,
            color=look.colour,
            edgecolor=PAPER,
            linewidth=0.6,
            zorder=3,
        )


def capacity_figure(results: Document, *, narrow: bool) -> Figure:
    """Two panels and a key of every arm."""
    table = tables.capacity_table(results)
    key_columns = 1 if narrow else 3
    key_room = 0.2 * -(-len(table) // key_columns) + 0.2
    height = 2.3
    page = NARROW_INCHES if narrow else WIDE_INCHES
    panels = (height + 0.55) * 2 if narrow else height + 0.55
    figure = Figure(figsize=(page, 0.15 + panels + key_room))
    for index, (column, words) in enumerate(PANELS):
        left = 0.68 if narrow else 0.68 + index * 3.95
        top = 0.15 + (index * (height + 0.55) if narrow else 0)
        ax = axes_at(figure, left, top, page - 0.78 if narrow else 3.4, height)
        draw_capacity(table.rename(columns={column: "count"}), ax)
        log_counts(ax.xaxis, table[column])
        ax.set_xlabel(words)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        if narrow or index == 0:
            ax.set_ylabel(axis_label(results["endpoint"]["metric"]))
    _arm_key(figure, table, key_columns)
    return figure


def _arm_key(figure: Figure, table: pd.DataFrame, columns: int) -> None:
    keys = []
    for record in records(table):
        look = look_of(record["look"])
        label = shortened(record["arm"], 32)
        keys.append(
            Line2D([], [], linestyle="", marker=look.marker, color=look.colour, label=label)
        )
    figure.legend(handles=keys, loc="lower left", ncols=columns, borderaxespad=0.2, borderpad=0)
