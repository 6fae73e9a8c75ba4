"""Tidy frames for the figures beside the endpoint: costs, classes, looks, budgets, layers.

As in `tables`, the one arithmetic is the axis' unit change; every number is copied from the
documents. Called by the layouts in this package.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.figures.measures import in_running_order, measure_of, taken
from reports.figures.tables import (
    Cell,
    Document,
    arm_label,
    arm_looks,
    bounds,
    look_positions,
    looks_of,
    ordered_arms,
)
from reports.figures.units import unit_of

COSTS = {
    "n_parameters": ("parameters", 1.0),
    "n_macs": ("MACs an image", 1.0),
    "train_seconds": ("seconds to train a run", 1.0),
    "latency_1_seconds": ("latency of one image (ms)", 1000.0),
}
"""What accuracy is drawn against: the words of the axis and its unit's scale."""

LAYERS = ("shift", "gradient_flow")
"""The probes that measure by layer; such metrics are MEASURE/LAYER."""


def cost_table(results: Document, costs: Document) -> pd.DataFrame:
    """Every arm at each of its known costs.

    Returns:
        cost (a key of `COSTS`), arm, comparison, look, at and at_low, at_high (the shortest and
        longest run; NaN for counts), mean, low, high (of the endpoint), is_on_front. Seconds are
        left out where several devices took them: they would compare machines.
    """
    unit = unit_of(results["endpoint"]["metric"])
    spent = {(arm["arm"], arm["comparison"]): arm for arm in costs["arms"]}
    rows = []
    for look, arm in zip(look_positions(results), ordered_arms(results), strict=True):
        own = spent.get((arm["name"], arm["comparison"]), {})
        for cost, (_, scale) in COSTS.items():
            if cost.endswith("seconds") and len(costs["device"]) > 1:
                continue
            at, low, high = (_scaled(end, scale) for end in _spread(own.get(cost)))
            if at > 0:  # a logarithmic axis has no place for nothing
                named = (cost, arm["name"], arm["comparison"], look)
                mean = unit.shown(arm["mean"])
                ends = bounds(unit, arm["ci"])
                rows.append((*named, at, low, high, mean, *ends, cost in own["fronts"]))
    names = ["cost", "arm", "comparison", "look", "at", "at_low", "at_high", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=[*names, "is_on_front"])


