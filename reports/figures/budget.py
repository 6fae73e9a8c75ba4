"""Expected best validation score against the tuning budget: is the gain just tuning?

`draw_budget` fills one panel; `budget_figure` adds the axes' names and a key of the arms.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at
from reports.figures.detail_tables import budget_table
from reports.figures.looks import ARM_NAME, draw_lines, foot_key, key_room, look_keys
from reports.figures.tables import Document
from reports.figures.units import axis_label


def draw_budget(table: pd.DataFrame, ax: Axes) -> None:
    """A line an arm; a marker at the last budget only, where it rests on every trial.

    Args:
        table: look, trials, best: a row an arm and budget.
        ax: To draw in.
    """
    for line in draw_lines(table, "trials", "best", ax):
        line.set_markevery([-1])


def budget_figure(results: Document, *, narrow: bool) -> Figure:
    """One panel and a key of every tuned arm."""
    table = budget_table(results)
    columns = 1 if narrow else 3
    arms = table.drop_duplicates("arm")
    room = key_room(len(arms), columns)
    page = NARROW_INCHES if narrow else WIDE_INCHES
    width, height = (page - 0.66, 1.95) if narrow else (4.2, 2.3)
    figure = Figure(figsize=(page, 0.13 + height + 0.48 + room))
    ax = axes_at(figure, 0.56, 0.13, width, height)
    draw_budget(table, ax)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.set_xlabel("trials")
    ax.set_ylabel(f"best {axis_label(results['budget']['metric'])}")
    foot_key(figure, look_keys(arms, "arm", ARM_NAME), columns)
    return figure
