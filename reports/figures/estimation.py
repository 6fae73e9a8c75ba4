"""The estimation plot's marks: every seed's value, the means, the differences, the margin.

After Gardner and Altman (1986) and Cumming (2012), a row an arm. The builders only place what the
tables hold, and know nothing of names or of the page; `estimation_layout` puts them together.
"""

from __future__ import annotations

import math

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from reports.figures.palette import BAND, BLUE, INK, MUTED, PAPER, VERDICTS
from reports.figures.tables import records

# Where in its row a thing lies, as a share of the row's height below the row's middle.
CONTROL_LANE, SEED_LANE, MEAN_LANE = -0.24, 0.02, 0.28


def draw_values(table: pd.DataFrame, ax: Axes) -> None:
    """Every seed's value; above it the control's value of that seed, joined by a thin line."""
    placed = table.assign(
        control_y=table["row"] + CONTROL_LANE,
        value_y=table["row"] + SEED_LANE,
    )
    paired = placed.dropna(subset=["value", "control"])
    ends = paired[["control", "control_y", "value", "value_y"]].to_numpy(dtype=float)
    pairs = LineCollection(
        list(ends.reshape(-1, 2, 2)), colors=MUTED, linewidths=0.7, capstyle="projecting", zorder=2
    )
    ax.add_collection(pairs)
    _dots(paired, "control", ax, size=10, face=PAPER, edge=MUTED)
    _dots(placed.dropna(subset=["value"]), "value", ax, size=15, face=BLUE, edge=BLUE)


def _dots(table: pd.DataFrame, column: str, ax: Axes, *, size: float, face: str, edge: str) -> None:
    sns.scatterplot(
        data=table,
        x=column,
        y=f"{column}_y",
        s=size,
        color=face,
        edgecolor=edge,
        linewidth=0.8,
        legend=False,
        zorder=3,
        ax=ax,
    )


def draw_means(table: pd.DataFrame, ax: Axes) -> None:
    """Every arm's mean as a diamond on its interval."""
    y = table["row"] + MEAN_LANE
    ax.hlines(y, table["low"], table["high"], color=INK, linewidth=1.4, zorder=3)
    ax.scatter(table["mean"], y, s=19, color=INK, marker="D", linewidth=0, zorder=4)


def draw_differences(table: pd.DataFrame, ax: Axes) -> None:
    """Every contrast's estimate on its simultaneous interval, marked by its verdict."""
    for record in records(table):
        mark = VERDICTS[record["verdict"]]
        low, high = record["low"], record["high"]
        if not math.isnan(low):
            ax.hlines(record["row"], low, high, color=mark.paint, linewidth=1.7, zorder=3)
        ax.scatter(
            record["estimate"],
            record["row"],
            s=34,
            marker=mark.marker,
            facecolor=PAPER if mark.is_open else mark.paint,
            edgecolor=mark.paint,
            linewidth=1.4,
            zorder=4,
        )


def draw_margin(margin: float, ax: Axes) -> None:
    """The zero line, and the band of differences too small to matter (none for a NaN margin)."""
    if not math.isnan(margin):
        ax.axvspan(-margin, margin, color=BAND, linewidth=0, zorder=0.5)
    ax.axvline(0, color=INK, linewidth=1, zorder=1)


def draw_cut_ends(table: pd.DataFrame, ax: Axes) -> None:
    """An arrowhead at the edge of the axes for every interval that reaches beyond it."""
    left, right = ax.get_xlim()
    for record in records(table):
        paint = VERDICTS[record["verdict"]].paint
        for edge, marker, is_cut in (
            (left, "<", record["low"] < left),
            (right, ">", record["high"] > right),
        ):
            if is_cut:
                ax.plot(edge, record["row"], marker, color=paint, markersize=6, clip_on=False)
