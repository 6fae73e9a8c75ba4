"""Tidy frames for drawing, read from the `results` and `costs` documents.

The one arithmetic here is the axis' unit change (fractions to per cent); every mean and interval
is copied. Called by the layouts in this package; knows nothing of matplotlib.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.designs import level_text
from reports.figures.palette import CONTROL
from reports.figures.units import Unit, unit_of

Document = Mapping[str, Any]
Cell = tuple[str, str]  # an arm or a contrast, and its comparison: shared or tuned


@dataclass(frozen=True)
class Row:
    """One line of the estimation plot: an arm, a contrast, or an arm with its contrast."""

    label: str
    comparison: str
    arm: Document | None
    contrast: Document | None


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings from column to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def main_control(results: Document) -> str | None:
    """The arm the study's first contrast compares with; None without contrasts."""
    contrasts = results["contrasts"]
    return contrasts[0]["control"] if contrasts else None


def by_control(results: Document) -> dict[str, Document]:
    """The results on each data set alone, by the arm that the others are compared with there."""
    controls = list(dict.fromkeys(arm["control"] for arm in results["arms"]))
    if len(controls) == 1:
        return {controls[0]: results}
    documents = {control: _of_control(results, control) for control in controls}
    # Claims may be of arms on several data sets, or of none: they are shown once.
    return {
        control: document if number == 0 else {**document, "claims": []}
        for number, (control, document) in enumerate(documents.items())
    }


def _of_control(results: Document, control: str) -> Document:
    arms = [arm for arm in results["arms"] if arm["control"] == control]
    names = {arm["name"] for arm in arms}
    contrasts = [one for one in results["contrasts"] if one["arm"] in names]
    compared = {one["name"] for one in contrasts}
    probes = results["probes"] or {}
    return {
        **results,
        "arms": arms,
        "contrasts": contrasts,
        "curves": [one for one in results["curves"] if one["arm"] in names],
        "effects": [one for one in results["effects"] if one["control"] == control],
        "sequential": _only(results["sequential"], contrasts=("name", compared)),
        "per_class": _only(results["per_class"], arms=("arm", names), contrasts=("name", compared)),
        "budget": _only(results["budget"], arms=("arm", names)),
        "probes": {
            probe: [one for one in found if one["arm"] in names] for probe, found in probes.items()
        },
    }


def _only(section: Document | None, **kept: tuple[str, set[str]]) -> Document | None:
    """A section with those entries of its lists whose key is among the kept ones; None if empty."""
    if not section:
        return None
    lists = {
        name: [one for one in section[name] if one[key] in allowed]
        for name, (key, allowed) in kept.items()
    }
    return {**section, **lists} if any(lists.values()) else None


def arm_label(arm: str, comparison: str) -> str:
    """An arm's name; the one tuned for itself says so.

    Example:
        >>> arm_label("mlp", "tuned")
        'mlp (tuned)'
    """
    return arm if comparison == "shared" else f"{arm} ({comparison})"


def beside_control(results: Document, contrast: str, comparison: str) -> str:
    """A contrast's label for a panel: the arm alone where it is compared with the main control."""
    return arm_label(contrast.removesuffix(f" - {main_control(results)}"), comparison)


def by_cell(table: pd.DataFrame, column: str = "arm") -> dict[Cell, pd.DataFrame]:
    """The rows of each arm, or contrast, at each recipe, in the table's order.

    Told apart by both and never by a label: an arm may be called `mlp (tuned)`.
    """
    groups = table.groupby([column, "comparison"], sort=False)
    return {(str(name), str(comparison)): rows for (name, comparison), rows in groups}


def ordered_arms(results: Document) -> list[Document]:
    """The arms in the study's order, the control first."""
    control = main_control(results)
    return sorted(results["arms"], key=lambda arm: arm["name"] != control)


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    """A table of arms with a further column, the label of each."""
    pairs = zip(table["arm"], table["comparison"], strict=True)
    return table.assign(label=[arm_label(*pair) for pair in pairs])


def estimation_rows(results: Document) -> list[Row]:
    """A row an arm, then a row for every contrast that is not one of these arms minus control."""
    control = main_control(results)
    left = list(results["contrasts"])
    rows = []
    for arm in ordered_arms(results):
        own = [c for c in left if _is_arm_minus(control, arm, c)][:1]
        left = [contrast for contrast in left if contrast not in own]
        label = arm_label(arm["name"], arm["comparison"])
        rows.append(Row(label, arm["comparison"], arm, own[0] if own else None))
    return rows + [Row(_contrast_label(one), one["comparison"], None, one) for one in left]


def _is_arm_minus(control: str | None, arm: Document, contrast: Document) -> bool:
    compared = (contrast["arm"], contrast["control"], contrast["comparison"])
    return bool(compared == (arm["name"], control, arm["comparison"]))


def _contrast_label(contrast: Document) -> str:
    return arm_label(f"{contrast['arm']} - {contrast['control']}", contrast["comparison"])


