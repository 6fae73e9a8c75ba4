"""Accuracy against what it costs: parameters, multiply-accumulates, seconds to train, latency.

`draw_cost` fills one panel; `cost_figure` sets one for each cost that is known, with a key of every
arm. Is the gain just capacity, and is it worth its price?
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at, common_values, log_axis
from reports.figures.detail_tables import COSTS, cost_table
from reports.figures.looks import ARM_NAME, foot_key, key_room, look_keys
from reports.figures.palette import MUTED, PAPER, look_of
from reports.figures.tables import Document, labelled, records
from reports.figures.units import axis_label

COLUMNS = 2
FRONT = "filled, joined: no other arm is as good at no more cost"


def draw_cost(table: pd.DataFrame, ax: Axes) -> None:
    """Every arm's mean on its interval, at its cost; the Pareto set filled and joined by steps.

    Args:
        table: at, at_low, at_high, mean, low, high, is_on_front, look: a row an arm.
        ax: Its x axis is logarithmic.
    """
    front = table[table["is_on_front"].astype(bool)].sort_values("at")
    ax.step(front["at"], front["mean"], where="post", color=MUTED, linewidth=0.9, zorder=1.5)
    for record in records(table):
        look = look_of(record["look"])
        ax.vlines(record["at"], record["low"], record["high"], color=look.colour, linewidth=1.2)
        ax.hlines(
            record["mean"], record["at_low"], record["at_high"], color=look.colour, linewidth=1.2
        )
        ax.scatter(
            record["at"],
            record["mean"],
            s=32,
            marker=look.marker,
            facecolor=look.colour if record["is_on_front"] else PAPER,
            edgecolor=look.colour,
            linewidth=1.1,
            zorder=3,
        )


def cost_figure(results: Document, costs: Document, *, narrow: bool) -> Figure:
    """Two panels a row, and a key of every arm."""
    table = cost_table(results, costs)
    shown = [cost for cost in COSTS if cost in set(table["cost"])]
    arms = labelled(table.drop_duplicates("look"))
    key_columns = 1 if narrow else 3
    n_lines = -(-len(arms) // key_columns)
    page, left, gap, foot = NARROW_INCHES if narrow else WIDE_INCHES, 0.56, 0.2, 0.46
    width, height = (page - left - 0.08 - gap) / COLUMNS, 1.35 if narrow else 1.75
    n_rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(page, 0.13 + n_rows * (height + foot) + key_room(n_lines + 1, 1)))
    for index, cost in enumerate(shown):
        row, column = divmod(index, COLUMNS)
        x, y = left + column * (width + gap), 0.13 + row * (height + foot)
        ax = axes_at(figure, x, y, width, height)
        one = table[table["cost"] == cost]
        draw_cost(one, ax)
        log_axis(ax.xaxis, one[["at", "at_low", "at_high"]].to_numpy().ravel(), is_sparse=narrow)
        ax.set_xlabel(COSTS[cost][0])
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        ax.tick_params(labelleft=column == 0)
        if column == 0:
            ax.set_ylabel(axis_label(results["endpoint"]["metric"]))
    common_values(figure.axes, table[["low", "mean", "high"]])
    foot_key(figure, look_keys(arms, "label", ARM_NAME, has_lines=False), key_columns)
    front = Line2D([], [], color=MUTED, linewidth=0.9, label=FRONT)
    foot_key(figure, [front], 1, above=n_lines)
    return figure
