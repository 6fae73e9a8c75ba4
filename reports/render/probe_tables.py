"""The tables of what probes measured, and of how networks grow with the image.

Called by `page`, `text` and `latex`. Copies and formats; no statistic is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.figures.measures import in_running_order, in_words, measure_of
from reports.figures.tables import arm_label
from reports.figures.units import confidence, spoken, unit_of
from reports.render import numbers
from reports.render.tables import Cell, Document, Head, Table, words

Probed = tuple[str, str]
"""A probe and what it measures."""

PROBES = {
    "shift": "Moved images",
    "gradient_flow": "Flow of gradients",
    "flatten_distance": "Neighbours in a flattened image",
}


def probe_tables(results: Document) -> list[Table]:
    """A table a measure of a probe: arms down; layers, or pixels, across."""
    by_measure: dict[Probed, list[Document]] = {}
    for name, records in (results["probes"] or {}).items():
        for record in records if name != "image_size" else ():
            by_measure.setdefault((name, measure_of(record["metric"])[0]), []).append(record)
    level = confidence(results)
    return [_probe_table(probed, records, level) for probed, records in by_measure.items()]


def _probe_table(probed: Probed, records: Sequence[Document], level: str) -> Table:
    probe, measure = probed
    metrics = _in_order(record["metric"] for record in records)
    found = {(arm_label(r["arm"], r["comparison"]), r["metric"]): r for r in records}
    rows = []
    for arm in dict.fromkeys(arm for arm, _ in found):
        cells = [_probe_cell(found.get((arm, metric)), metric) for metric in metrics]
        rows.append((words(arm), *cells))
    heads = (Head("arm", is_number=False), *(Head(_metric_head(metric)) for metric in metrics))
    caption = f"{PROBES.get(probe, spoken(probe))}: {in_words(measure)}, mean and {level} CI."
    return Table(caption, heads, tuple(rows))


def _in_order(metrics: Iterable[str]) -> list[str]:
    """By layer as they run; else by pixels."""
    held = {measure_of(metric)[1]: metric for metric in metrics}
    if all("/" in metric for metric in held.values()):
        return [held[layer] for layer in in_running_order(held)]
    return [held[at] for at in sorted(held, key=lambda at: (not at.isdecimal(), at.zfill(9)))]


def _metric_head(metric: str) -> str:
    _, at = measure_of(metric)
    unit = unit_of(metric).of_values
    far = f"{at} apart" if "correlation" in metric else f"{at} px"
    name = far if at.isdecimal() else at or spoken(metric)
    return f"{name} ({unit})" if unit else name


def _probe_cell(record: Document | None, metric: str) -> Cell:
    if record is None:
        return Cell(numbers.MISSING)
    unit = unit_of(metric)
    bounds = numbers.interval(record["ci"], unit, sign=False)
    mean = numbers.value(record["mean"], unit)
    is_one = record["ci"] is None or record["ci"][0] == record["ci"][1]  # as where only data count
    return Cell(mean if is_one else f"{mean} {bounds}", record["mean"])


def growth_tables(results: Document) -> list[Table]:
    """Parameters and multiply-accumulates: arms down, image sizes across."""
    probed = (results["probes"] or {}).get("image_size", ())
    if not probed:
        return []
    return [
        _growth_table(probed, "n_parameters", "Parameters"),
        _growth_table(probed, "n_macs", "Multiply-accumulates an image"),
    ]


def _growth_table(probed: Sequence[Document], column: str, title: str) -> Table:
    counts = {
        (arm["arm"], "x".join(map(str, step["input"]))): step[column]
        for arm in probed
        for step in arm["growth"]
    }
    sizes = list(dict.fromkeys(size for _, size in counts))
    rows = tuple(
        (
            words(arm),
            *(Cell(numbers.count(counts.get((arm, s))), counts.get((arm, s))) for s in sizes),
        )
        for arm in dict.fromkeys(arm for arm, _ in counts)
    )
    heads = (Head("arm", is_number=False), *(Head(size) for size in sizes))
    return Table(f"{title} by input (channels x height x width).", heads, rows)