def value_table(results: Document) -> pd.DataFrame:
    """Every seed's value beside the control's value of that seed.

    Returns:
        row (0-based, of `estimation_rows`), seed, value, control (NaN where there is none).
    """
    unit = unit_of(results["endpoint"]["metric"])
    records = []
    for position, row in enumerate(estimation_rows(results)):
        control = _values_of_control(results, row)
        values = row.arm["values"] if row.arm else {}
        for seed, value in values.items():
            records.append((position, int(seed), unit.shown(value), unit.shown(control.get(seed))))
    return pd.DataFrame(records, columns=["row", "seed", "value", "control"])


def _values_of_control(results: Document, row: Row) -> Mapping[str, float]:
    if row.arm is None or row.contrast is None:
        return {}
    wanted = (row.contrast["control"], row.contrast["comparison"])
    for arm in results["arms"]:
        if (arm["name"], arm["comparison"]) == wanted:
            return dict(arm["values"])
    return {}


def mean_table(results: Document) -> pd.DataFrame:
    """Means of two values and more: row, mean, low, high (NaN where there is no interval)."""
    unit = unit_of(results["endpoint"]["metric"])
    records = [
        (position, unit.shown(row.arm["mean"]), *bounds(unit, row.arm["ci"]))
        for position, row in enumerate(estimation_rows(results))
        if row.arm and len(row.arm["values"]) > 1
    ]
    return pd.DataFrame(records, columns=["row", "mean", "low", "high"])


def difference_table(results: Document) -> pd.DataFrame:
    """Every contrast: row, estimate, low and high (simultaneous), verdict (None without one)."""
    unit = unit_of(results["endpoint"]["metric"])
    found = [
        (position, row.contrast)
        for position, row in enumerate(estimation_rows(results))
        if row.contrast
    ]
    numbers = [
        (position, unit.shown(contrast["estimate"]), *bounds(unit, contrast["ci_adjusted"]))
        for position, contrast in found
    ]
    # As objects: a column of strings would turn None into NaN.
    verdicts = pd.Series([contrast["verdict"] for _, contrast in found], dtype=object)
    table = pd.DataFrame(numbers, columns=["row", "estimate", "low", "high"])
    return table.assign(verdict=verdicts)


def estimation_table(results: Document) -> pd.DataFrame:
    """All that the estimation plot shows, a row a mark.

    Returns:
        label and comparison (of the row), kind (value, mean, difference), seed (of values), number,
        low, high, verdict (of differences).
    """
    named = pd.DataFrame(
        [(row.label, row.comparison) for row in estimation_rows(results)],
        columns=["label", "comparison"],
        dtype="object",
    )
    columns = [*named, "kind", "seed", "number", "low", "high", "verdict"]
    parts = [
        value_table(results).rename(columns={"value": "number"}).assign(kind="value"),
        mean_table(results).rename(columns={"mean": "number"}).assign(kind="mean"),
        difference_table(results).rename(columns={"estimate": "number"}).assign(kind="difference"),
    ]
    parts = [part.join(named, on="row").reindex(columns=columns) for part in parts]
    held = [part.astype({"seed": "Int64"}) for part in parts if len(part)]
    if held:
        return pd.concat([part.astype("object") for part in held], ignore_index=True)
    return pd.DataFrame(columns=columns)


def margin_shown(results: Document) -> float:
    """The margin in the unit of the differences; NaN if the study names none."""
    endpoint = results["endpoint"]
    return unit_of(endpoint["metric"]).shown(endpoint["margin"])


def curve_measures(results: Document) -> list[str]:
    """What the curves measure, `loss` before `accuracy`, each once."""
    measures = {curve["metric"].partition("/")[2] for curve in results["curves"]}
    return sorted(measures, key=lambda measure: (measure != "loss", measure))


def curve_table(results: Document, measure: str) -> pd.DataFrame:
    """The curves of one measure: arm, comparison, split, seed (-1: the median), epoch, value."""
    records: list[tuple[str, str, str, int, int, float]] = []
    for curve in results["curves"]:
        split, _, measured = curve["metric"].partition("/")
        if measured != measure:
            continue
        own = (curve["arm"], curve["comparison"], split)
        unit = unit_of(curve["metric"])
        for seed, values in curve["values"].items():
            records += [(*own, int(seed), *point) for point in _points(unit, values)]
        records += [(*own, -1, *point) for point in _points(unit, curve["median"])]
    columns = ["arm", "comparison", "split", "seed", "epoch", "value"]
    return pd.DataFrame(records, columns=columns)


def _points(unit: Unit, values: Sequence[float | None]) -> Iterator[tuple[int, float]]:
    for epoch, value in enumerate(values, start=1):
        yield epoch, unit.shown(value)


def look_positions(results: Document) -> list[int]:
    """For each of `ordered_arms` its position among the looks, `CONTROL` for the control."""
    control = main_control(results)
    others = itertools.count()
    return [
        CONTROL if (arm["name"], arm["comparison"]) == (control, "shared") else next(others)
        for arm in ordered_arms(results)
    ]


