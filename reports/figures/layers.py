"""What a probe measured by layer: gradient norms, saturated activations, dead units.

`draw_layers` fills one panel; `layers_figure` sets one for each measure, with a key of the arms.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, arm_key, axes_at, log_axis
from reports.figures.detail_tables import layer_table
from reports.figures.palette import look_of
from reports.figures.tables import Document
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
        look = look_of(int(str(position)))
        ordered = arm.sort_values("place")
        ax.vlines(ordered["place"], ordered["low"], ordered["high"], color=look.colour, linewidth=1)
        ax.plot(
            ordered["place"],
            ordered["mean"],
            color=look.colour,
            linestyle=look.linestyle,
            marker=look.marker,
            markersize=4.7,
            linewidth=1.3,
        )


def layers_figure(results: Document, *, narrow: bool) -> Figure:
    """One panel above the other, a measure each."""
    table = layer_table(results)
    measures = list(dict.fromkeys(table["measure"]))
    arms = table.drop_duplicates("arm")
    columns = 1 if narrow else 3
    room = 0.17 * -(-len(arms) // columns) + 0.13
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
    arm_key(figure, arms, columns=columns)
    return figure