def _spread(cost: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401 - a count, a summary or nothing
    if isinstance(cost, dict):
        return cost["mean"], cost["min"], cost["max"]
    return cost, None, None


def _scaled(number: float | None, scale: float) -> float:
    return float("nan") if number is None else scale * number


def sequential_table(results: Document) -> pd.DataFrame:
    """Every contrast at each look it came to.

    Returns:
        contrast, comparison, n_pairs, state, estimate, low, high (of the repeated interval).
    """
    unit = unit_of(results["endpoint"]["metric"])
    rows = [
        (
            contrast["name"],
            contrast["comparison"],
            step["n_pairs"],
            step["state"],
            unit.shown(step["estimate"]),
            *bounds(unit, step["interval"]),
        )
        for contrast in (results["sequential"] or {"contrasts": ()})["contrasts"]
        for step in contrast["path"]
    ]
    names = ["contrast", "comparison", "n_pairs", "state", "estimate", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def budget_table(results: Document) -> pd.DataFrame:
    """The expected best validation score of every tuned arm by budget: arm, look, trials, best.

    Looks are those of the arm at its shared recipe: one arm has one look in all figures.
    """
    budget = results["budget"]
    if not budget:
        return pd.DataFrame(columns=["arm", "look", "trials", "best"])
    unit = unit_of(budget["metric"])
    looks = arm_looks(results)
    rows = [
        (arm["arm"], looks[arm["arm"]], trials, unit.shown(best))
        for arm in sorted(budget["arms"], key=lambda arm: list(looks).index(arm["arm"]))
        for trials, best in enumerate(arm["expected_best"], start=1)
    ]
    return pd.DataFrame(rows, columns=["arm", "look", "trials", "best"])


def class_table(results: Document) -> pd.DataFrame:
    """Every contrast by class.

    Returns:
        contrast, comparison, row and label of the class, estimate, low, high.
    """
    unit = unit_of("test/accuracy")
    rows = [
        (
            contrast["name"],
            contrast["comparison"],
            row,
            one["class"],
            unit.shown(one["estimate"]),
            *bounds(unit, one["ci_adjusted"]),
        )
        for contrast in (results["per_class"] or {"contrasts": ()})["contrasts"]
        for row, one in enumerate(contrast["classes"])
    ]
    names = ["contrast", "comparison", "row", "label", "estimate", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def confusion_table(results: Document) -> pd.DataFrame:
    """Every arm's answers by class.

    Returns:
        arm, comparison, row, true (class), column, predicted, share (%).
    """
    shown = unit_of("accuracy").shown
    rows = [
        (arm["arm"], arm["comparison"], i, true, j, answer, shown(share))
        for arm in (results["per_class"] or {"arms": ()})["arms"]
        for i, (true, shares) in enumerate(
            zip(arm["classes"], arm["confusion"] or [[] for _ in arm["classes"]], strict=True)
        )
        for j, (answer, share) in enumerate(zip(arm["classes"], shares, strict=False))
    ]
    names = ["arm", "comparison", "row", "true", "column", "predicted", "share"]
    return pd.DataFrame(rows, columns=names)


def image_rows(results: Document) -> dict[Cell, Sequence[Document]]:
    """Of each contrast that has some, the images on which its two arms disagree most."""
    return {
        (contrast["name"], contrast["comparison"]): contrast["images"]
        for contrast in (results["per_class"] or {"contrasts": ()})["contrasts"]
        if contrast["images"]
    }


def image_table(results: Document) -> pd.DataFrame:
    """The same images without their pixels, a row each.

    Returns:
        contrast, comparison, index (in the test images), label, arm_right and control_right (per
        cent of the seeds), arm_predicted, control_predicted.
    """
    names = ["index", "label", "arm_right", "control_right", "arm_predicted", "control_predicted"]
    unit = unit_of("accuracy")
    table = pd.DataFrame(
        [
            (*contrast, *(image[column] for column in names))
            for contrast, images in image_rows(results).items()
            for image in images
        ],
        columns=["contrast", "comparison", *names],
    )
    rights = ["arm_right", "control_right"]
    return table.assign(**{name: table[name].map(unit.shown) for name in rights})


def pixels(image: Document) -> npt.NDArray[np.uint8]:
    """An image's pixels as matplotlib takes them; shape (H, W), or (H, W, 3) of a coloured one."""
    channels, height, width = image["pixels"]["shape"]
    flat = np.frombuffer(base64.b64decode(image["pixels"]["base64"]), dtype=np.uint8)
    shown = flat.reshape(channels, height, width)
    return shown.transpose(1, 2, 0) if channels == 3 else shown[0]  # noqa: PLR2004 (RGB)


def layer_table(results: Document) -> pd.DataFrame:
    """What probes measured by layer.

    Returns:
        measure, epoch (after which it was taken, 0 before the first step; none of the last where
        the arm's recipe is not known), is_last, arm, comparison, look, place and name of the layer,
        n_seeds that were measured, mean, low, high.
    """
    looks = looks_of(results)
    n_epochs = {
        (arm["name"], arm["comparison"]): arm["recipe"].get("epochs") for arm in results["arms"]
    }
    rows = [
        (bare, n_epochs[cell] if epoch is None else epoch, epoch is None, *cell, looks[cell], *rest)
        for one, measure, *rest in _by_layer(results)
        if (cell := (one["arm"], one["comparison"])) in looks
        for bare, epoch in [taken(measure)]
    ]
    names = ["measure", "epoch", "is_last", "arm", "comparison", "look"]
    table = pd.DataFrame(rows, columns=[*names, "layer", "n_seeds", "mean", "low", "high"])
    place = {name: number for number, name in enumerate(in_running_order(table["layer"]))}
    table.insert(6, "place", table["layer"].map(place).astype("int64"))
    return table


def epoch_table(results: Document) -> pd.DataFrame:
    """Of `layer_table` the course of training, where it was seen and something came of it.

    Left out are arms that were measured at the ends of their training alone, since a line from one
    to the other would tell a course that nobody saw; epochs of which fewer seeds were measured than
    of the last, since the line would go from one set of runs to another; and measures that are 0
    throughout.
    """
    table = layer_table(results)
    table = table.dropna(subset="epoch").astype({"epoch": "int64"})
    line = ["measure", "arm", "comparison"]
    table["n_last"] = table["n_seeds"].where(table["is_last"])
    table = table[table["n_seeds"] == table.groupby(line)["n_last"].transform("max")]
    table["between"] = ~table["is_last"] & (table["epoch"] > 0)
    is_followed = table.groupby(line)["between"].transform("any").astype(bool)
    is_anything = table["mean"].abs().groupby(table["measure"]).transform("max") > 0
    return table[is_followed & is_anything].drop(columns=["is_last", "n_last", "between"])


def _by_layer(results: Document) -> Iterator[tuple[Document, str, str, int, float, float, float]]:
    for one in by_layer(results):
        measure, _, layer = one["metric"].partition("/")
        low, high = one["ci"] or (None, None)
        mean, low, high = (_scaled(number, 1.0) for number in (one["mean"], low, high))
        n_seeds = sum(value is not None for value in one["values"].values())
        yield one, measure, layer, n_seeds, mean, low, high


NEIGHBOURS = {"row": "along a row", "column": "along a column", "vector": "in the vector"}
"""Where pixels are neighbours, for the probe `flatten_distance`."""


def neighbour_table(results: Document) -> pd.DataFrame:
    """Correlation of neighbours by distance; arms that see the same data share one line.

    Returns:
        label (the first of them), arms (all that share the line), look, where (a key of
        `NEIGHBOURS`), apart (pixels, or entries of the vector), correlation.
    """
    looks = looks_of(results)
    of_arm: dict[tuple[str, str], list[tuple[str, int, float]]] = {}
    for one in (results["probes"] or {}).get("flatten_distance", ()):
        measure, apart = measure_of(one["metric"])
        where, _, kind = measure.partition("_")
        cell = (one["arm"], one["comparison"])
        if kind == "correlation" and apart.isdecimal() and cell in looks:
            of_arm.setdefault(cell, []).append((where, int(apart), one["mean"]))
    shared: dict[tuple[tuple[str, int, float], ...], list[tuple[str, str]]] = {}
    for cell in sorted(of_arm, key=list(looks).index):
        shared.setdefault(tuple(of_arm[cell]), []).append(cell)
    rows = [
        (arm_label(*cells[0]), tuple(arm_label(*cell) for cell in cells), looks[cells[0]], *point)
        for points, cells in shared.items()
        for point in points
    ]
    names = ["label", "arms", "look", "where", "apart", "correlation"]
    return pd.DataFrame(rows, columns=names)


def by_layer(results: Document) -> list[Document]:
    """Everything that probes measured by layer, each an arm's values of one metric."""
    probes = results["probes"] or {}
    return [one for name in LAYERS for one in probes.get(name, ()) if "/" in one["metric"]]
