"""The probe `filters`: what a network's first layer looks for, and what it makes of some images.

`draw_picture` fills one panel; `filters_figure` sets the rows of an arm one under the other.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at
from reports.figures.labels import shortened
from reports.figures.tables import Document, arm_label
from reports.filters import MOST

GAP = 0.04
Row = tuple[str, list[Document]]
"""What a row of pictures is, and the pictures."""


def filters_table(results: Document) -> pd.DataFrame:
    """The pictures without their pixels: arm, seed, layer, what (it is), number, low, high."""
    rows = [
        (name, arm["seed"], arm["layer"], what, number, one["low"], one["high"])
        for arm in _shown(results)
        for name in [arm_label(arm["arm"], arm["comparison"])]
        for what, pictures in picture_rows(arm)
        for number, one in enumerate(pictures, start=1)
    ]
    names = ["arm", "seed", "layer", "what", "number", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def picture_rows(arm: Document) -> list[Row]:
    """An arm's filters; then each image with the maps that the layer makes of it."""
    maps = [
        (f"image {image['index']}, and its maps", [image["pixels"], *image["maps"]])
        for image in arm["images"]
        if image["maps"]
    ]
    return [("filters", arm["filters"]), *maps]


def draw_picture(one: Document, ax: Axes, *, is_signed: bool) -> None:
    """Values as colours: grey from the least to the largest, or blue below 0 and red above it."""
    values, most = _values(one), max(abs(one["low"]), abs(one["high"])) or 1.0
    style: dict[str, Any] = {"interpolation": "nearest"}
    if is_signed:
        style |= {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    else:
        style |= {"cmap": "gray"}
    ax.imshow(values, **style)
    ax.set_axis_off()


def filters_figure(results: Document, *, narrow: bool) -> Figure:
    """Of each arm a row of filters, and under it a row for each image."""
    arms = [(arm, picture_rows(arm)) for arm in _shown(results)]
    page = NARROW_INCHES if narrow else WIDE_INCHES
    side = (page - GAP) / ((MOST + 1) if narrow else 2 * (MOST + 1))
    line = side + (0.17 if narrow else GAP)
    head = 0.24
    heights = [head + line * len(rows) for _, rows in arms]
    figure = Figure(figsize=(page, sum(heights) + GAP))
    top = GAP
    for (arm, rows), height in zip(arms, heights, strict=True):
        name = shortened(arm_label(arm["arm"], arm["comparison"]), 40 if narrow else 80)
        at = 1 - (top + 0.04) / figure.get_figheight()
        figure.text(0, at, f"{name} ({arm['layer']}, seed {arm['seed']})", va="top")
        for number, (what, pictures) in enumerate(rows):
            y = top + head + number * line
            for column, one in enumerate(pictures[: MOST + 1]):
                ax = axes_at(figure, GAP + column * side, y, side - GAP, side - GAP)
                draw_picture(one, ax, is_signed=what == "filters" or column > 0)
            if not narrow:
                middle = 1 - (y + side / 2) / figure.get_figheight()
                left = (GAP + (MOST + 1) * side + 0.1) / page
                figure.text(left, middle, what, va="center", fontsize=6.5)
        top += height
    return figure


def _shown(results: Document) -> list[Document]:
    return list((results["probes"] or {}).get("filters", ()))


def _values(one: Document) -> npt.NDArray[np.float64]:
    flat = np.frombuffer(base64.b64decode(one["base64"]), dtype=np.uint8).astype(np.float64)
    low, high = float(one["low"]), float(one["high"])
    return (low + flat * (high - low) / 255).reshape(one["shape"])
