"""First-layer filters and feature maps, as the probe `filters` stored them, ready for a document.

Called by `reports.analysis`. Pictures of one run an arm: no number and no verdict rests on them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.table import Cell

Filters = Mapping[str, Mapping[str, npt.NDArray[Any]]]
"""By run key, the arrays of `filters.npz`."""
MOST = 8
"""Filters and maps that are shown of a layer."""


def filter_section(
    table: pd.DataFrame, cells: Sequence[Cell], filters: Filters
) -> list[dict[str, Any]]:
    """Of each arm the pictures of its lowest seed that has some, in the report's order.

    Returns:
        `{arm, comparison, seed, layer, filters: [picture], images: [{index, pixels: picture, maps:
        [picture]}]}`; a picture is `{shape: [h, w], low, high, base64}`, whose bytes from 0 to 255
        stand for values from `low` to `high`.
    """
    found: dict[Cell, dict[str, Any]] = {}
    for run in table.sort_values("seed", kind="stable").to_dict("records"):
        cell = (run["arm"], run["comparison"])
        arrays = filters.get(run["run_key"])
        if arrays is not None and cell not in found:
            own = {"arm": cell[0], "comparison": cell[1], "seed": int(run["seed"])}
            found[cell] = own | _pictures(arrays)
    return [found[cell] for cell in cells if cell in found]


def _pictures(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    images = zip(arrays["indices"].tolist(), arrays["pixels"], arrays["maps"], strict=True)
    return {
        "layer": str(arrays["layer"]),
        "filters": [picture(one) for one in arrays["filters"][:MOST]],
        "images": [
            {
                "index": index,
                "pixels": picture(pixels.mean(axis=0)),
                "maps": [picture(one) for one in maps[:MOST]],
            }
            for index, pixels, maps in images
        ],
    }


def picture(values: npt.NDArray[Any]) -> dict[str, Any]:
    """Values as bytes between their least and their largest, and what those two are.

    Shape:
        values (h, w).
    """
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255 / (high - low) if high > low else 0.0)
    content = base64.b64encode(np.round(scaled).astype(np.uint8).tobytes()).decode()
    return {"shape": list(values.shape), "low": low, "high": high, "base64": content}
