"""What probes measured by layer: changes, gradient norms, saturated outputs, dead units.

`draw_layers` fills one panel; `layers_figure` sets one for each measure, with a key of the arms.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at, log_axis
from reports.figures.detail_tables import layer_table
from reports.figures.labels import wrapped
from reports.figures.looks import (
    ARM_NAME,
    draw_intervals,
    draw_lines,
    foot_key,
    key_room,
    look_keys,
)
from reports.figures.measures import in_words
from reports.figures.tables import Document

WIDE_RANGE = 30
"""Means that differ by more than this factor are drawn on a logarithmic axis."""


MANY = 6
"""From so many layers on, their names are set aslant."""


def draw_layers(table: pd.DataFrame, ax: Axes) -> None:
    """A line an arm over the layers from the input on, every mean on its interval.

    Args:
        table: look, place, mean, low, high: a row an arm and layer.
        ax: Its x axis has a unit a layer.
    """
    draw_intervals(table, "place", ax)
    draw_lines(table, "place", "mean", ax)


def layers_figure(results: Document, *, narrow: bool) -> Figure:
    """A row a measure; where it was taken before training too, that is a panel of its own."""
    table = layer_table(results)
    panels = [
        [one for _, one in measured.groupby("moment", sort=False)]
        for _, measured in _start_first(table).groupby("measure", sort=False)
    ]
    if narrow:
        panels = [[one] for row in panels for one in row]
    arms = table.drop_duplicates("arm")
    columns = 1 if narrow else 3
    room = key_room(len(arms), columns)
    page = NARROW_INCHES if narrow else WIDE_INCHES
    height, foot, left = 1.5, 0.42, 0.66
    figure = Figure(figsize=(page, 0.13 + len(panels) * (height + foot) + room))
    layers: dict[int, str] = dict(zip(table["place"], table["layer"], strict=True))
    for number, row in enumerate(panels):
        width = (page - 0.1) / len(row)
        for place, one in enumerate(row):
            top = 0.13 + number * (height + foot)
            ax = axes_at(figure, left + place * width, top, width - left, height)
            draw_layers(one, ax)
            _name_axes(ax, one, layers)
    foot_key(figure, look_keys(arms, "arm", ARM_NAME), columns)
    return figure


def _start_first(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table[table["moment"] == moment] for moment in ("start", "end")]).sort_values(
        "measure",
        key=lambda names: names.map(list(dict.fromkeys(table["measure"])).index),
        kind="stable",
    )


def _name_axes(ax: Axes, one: pd.DataFrame, layers: dict[int, str]) -> None:
    held = sorted(set(one["place"]))
    ax.set_xticks(held, [layers[place] for place in held], rotation=0 if len(held) < MANY else 45)
    first = one.iloc[0]
    ax.set_ylabel(wrapped(in_words(first["measure"]), 24))
    if first["moment"] == "start":
        ax.set_title("before training", loc="right", pad=-7)
    means = one["mean"].to_numpy()
    least = np.nanmin(one[["low", "mean"]].to_numpy())
    if least > 0 and means.max() > WIDE_RANGE * means.min():
        log_axis(ax.yaxis, one[["low", "mean", "high"]].to_numpy().ravel())