def arm_looks(results: Document) -> dict[str, int]:
    """Each arm's look where its recipe does not matter: that which it has at the shared one."""
    looks: dict[str, int] = {}
    for look, arm in zip(look_positions(results), ordered_arms(results), strict=True):
        looks.setdefault(arm["name"], look)  # the shared recipe stands first
    return looks


def looks_of(results: Document) -> dict[tuple[str, str], int]:
    """The position among the looks of every arm, by its name and comparison."""
    cells = [(arm["name"], arm["comparison"]) for arm in ordered_arms(results)]
    return dict(zip(cells, look_positions(results), strict=True))


def interaction_table(results: Document) -> pd.DataFrame:
    """Every arm of a crossed design at its levels of the two factors with the most of them.

    Returns:
        panel (levels of the other factors), comparison, over (the factor along the axis), level and
        position of it, line (the level of the other) and its look, and the arm's mean, low, high.
        Empty where no design crosses two factors.
    """
    unit = unit_of(results["endpoint"]["metric"])
    arms = {(arm["name"], arm["comparison"]): arm for arm in results["arms"]}
    rows = []
    for entry in results["effects"]:
        levels = {one["name"]: one["levels"] for one in entry["factors"]}
        over, *rest = sorted(levels, key=lambda name: -len(levels[name]))
        if not rest:
            continue
        for cell in entry["cells"]:
            own, arm = cell["levels"], arms[cell["arm"], entry["comparison"]]
            others = [f"{name}={level_text(own[name])}" for name in rest[1:]]
            rows.append(
                (
                    ", ".join(others),
                    entry["comparison"],
                    over,
                    level_text(own[over]),
                    _along(levels[over]).index(own[over]),
                    f"{rest[0]}={level_text(own[rest[0]])}",
                    levels[rest[0]].index(own[rest[0]]) + CONTROL,
                    unit.shown(arm["mean"]),
                    *bounds(unit, arm["ci"]),
                )
            )
    names = ["panel", "comparison", "over", "level", "position", "line", "look"]
    names += ["mean", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _along(levels: Sequence[Any]) -> list[Any]:
    """Levels as an axis has them: numbers, and widths by their sum, from small to large."""
    sizes = [sum(level) if isinstance(level, list) and level else level for level in levels]
    if not all(isinstance(size, int | float) for size in sizes):
        return list(levels)
    return [level for _, level in sorted(zip(sizes, levels, strict=True), key=lambda pair: pair[0])]


def shift_table(results: Document) -> pd.DataFrame:
    """Mean accuracy by shift: arm, comparison, look, pixels, mean, low, high.

    Zero pixels is the same images in place, which is not quite the accuracy on all test images.
    """
    looks = looks_of(results)
    records = []
    for probed in (results["probes"] or {}).get("shift", ()):
        measure, _, pixels = probed["metric"].partition("_")
        cell = (probed["arm"], probed["comparison"])
        if measure == "accuracy" and pixels.isdecimal() and cell in looks:
            records.append((*cell, looks[cell], int(pixels), *_mean_and_ends(probed)))
    columns = ["arm", "comparison", "look", "pixels", "mean", "low", "high"]
    return pd.DataFrame(records, columns=columns)


def _mean_and_ends(record: Document) -> tuple[float, float, float]:
    unit = unit_of("test/accuracy")
    return (unit.shown(record["mean"]), *bounds(unit, record["ci"]))


def growth_table(results: Document) -> pd.DataFrame:
    """Counts by image size; arms that grow alike share one line and one label.

    Returns:
        label (the first of them), arms (all that share the line), look, side (pixels),
        n_parameters, n_macs, activation_mebibytes (0 in plans of before they were counted).
    """
    looks = arm_looks(results)
    shared: dict[tuple[tuple[int, int, int, float], ...], list[str]] = {}
    for probed in (results["probes"] or {}).get("image_size", ()):
        steps = tuple(
            (step["input"][-1], step["n_parameters"], step["n_macs"], _mebibytes(step))
            for step in probed["growth"]
        )
        shared.setdefault(steps, []).append(probed["arm"])
    records = [
        (arms[0], tuple(arms), looks[arms[0]], *step)
        for steps, arms in shared.items()
        for step in steps
    ]
    counts = ["n_parameters", "n_macs", "activation_mebibytes"]
    return pd.DataFrame(records, columns=["label", "arms", "look", "side", *counts])


def _mebibytes(step: Document) -> float:
    # Not NaN, which is not equal to itself: arms are compared by what they need.
    return float(step.get("activation_bytes", 0)) / 2**20


def bounds(unit: Unit, interval: Sequence[float | None] | None) -> tuple[float, float]:
    """Both ends of an interval in display units, NaN where there is none."""
    low, high = interval or (None, None)
    return unit.shown(low), unit.shown(high)
