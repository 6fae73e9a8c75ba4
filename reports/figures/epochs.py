"""What probes measured by layer in the course of training: gradients, saturated and dead units.

`draw_epochs` fills one panel; `epochs_figure` sets a row of layers for each measure.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at
from reports.figures.detail_tables import epoch_table
from reports.figures.layers import common_scale, in_order
from reports.figures.looks import (
    ARM_NAME,
    draw_intervals,
    draw_lines,
    foot_key,
    key_room,
    look_keys,
)
from reports.figures.measures import in_running_order, in_words
from reports.figures.tables import Document, labelled

_LEFT, _GAP, _TITLES, _HEIGHT, _LABELS = 0.52, 0.12, 0.4, 1.05, 0.42
"""Inches: left of a row, between panels, above them, their height, under them."""


def draw_epochs(table: pd.DataFrame, ax: Axes) -> None:
    """A line an arm over the epochs, every mean on its interval.

    Args:
        table: look, epoch, mean, low, high: a row an arm and epoch.
        ax: Its x axis counts epochs.
    """
    draw_intervals(table, "epoch", ax)
    draw_lines(table, "epoch", "mean", ax)


def epochs_figure(results: Document, *, narrow: bool) -> Figure:
    """The layers of a measure side by side, in rows of five, or two on a phone, with one scale."""
    table = epoch_table(results)
    page, most = (NARROW_INCHES, 2) if narrow else (WIDE_INCHES, 5)
    measures = in_order(table["measure"])
    layers = {
        measure: in_running_order(table.loc[table["measure"] == measure, "layer"])
        for measure in measures
    }
    columns = min(most, max(map(len, layers.values())))
    arms = labelled(table.drop_duplicates("look").sort_values("look"))
    key_columns = 1 if narrow else 3
    rows = sum(-(-len(held) // columns) for held in layers.values())
    row_height = _TITLES + _HEIGHT + _LABELS
    figure = Figure(figsize=(page, rows * row_height + key_room(len(arms), key_columns)))
    width = (page - _LEFT - 0.05) / columns - _GAP
    row = 0
    for measure in measures:
        measured = table[table["measure"] == measure]
        grid = []
        for number, layer in enumerate(layers[measure]):
            down, across = divmod(number, columns)
            top = (row + down) * row_height + _TITLES
            ax = axes_at(figure, _LEFT + across * (width + _GAP), top, width, _HEIGHT)
            draw_epochs(measured[measured["layer"] == layer], ax)
            said = f"{in_words(measure)}\n" if across == 0 else ""
            ax.set_title(f"{said}{layer}")
            ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
            ax.set_xlabel("epoch")
            ax.tick_params(labelleft=across == 0)
            grid.append(ax)
        common_scale(grid, measured)
        row += -(-len(grid) // columns)
    foot_key(figure, look_keys(arms, "label", ARM_NAME), key_columns)
    return figure
