"""What a probe measured by layer: gradient norms, saturated activations, dead units.

`draw_layers` fills one panel; `layers_figure` sets one for each measure, with a key of the arms.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at, log_axis
from reports.figures.detail_tables import layer_table
from reports.figures.looks import ARM_NAME, draw_lines, foot_key, key_room, look_keys
from reports.figures.palette import look_of
from reports.figures.tables import Document, labelled
from reports.figures.units import spoken

WIDE_RANGE = 30
"""Means that differ by more than this factor are drawn on a logarithmic axis."""


def draw_layers(table: pd.DataFrame, ax: Axes) -> None:
    """A line an arm over the layers from the input on, every mean on its interval.

    Args:
        table: look, place, mean, low, high: a row an arm and layer.
        ax: Its x axis has a unit a layer.
    """
    for position, arm in table.groupby("look", sort=True):
        colour = look_of(int(str(position))).colour
        ax.vlines(arm["place"], arm["low"], arm["high"], color=colour, linewidth=1)
    draw_lines(table, "place", "mean", ax)


def layers_figure(results: Document, *, narrow: bool) -> Figure:
    """One panel above the other, a measure each."""
    table = layer_table(results)
    measures = list(dict.fromkeys(table["measure"]))
    arms = labelled(table.drop_duplicates("look"))
    columns = 1 if narrow else 3
    room = key_room(len(arms), columns)
    page = NARROW_INCHES if narrow else WIDE_INCHES
    height, foot = 1.5, 0.42
    figure = Figure(figsize=(page, 0.13 + len(measures) * (height + foot) + room))
    for index, measure in enumerate(measures):
        ax = axes_at(figure, 0.66, 0.13 + index * (height + foot), page - 0.76, height)
        one = table[table["measure"] == measure]
        draw_layers(one, ax)
        layers = dict(zip(one["place"], one["layer"], strict=True))
        ax.set_xticks(sorted(layers), [layers[place] for place in sorted(layers)])
        ax.set_ylabel(spoken(measure))
        ends = one[["low", "mean"]].min(axis=None)
        if ends > 0 and one["mean"].max() > WIDE_RANGE * one["mean"].min():
            log_axis(ax.yaxis, one[["low", "mean", "high"]].to_numpy().ravel())
    foot_key(figure, look_keys(arms, "label", ARM_NAME), columns)
    return figure
