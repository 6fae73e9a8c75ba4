"""Probes: accuracy on shifted images, and how the counts grow with the image.

`draw_shift` and `draw_growth` fill one panel; the `*_figure` functions lay the panels out.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from reports.figures import tables
from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at, log_axis
from reports.figures.looks import (
    ARM_NAME,
    draw_intervals,
    draw_lines,
    foot_key,
    key_room,
    look_keys,
)
from reports.figures.tables import Document

GROWTH_PANELS = (
    ("n_parameters", "parameters"),
    ("n_macs", "multiply-accumulates an image"),
    ("activation_mebibytes", "activations, MiB an image"),
)


def draw_shift(table: pd.DataFrame, ax: Axes) -> None:
    """A line an arm over the pixels that images are moved by, every mean on its interval.

    Args:
        table: look, pixels, mean, low, high: a row an arm and shift.
        ax: Its x axis is in pixels.
    """
    draw_intervals(table, "pixels", ax)
    draw_lines(table, "pixels", "mean", ax)


def shift_figure(results: Document, *, narrow: bool) -> Figure:
    """Accuracy against the pixels that images are moved by."""
    table = tables.shift_table(results)
    arms = tables.labelled(table.drop_duplicates("look"))
    columns, height, foot = (1, 2.1, 0.42) if narrow else (3, 2.5, 0.42)
    page = NARROW_INCHES if narrow else WIDE_INCHES
    room = key_room(len(arms), columns)
    figure = Figure(figsize=(page, 0.13 + height + foot + room))
    ax = axes_at(figure, 0.56, 0.13, page - 0.66, height)
    draw_shift(table, ax)
    ax.xaxis.set_major_locator(FixedLocator(sorted(set(table["pixels"]))))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.set_xlabel("pixels that test images are moved by")
    ax.set_ylabel("accuracy (%)")
    foot_key(figure, look_keys(arms, "label", ARM_NAME), columns)
    return figure


def draw_growth(table: pd.DataFrame, ax: Axes) -> None:
    """One line a group of arms that grow alike.

    Args:
        table: look, side, count.
        ax: Both its axes are logarithmic.
    """
    draw_lines(table, "side", "count", ax)


def growth_figure(results: Document, *, narrow: bool) -> Figure:
    """Counts against image size; arms with equal counts share one line and one key."""
    table = tables.growth_table(results)
    groups = table.drop_duplicates("label")
    panels = [(count, words) for count, words in GROWTH_PANELS if (table[count] > 0).all()]
    columns, name, n_rows = (1, 40, len(panels)) if narrow else (2, 52, 1)
    keys = key_room(len(groups), columns)
    height, page = 1.95, NARROW_INCHES if narrow else WIDE_INCHES
    figure = Figure(
        figsize=(
            page,
            0.13 + (height + 0.52) * n_rows + keys,
        )
    )
    width = page / (1 if narrow else len(panels))
    for index, (column, words) in enumerate(panels):
        left = 0.56 if narrow else 0.56 + index * width
        top = 0.13 + (index * (height + 0.52) if narrow else 0)
        ax = axes_at(figure, left, top, width - 0.66, height)
        draw_growth(table.rename(columns={column: "count"}), ax)
        log_axis(ax.yaxis, table[column])
        _log_sides(ax, sorted(set(table["side"])))
        ax.set_ylabel(words)
    named = groups.assign(arms=groups["arms"].map(", ".join))
    foot_key(figure, look_keys(named, "arms", name), columns)
    return figure


def _log_sides(ax: Axes, sides: list[int]) -> None:
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(sides))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.set_xlabel("image side (pixels)")
