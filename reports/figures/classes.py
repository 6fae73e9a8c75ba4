"""Where the errors differ: differences by class, confusion matrices, images two arms disagree on.

`draw_class_differences`, `draw_confusion` and `draw_image` fill one panel each; the `*_figure`
functions set them in grids. Exploratory: nothing here has a verdict.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from reports.figures.canvas import (
    NARROW_INCHES,
    WIDE_INCHES,
    Room,
    axes_at,
    is_leftmost,
    is_lowest,
    panel_grid,
    span,
)
from reports.figures.detail_tables import class_table, confusion_table, image_rows, pixels
from reports.figures.labels import shortened, wrapped
from reports.figures.palette import BLUE, GRID, INK, MUTED, SLATE, VERMILLION
from reports.figures.tables import Document, arm_label, beside_control, by_cell, records

CLEAR = LinearSegmentedColormap.from_list("clear", [to_rgba(BLUE, 0.0), to_rgba(BLUE, 1.0)])
"""From nothing to blue: the paper shows through, light or dark."""

MANY_CLASSES = 12
UPRIGHT = 2
"""Characters of class names that stand side by side; longer ones are turned."""
GUTTER, GAP = 0.44, 0.07
"""Inches left of the images, for words, and between them."""


def draw_class_differences(table: pd.DataFrame, ax: Axes) -> None:
    """A class a row: the difference on its simultaneous interval, coloured where clear of zero.

    Args:
        table: row, estimate, low, high.
        ax: To draw in; the first class on top.
    """
    ax.axvline(0, color=INK, linewidth=0.9, zorder=1)
    for record in records(table):
        colour = SLATE
        if record["low"] > 0:
            colour = BLUE
        elif record["high"] < 0:
            colour = VERMILLION
        ax.hlines(record["row"], record["low"], record["high"], color=colour, linewidth=1.4)
        marker = {BLUE: "^", VERMILLION: "v"}.get(colour, "o")
        ax.scatter(record["estimate"], record["row"], s=18, marker=marker, color=colour, zorder=3)


def draw_confusion(table: pd.DataFrame, ax: Axes) -> None:
    """Mistakes only: the share of each class that was taken for each other, darker for more.

    Args:
        table: row, column, share (%), every pair of classes once.
        ax: To draw in; true classes down, answers across.
    """
    shares = table.pivot_table(index="row", columns="column", values="share")
    mistakes = shares.where(shares.index.to_numpy()[:, None] != shares.columns.to_numpy()[None, :])
    sns.heatmap(mistakes, cmap=CLEAR, vmin=0, cbar=False, square=True, ax=ax)
    ax.set(xlabel="", ylabel="")


def draw_image(image: Document, ax: Axes) -> None:
    """One test image as it is, without axes."""
    shown = pixels(image)
    ax.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="none")
    ax.set_axis_off()


def class_figure(results: Document, *, narrow: bool) -> Figure:
    """A panel a contrast, classes in common rows."""
    table = class_table(results)
    contrasts = by_cell(table, "contrast")
    labels = list(dict.fromkeys(table["label"]))
    room = Room(title=0.33, key=0.0, left=0.78, height=0.155 * max(len(labels), 4))
    figure, grid = panel_grid(len(contrasts), room, narrow=narrow)
    for (contrast, own), ax in zip(contrasts.items(), grid, strict=True):
        draw_class_differences(own, ax)
        ax.set_title(wrapped(beside_control(results, *contrast), 17 if narrow else 21))
        ax.set_ylim(len(labels) - 0.4, -0.6)
        names = [_class_name(label) for label in labels] if is_leftmost(ax, grid) else []
        ax.set_yticks(range(len(labels)), names or [""] * len(labels))
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("points" if is_lowest(ax, grid) else "")
    ends = span(table[["low", "estimate", "high"]])
    for ax in grid:
        ax.set_xlim(ends)
        ax.locator_params(axis="x", nbins=4)
    return figure


def confusion_figure(results: Document, *, narrow: bool) -> Figure:
    """A panel an arm, on one scale of colour."""
    table = confusion_table(results)
    arms = by_cell(table)
    longest = max(len(_class_name(name)) for name in table["true"])
    foot = 0.1 + 0.046 * longest
    room = Room(title=0.33, key=0.0, left=0.78, height=None, labels=0.08, foot=foot)
    figure, grid = panel_grid(len(arms), room, narrow=narrow)
    wrong = table[table["row"] != table["column"]]
    most = wrong["share"].max() or 1.0
    for (arm, own), ax in zip(arms.items(), grid, strict=True):
        draw_confusion(own, ax)
        ax.collections[0].set_clim(0, most)
        ax.set_title(wrapped(arm_label(*arm), 17 if narrow else 21))
        names = list(dict.fromkeys(own["true"]))
        _class_ticks(ax, names, down=is_leftmost(ax, grid), across=is_lowest(ax, grid))
    return figure


def _class_name(name: str) -> str:
    return shortened(name, 16)


def _class_ticks(ax: Axes, names: list[str], *, down: bool, across: bool) -> None:
    """Class names at the outer panels; of many classes every so many-th."""
    step = -(-len(names) // MANY_CLASSES)
    at = [place + 0.5 for place in range(0, len(names), step)]
    shown = [_class_name(name) for name in names[::step]]
    ax.set_yticks(at, shown if down else [""] * len(at), rotation=0)
    upright = max(map(len, shown)) <= UPRIGHT
    ax.set_xticks(at, shown if across else [""] * len(at), rotation=0 if upright else 90)
    ax.tick_params(length=0, labelsize=6.5, pad=2)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=GRID, linewidth=0.7)


def image_figure(results: Document, *, narrow: bool) -> Figure:
    """A row a contrast (two on a phone): the images, what they are, what each side says."""
    rows = image_rows(results)
    columns = 4 if narrow else 8
    page = NARROW_INCHES if narrow else WIDE_INCHES
    cell, head, foot = (page - GUTTER) / columns, 0.22, 0.46
    lines = [-(-len(images) // columns) for images in rows.values()]
    heights = [head + n * (cell - GAP + foot) for n in lines]
    figure = Figure(figsize=(page, sum(heights) + GAP))
    top = GAP
    for (contrast, images), height in zip(rows.items(), heights, strict=True):
        at = 1 - top / figure.get_figheight()
        name = shortened(beside_control(results, *contrast), 52 if narrow else 96)
        figure.text(0, at, name, va="top")
        for index, image in enumerate(images):
            line, column = divmod(index, columns)
            y = top + head + line * (cell - GAP + foot)
            ax = axes_at(figure, GUTTER + column * cell, y, cell - GAP, cell - GAP)
            draw_image(image, ax)
            _say(ax, image, is_first=column == 0)
        top += height
    return figure


def _say(ax: Axes, image: Document, *, is_first: bool) -> None:
    """Under an image its class and both answers; left of the first of a line, whose they are."""
    width = ax.get_position().width * ax.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    said = (
        ("true", image["label"], INK),
        ("arm", image["arm_predicted"], _colour(image, "arm")),
        ("control", image["control_predicted"], _colour(image, "control")),
    )
    for line, (whose, text, colour) in enumerate(said):
        y = -(0.03 + 0.125 * line) / width
        style: dict[str, Any] = {"transform": ax.transAxes, "va": "top", "fontsize": 6.5}
        ax.text(0, y, shortened(text, round(17 * width)), color=colour, **style)
        if is_first:
            ax.text(-0.06 / width, y, whose, color=MUTED, ha="right", **style)


def _colour(image: Document, side: str) -> str:
    return MUTED if image[f"{side}_predicted"] == image["label"] else VERMILLION
