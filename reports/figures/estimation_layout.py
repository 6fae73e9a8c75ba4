"""The estimation plot as a whole: panels, names, numbers and keys, for a wide page and a phone.

Called by `gallery`. On a wide page values and differences share their rows; on a phone one panel
stands above the other and every name stands above its own row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from reports.figures import tables
from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at
from reports.figures.estimation import (
    draw_cut_ends,
    draw_differences,
    draw_margin,
    draw_means,
    draw_values,
)
from reports.figures.labels import shortened, signed, wrapped
from reports.figures.palette import BAND, BLUE, GRID, INK, MUTED, PAPER, VERDICTS
from reports.figures.tables import Document, Row
from reports.figures.units import amount, axis_label, confidence, difference_unit

ROW = 0.445
NARROW_ROW = 0.66
HEAD = 0.26
BETWEEN = 0.22
# An interval so many times as wide as the middle one is cut.
LONG = 8
FOOT = 0.48
# How far above its row's middle a name stands on a phone, and the room it takes, in rows.
NAME_LIFT, NAME_ROOM, NAME_STRIP = 0.425, 0.14, 0.22


@dataclass(frozen=True)
class _Panel:
    """The rows one panel shows and the room above each for its name."""

    rows: list[Row]
    room_above: float = 0.0


def estimation_figure(results: Document, *, narrow: bool) -> Figure:
    """The estimation plot; without contrasts only the values, without intervals only points."""
    return _narrow_figure(results) if narrow else _wide_figure(results)


def _wide_figure(results: Document) -> Figure:
    panel = _Panel(tables.estimation_rows(results))
    height = ROW * len(panel.rows)
    figure = Figure(figsize=(WIDE_INCHES, HEAD + height + FOOT))
    has_differences = bool(results["contrasts"])
    left = axes_at(figure, 1.5, HEAD, 2.4 if has_differences else 5.3, height)
    _values_panel(results, panel, left)
    for position, row in enumerate(panel.rows):
        _name_beside(position, row, left)
    if has_differences:
        right = axes_at(figure, 4.1, HEAD, 1.44, height)
        table = tables.difference_table(results)
        _differences_panel(results, panel, table, right)
        for record in tables.records(table):
            mark = VERDICTS[record["verdict"]]
            _text(right, 1.04, record["row"] - 0.04, _numbers(record), "left bottom")
            _text(right, 1.04, record["row"] + 0.06, mark.word, "left top", mark.paint)
    return figure


def _narrow_figure(results: Document) -> Figure:
    rows = tables.estimation_rows(results)
    arms = _Panel([row for row in rows if row.arm], NAME_ROOM)
    contrasts = _Panel([row for row in rows if row.contrast], NAME_ROOM)
    first = NARROW_ROW * len(arms.rows)
    second = NARROW_ROW * 0.72 * len(contrasts.rows)
    height = HEAD + first + FOOT + ((BETWEEN + HEAD + second + FOOT) if contrasts.rows else 0)
    figure = Figure(figsize=(NARROW_INCHES, height))
    top = axes_at(figure, 0.1, HEAD, NARROW_INCHES - 0.2, first)
    _values_panel(results, arms, top)
    for position, row in enumerate(arms.rows):
        _text(top, 0, position - NAME_LIFT, shortened(row.label, 36), "left center")
        _text(top, 1, position - NAME_LIFT, _count_note(row), "right center", MUTED)
    if contrasts.rows:
        under = HEAD + first + FOOT + BETWEEN + HEAD
        _narrow_differences(
            results, contrasts, axes_at(figure, 0.1, under, NARROW_INCHES - 0.2, second)
        )
    return figure


def _narrow_differences(results: Document, panel: _Panel, ax: Axes) -> None:
    table = tables.difference_table(results).assign(row=range(len(panel.rows)))
    _differences_panel(results, panel, table, ax)
    for record, row in zip(tables.records(table), panel.rows, strict=True):
        lift = record["row"] - NAME_LIFT
        _text(ax, 0, lift, shortened(row.label, 22), "left center")
        paint = VERDICTS[record["verdict"]].paint
        _text(ax, 1, lift, _numbers(record), "right center", paint)


def _values_panel(results: Document, panel: _Panel, ax: Axes) -> None:
    draw_values(tables.value_table(results), ax)
    draw_means(tables.mean_table(results), ax)
    _row_axis(ax, panel)
    ax.set_xlabel(axis_label(results["endpoint"]["metric"]))
    _values_key(results, ax)


def _values_key(results: Document, ax: Axes) -> None:
    means = tables.mean_table(results)
    keys = [Line2D([], [], linestyle="", marker="o", color=BLUE, markersize=4)]
    words = ["a seed"]
    if results["contrasts"]:
        keys.append(
            Line2D(
                [], [], color=MUTED, marker="o", markersize=4, markerfacecolor=PAPER, linewidth=0.7
            )
        )
        words.append("its control")
    if not means.empty:
        keys.append(Line2D([], [], color=INK, marker="D", markersize=4, linewidth=1.4))
        words.append(f"mean, {confidence(results)} CI" if means["low"].notna().any() else "mean")
    _key(ax, keys, words)


def _differences_panel(results: Document, panel: _Panel, table: pd.DataFrame, ax: Axes) -> None:
    draw_differences(table, ax)
    margin = tables.margin_shown(results)
    draw_margin(margin, ax)
    _row_axis(ax, panel)
    _cut_long_intervals(table, ax)
    unit = difference_unit(results["endpoint"]["metric"])
    ax.set_xlabel(f"difference ({unit}), right is better")
    if not math.isnan(margin):
        endpoint = results["endpoint"]
        size = amount(endpoint["margin"], endpoint["metric"])
        _key(ax, [Patch(color=BAND)], [f"within the margin, ±{size}"])


def _cut_long_intervals(table: pd.DataFrame, ax: Axes) -> None:
    """Keep one collapsed run from pressing every other contrast into a dot.

    Every estimate stays in view; an interval many times as wide as the middle one is cut, shown by
    an arrowhead, and its ends stand beside it as numbers.
    """
    width = table["high"] - table["low"]
    usual = table[~(width > LONG * width.median())]
    ends = [*usual["low"].dropna(), *usual["high"].dropna(), *table["estimate"].dropna()]
    if len(usual) == len(table) or not ends:
        return
    low, high = min(ends), max(ends)
    room = 0.08 * (high - low)
    ax.set_xlim(low - room, high + room)
    draw_cut_ends(table, ax)


def _key(ax: Axes, keys: list[Line2D] | list[Patch], words: list[str]) -> None:
    ax.legend(
        keys,
        words,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(words),
        borderaxespad=0.2,
        borderpad=0,
        handlelength=1.5,
        handletextpad=0.5,
        columnspacing=1.2,
    )


def _row_axis(ax: Axes, panel: _Panel) -> None:
    n_rows = len(panel.rows)
    ax.set_ylim(n_rows - 0.5, -0.5 - panel.room_above)
    ax.set_yticks([])
    ax.set_ylabel("")
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    ax.grid(visible=True, axis="x")
    for row in range(n_rows):
        top = row - 0.5 - panel.room_above / (2 if row else 1)
        if panel.room_above:
            # A clean strip for the name, over the grid and the band and under the marks.
            ax.axhspan(top, row - 0.5 + NAME_STRIP, color=PAPER, linewidth=0, zorder=1.2)
        if row:
            ax.axhline(top, color=GRID, linewidth=0.7, zorder=1.3)


def _name_beside(position: int, row: Row, ax: Axes) -> None:
    name, note = wrapped(row.label, 23), _count_note(row)
    if not note:
        _text(ax, -0.03, position, name, "right center")
        return
    # The line between name and count lies a little lower under a name of two lines.
    line = position + (0.15 if "\n" in name else 0.03)
    _text(ax, -0.03, line, name, "right bottom")
    _text(ax, -0.03, line, note, "right top", MUTED)


def _count_note(row: Row) -> str:
    if row.arm is None:
        return ""
    failed = f", {row.arm['n_failed']} failed" if row.arm["n_failed"] else ""
    return f"n = {row.arm['n_finished']}{failed}"


def _numbers(record: Mapping[str, float]) -> str:
    estimate, low, high = (record[key] for key in ("estimate", "low", "high"))
    if math.isnan(low):  # one or two pairs carry no interval
        return signed(estimate)
    return f"{signed(estimate)} [{signed(low)}, {signed(high)}]"


def _text(ax: Axes, x: float, y: float, text: str, align: str, colour: str = INK) -> None:
    horizontal, vertical = align.split()
    ax.text(
        x,
        y,
        text,
        transform=ax.get_yaxis_transform(),
        ha=horizontal,
        va=vertical,
        color=colour,
        fontsize=7.3,
        linespacing=1.15,
    )
