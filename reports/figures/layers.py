"""What probes measured by layer: changes, gradient norms, saturated outputs, dead units.

`draw_layers` fills one panel; `layers_figure` sets one for each measure, with a key of the arms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from reports.figures.measures import WORDS, in_words
from reports.figures.tables import Document, labelled

WIDE_RANGE = 30
"""Means that differ by more than this factor are drawn on a logarithmic axis."""


ROOM_OF_NAME = 0.45
"""Inches that a layer's name takes; with less its names are set aslant."""


def draw_layers(table: pd.DataFrame, ax: Axes) -> None:
    """A line an arm over the layers from the input on, every mean on its interval.

    Args:
        table: look, place, mean, low, high: a row an arm and layer.
        ax: Its x axis has a unit a layer.
    """
    draw_intervals(table, "place", ax)
    draw_lines(table, "place", "mean", ax)


def layers_figure(results: Document, *, narrow: bool) -> Figure:
    """A row a measure; where it was taken before training too, that is a panel of its own.

    Both panels of a measure have one scale.
    """
    table = layer_table(results)
    table = table[table["is_last"] | (table["epoch"] == 0)]
    measures = in_order(table["measure"])
    panels = [(name, moment) for name in measures for moment in _moments(table, name)]
    arms = labelled(table.drop_duplicates("look").sort_values("look"))
    columns = 1 if narrow else 3
    room = key_room(len(arms), columns)
    page = NARROW_INCHES if narrow else WIDE_INCHES
    height, foot, left = 1.45, 0.62, 0.8
    rows = panels if narrow else measures
    figure = Figure(figsize=(page, 0.2 + len(rows) * (height + foot) + room))
    layers: dict[int, str] = dict(zip(table["place"], table["layer"], strict=True))
    for measure, moment in panels:
        measured = table[table["measure"] == measure]
        beside = [moment] if narrow else _moments(table, measure)
        row = panels.index((measure, moment)) if narrow else measures.index(measure)
        width = (page - 0.1) / len(beside)
        at = left + beside.index(moment) * width, 0.2 + row * (height + foot)
        ax = axes_at(figure, *at, width - left, height)
        one = measured[measured["is_last"] == (moment == "end")]
        draw_layers(one, ax)
        held = sorted(set(one["place"]))
        is_tight = (width - left) / len(held) < ROOM_OF_NAME
        ax.set_xticks(held, [layers[place] for place in held], rotation=45 if is_tight else 0)
        ax.set_ylabel(wrapped(in_words(measure), 24))
        if moment == "start":
            ax.set_title("before training")
        common_scale([ax], measured)
    foot_key(figure, look_keys(arms, "label", ARM_NAME), columns)
    return figure


def in_order(measures: Iterable[str]) -> list[str]:
    """Each measure once, in the order in which they are explained."""
    known = list(WORDS)
    return sorted(
        dict.fromkeys(measures), key=lambda one: known.index(one) if one in known else len(known)
    )


def _moments(table: pd.DataFrame, measure: str) -> list[str]:
    is_last = set(table.loc[table["measure"] == measure, "is_last"])
    return [moment for moment, last in (("start", False), ("end", True)) if last in is_last]


def common_scale(grid: Sequence[Axes], measured: pd.DataFrame) -> None:
    """One scale of a measure's values for all its panels; logarithmic where they differ widely.

    Bars that reach 0 then go to the foot of the axis.

    Args:
        grid: The panels.
        measured: mean, low, high of all that they show.
    """
    shown = measured[["mean", "low", "high"]].to_numpy(dtype=float)
    means = shown[:, 0]
    least, most = means.min(), np.nanmax(shown)
    for ax in grid:
        if least > 0 and means.max() > WIDE_RANGE * least:
            log_axis(ax.yaxis, [*means, most], is_sparse=True)
        else:
            low = np.nanmin(shown)
            room = 0.05 * (most - low) or 0.05
            ax.set_ylim(low - room, most + room)
