"""The probe `flatten_distance`: how much pixels tell of their neighbours, in image and vector.

`draw_neighbours` fills one panel; `neighbours_figure` sets one for each place to be neighbours in.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at
from reports.figures.detail_tables import NEIGHBOURS, neighbour_table
from reports.figures.looks import draw_lines, foot_key, key_room, look_keys
from reports.figures.tables import Document


def draw_neighbours(table: pd.DataFrame, ax: Axes) -> None:
    """A line a data set over the distance.

    Args:
        table: look, apart, correlation.
        ax: Its x axis is in pixels, or in entries of the vector.
    """
    draw_lines(table, "apart", "correlation", ax)


def neighbours_figure(results: Document, *, narrow: bool) -> Figure:
    """A panel for rows, columns and the vector, with one common axis of correlations."""
    table = neighbour_table(results)
    groups = table.drop_duplicates("label")
    n_columns, n_rows = (1, 3) if narrow else (3, 1)
    keys = key_room(len(groups), 1)
    page, height, foot, left = NARROW_INCHES if narrow else WIDE_INCHES, 1.5, 0.42, 0.56
    figure = Figure(figsize=(page, 0.3 + (height + foot + 0.2) * n_rows + keys))
    width = (page - left - 0.1) / n_columns
    low, high = table["correlation"].min(), table["correlation"].max()
    room = 0.06 * (high - low) or 0.1
    for number, (where, words) in enumerate(NEIGHBOURS.items()):
        row, column = divmod(number, n_columns)
        top = 0.3 + row * (height + foot + 0.2)
        ax = axes_at(figure, left + column * width, top, width - 0.15, height)
        draw_neighbours(table[table["where"] == where], ax)
        ax.set_title(words)
        ax.set_ylim(low - room, high + room)
        ax.xaxis.set_major_locator(FixedLocator(sorted(set(table["apart"]))))
        ax.set_xlabel("entries apart" if where == "vector" else "pixels apart")
        ax.set_ylabel("correlation" if column == 0 else "")
        ax.tick_params(labelleft=column == 0)
    named = groups.assign(arms=groups["arms"].map(", ".join))
    foot_key(figure, look_keys(named, "arms", 40 if narrow else 90), 1)
    return figure
