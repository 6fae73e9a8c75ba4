"""Lines and keys of what is told apart by its look: arms, mostly, or the levels of a factor.

Called by the layouts in this package, with tables that have a column `look` (see `palette`).
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.figures.labels import shortened
from reports.figures.palette import look_of

KEY_LINE = 0.17
ARM_NAME = 32
"""Characters of an arm's name in a key."""


def draw_lines(table: pd.DataFrame, x: str, y: str, ax: Axes) -> list[Line2D]:
    """A line for each `look` of a table, from the least `x` on, and the lines that were drawn."""
    lines = []
    for position, rows in table.groupby("look", sort=True):
        look = look_of(int(str(position)))
        ordered = rows.sort_values(x)
        lines += ax.plot(
            ordered[x],
            ordered[y],
            color=look.colour,
            linestyle=look.linestyle,
            marker=look.marker,
            markersize=4.7,
            linewidth=1.4,
        )
    return lines


def draw_intervals(table: pd.DataFrame, x: str, ax: Axes) -> None:
    """A thin bar from `low` to `high` at each `x` of a table, in the colour of its `look`."""
    for position, rows in table.groupby("look", sort=True):
        colour = look_of(int(str(position))).colour
        ax.vlines(rows[x], rows["low"], rows["high"], color=colour, linewidth=1)


def look_keys(
    table: pd.DataFrame, label: str, width: int, *, has_lines: bool = True
) -> list[Line2D]:
    """A key for each row of a table, in its `look`.

    Args:
        table: look, and the column of names.
        label: That column.
        width: Characters that a name may take.
        has_lines: Whether the figure joins the marks.
    """
    keys = []
    for record in table.to_dict("records"):
        look = look_of(record["look"])
        keys.append(
            Line2D(
                [],
                [],
                color=look.colour,
                linestyle=look.linestyle if has_lines else "",
                marker=look.marker,
                markersize=4.7,
                label=shortened(record[label], width),
            )
        )
    return keys


def key_room(n_keys: int, columns: int) -> float:
    """Inches that `foot_key` takes."""
    return KEY_LINE * -(-n_keys // columns) + 0.13


def foot_key(figure: Figure, keys: list[Line2D], columns: int, *, above: int = 0) -> None:
    """A key at the foot of a figure, `above` so many lines of another."""
    figure.legend(
        handles=keys,
        loc="lower left",
        bbox_to_anchor=(0, KEY_LINE * above / figure.get_figheight()),
        ncols=columns,
        borderaxespad=0.2,
        borderpad=0,
    )
