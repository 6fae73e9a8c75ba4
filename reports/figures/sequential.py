"""The path of a contrast over its looks: why was it stopped here?

`draw_path` fills one panel; `sequential_figure` sets one for each contrast.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from reports.figures import tables
from reports.figures.canvas import Room, common_values, is_leftmost, is_lowest, panel_grid
from reports.figures.detail_tables import sequential_table
from reports.figures.labels import wrapped
from reports.figures.palette import BAND, BLUE, GREEN, INK, PAPER, SLATE
from reports.figures.tables import Document, records
from reports.figures.units import difference_unit

STATES = {
    "different": (BLUE, "D", "a difference"),
    "equivalent": (GREEN, "s", "equivalent"),
    "continue": (SLATE, "o", "not decided, more seeds"),
    "undecided-at-max": (SLATE, "X", "undecided at the last look"),
}
"""How a look is drawn by what was decided at it."""


def draw_path(table: pd.DataFrame, margin: float, ax: Axes) -> None:
    """One contrast: its estimate on its repeated interval at each look, and the margin.

    Args:
        table: n_pairs, state, estimate, low, high: a row a look.
        margin: Half the width of the band; NaN for none.
        ax: Its x axis is the number of pairs.
    """
    if not math.isnan(margin):
        ax.axhspan(-margin, margin, color=BAND, linewidth=0, zorder=0.5)
    ax.axhline(0, color=INK, linewidth=0.9, zorder=1)
    ax.plot(table["n_pairs"], table["estimate"], color=SLATE, linewidth=0.9, zorder=1.5)
    for record in records(table):
        colour, marker, _ = STATES[record["state"]]
        ax.vlines(record["n_pairs"], record["low"], record["high"], color=colour, linewidth=1.5)
        ax.scatter(
            record["n_pairs"],
            record["estimate"],
            s=28,
            marker=marker,
            facecolor=PAPER if record["state"] == "continue" else colour,
            edgecolor=colour,
            linewidth=1.1,
            zorder=3,
        )


def sequential_figure(results: Document, *, narrow: bool) -> Figure:
    """A grid of panels with common axes, one a contrast."""
    table = sequential_table(results)
    contrasts = tables.by_cell(table, "contrast")
    titles = [
        wrapped(tables.beside_control(results, *contrast), 16 if narrow else 23)
        for contrast in contrasts
    ]
    height = 0.33 if any("\n" in title for title in titles) else 0.21
    states = list(dict.fromkeys(table["state"]))
    columns = 2 if narrow else len(states) + 1
    key = 0.1 + 0.16 * -(-(len(states) + 1) // columns)
    figure, grid = panel_grid(len(contrasts), Room(title=height, key=key), narrow=narrow)
    looks = results["sequential"]["looks"]
    for path, title, ax in zip(contrasts.values(), titles, grid, strict=True):
        draw_path(path, tables.margin_shown(results), ax)
        ax.set_title(title)
        ax.set_xlim(looks[0] - 0.5 * looks[0], looks[-1] + 0.5 * looks[0])
        ax.set_xticks(looks)
        ax.set_xlabel("pairs" if is_lowest(ax, grid) else "")
        ax.set_ylabel(
            f"difference ({difference_unit(results['endpoint']['metric'])})"
            if is_leftmost(ax, grid)
            else ""
        )
        ax.tick_params(labelleft=is_leftmost(ax, grid))
    common_values(grid, table[["low", "estimate", "high"]])
    _state_key(figure, states, columns)
    return figure


def _state_key(figure: Figure, states: list[str], columns: int) -> None:
    keys: list[Line2D | Patch] = []
    for state in states:
        colour, marker, words = STATES[state]
        face = PAPER if state == "continue" else colour
        keys.append(
            Line2D(
                [], [], linestyle="", marker=marker, color=colour, markerfacecolor=face, label=words
            )
        )
    keys.append(Patch(color=BAND, label="within the margin"))
    figure.legend(
        handles=keys,
        loc="upper left",
        ncols=columns,
        borderaxespad=0.1,
        borderpad=0,
        columnspacing=1.2,
    )
