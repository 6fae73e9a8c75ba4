"""Probes: accuracy on shifted images, and how the counts grow with the image.

`draw_shift` and `draw_growth` fill one panel; the `*_figure` functions lay the panels out.
"""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from reports.figures import tables
from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at, log_axis
from reports.figures.labels import shortened, wrapped
from reports.figures.looks import draw_lines, foot_key, key_room, look_keys
from reports.figures.palette import BLUE, GRID, MUTED, OCHRE, VERMILLION, look_of
from reports.figures.tables import Document

# Further from home, warmer and less round.
SHIFT_LOOKS = ((BLUE, "o", "in place"), (OCHRE, "s", "1 pixel"), (VERMILLION, "^", "2 pixels"))
GROWTH_PANELS = (("n_parameters", "parameters"), ("n_macs", "multiply-accumulates an image"))


def draw_shift(table: pd.DataFrame, ax: Axes) -> None:
    """An arm a row: its mean accuracy at each shift, on its interval, joined by a line."""
    for _, arm in table.groupby("row"):
        ax.plot(arm["mean"], arm["row"], color=MUTED, linewidth=1, zorder=1.5)
    for pixels, points in table.groupby("pixels"):
        colour, marker, _ = _shift_look(int(str(pixels)))
        ax.hlines(
            points["row"], points["low"], points["high"], color=colour, linewidth=2.5, alpha=0.5
        )
        sns.scatterplot(
            data=points,
            x="mean",
            y="row",
            color=colour,
            marker=marker,
            s=31,
            linewidth=0,
            legend=False,
            zorder=3,
            ax=ax,
        )


def shift_figure(results: Document, *, narrow: bool) -> Figure:
    """The shift probe, its rows in the order of the estimation plot."""
    table = tables.shift_table(results)
    labels = [
        tables.arm_label(arm["name"], arm["comparison"]) for arm in tables.ordered_arms(results)
    ]
    row, head, foot = (0.45, 0.4, 0.48) if narrow else (0.3, 0.35, 0.47)
    height = row * len(labels)
    page = NARROW_INCHES if narrow else WIDE_INCHES
    figure = Figure(figsize=(page, head + height + foot))
    left = 0.1 if narrow else 1.5
    ax = axes_at(figure, left, head, page - left - 0.12, height)
    draw_shift(table, ax)
    _name_rows(ax, labels, narrow=narrow)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.set_xlabel("accuracy on shifted test images (%)")
    _shift_key(ax, sorted(set(table["pixels"])))
    return figure


def _name_rows(ax: Axes, labels: list[str], *, narrow: bool) -> None:
    ax.set_ylim(len(labels) - 0.5, -0.5 - (0.15 if narrow else 0))
    ax.set_ylabel("")
    ax.spines["left"].set_visible(False)
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    ax.set_yticks([])
    for position, label in enumerate(labels):
        ax.axhline(position, color=GRID, linewidth=0.7, zorder=0.6)
        ax.text(
            0 if narrow else -0.02,
            position - (0.38 if narrow else 0),
            shortened(label, 44) if narrow else wrapped(label, 23),
            transform=ax.get_yaxis_transform(),
            ha="left" if narrow else "right",
            va="center",
            fontsize=7.3,
            linespacing=1.1,
        )


def _shift_look(pixels: int) -> tuple[str, str, str]:
    """Colour, marker and words of a shift."""
    if pixels < len(SHIFT_LOOKS):
        return SHIFT_LOOKS[pixels]
    look = look_of(pixels)
    return look.colour, look.marker, f"{pixels} pixels"


def _shift_key(ax: Axes, shifts: list[int]) -> None:
    keys = []
    for pixels in shifts:
        colour, marker, words = _shift_look(pixels)
        keys.append(Line2D([], [], linestyle="", marker=marker, color=colour, label=words))
    ax.legend(
        handles=keys,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(keys),
        borderpad=0,
        borderaxespad=0.3,
    )


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
    columns, name, n_rows = (1, 40, 2) if narrow else (2, 52, 1)
    keys = key_room(len(groups), columns)
    height, page = 1.95, NARROW_INCHES if narrow else WIDE_INCHES
    figure = Figure(
        figsize=(
            page,
            0.13 + (height + 0.52) * n_rows + keys,
        )
    )
    for index, (column, words) in enumerate(GROWTH_PANELS):
        left = 0.56 if narrow else 0.56 + index * 3.5
        top = 0.13 + (index * (height + 0.52) if narrow else 0)
        ax = axes_at(figure, left, top, page - 0.66 if narrow else 2.86, height)
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
