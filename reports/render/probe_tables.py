"""The tables of what probes measured, and of how networks grow with the image.

Called by `page`, `text` and `latex`. Copies and formats; no statistic is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from reports.figures.measures import in_running_order, in_words, measure_of, taken
from reports.figures.tables import arm_label
from reports.figures.units import confidence, spoken, unit_of
from reports.render import numbers
from reports.render.tables import Cell, Document, Head, Table, words

GIGABYTE = 1e9
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
        for record in records if name not in ("image_size", "filters") else ():
            measure = measure_of(record["metric"])[0]
            if not taken(measure)[1]:  # what lies between the ends of training is drawn
                by_measure.setdefault((name, measure), []).append(record)
    level = confidence(results)
    return [_probe_table(probed, records, level) for probed, records in by_measure.items()]


def _probe_table(probed: Probed, records: Sequence[Document], level: str) -> Table:
    probe, measure = probed
    metrics = _in_order(record["metric"] for record in records)
    found = {(r["arm"], r["comparison"], r["metric"]): r for r in records}
    rows = []
    for arm in dict.fromkeys((arm, comparison) for arm, comparison, _ in found):
        cells = [_probe_cell(found.get((*arm, metric)), metric) for metric in metrics]
        rows.append((words(arm_label(*arm)), *cells))
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


COUNTED = {
    "n_parameters": "Parameters",
    "n_macs": "Multiply-accumulates an image",
    "activation_bytes": "What training keeps of an image (pixels and outputs of layers, float32)",
}


def growth_tables(results: Document) -> list[Table]:
    """What is counted by image size, arms down and sizes across; and the size for a photograph."""
    probed = (results["probes"] or {}).get("image_size", ())
    if not probed:
        return []
    held = [count for count in COUNTED if any(count in step for step in probed[0]["growth"])]
    return [*(_growth_table(probed, count) for count in held), *_photograph_table(probed)]


def _growth_table(probed: Sequence[Document], count: str) -> Table:
    write = numbers.mebibytes if count == "activation_bytes" else numbers.count
    counts = {
        (arm["arm"], "x".join(map(str, step["input"]))): step.get(count)
        for arm in probed
        for step in arm["growth"]
    }
    sizes = list(dict.fromkeys(size for _, size in counts))
    rows = tuple(
        (
            words(arm["arm"]),
            *(Cell(write(counts.get((arm["arm"], s))), counts.get((arm["arm"], s))) for s in sizes),
            _exponent(arm.get("exponents", {}).get(count)),
        )
        for arm in probed
    )
    heads = (Head("arm", is_number=False), *map(Head, sizes), Head("power of the pixels"))
    return Table(f"{COUNTED[count]} by input (channels x height x width).", heads, rows)


def _exponent(power: float | None) -> Cell:
    return Cell(numbers.MISSING if power is None else f"{power:.2f}", power)


def _photograph_table(probed: Sequence[Document]) -> list[Table]:
    """The size of each network that takes a photograph; counted, never allocated."""
    sizes = {arm["arm"]: arm["megapixel"] for arm in probed if arm.get("megapixel")}
    if not sizes:
        return []
    rows = tuple(
        (
            words(arm),
            Cell(numbers.count(size["n_parameters"]), size["n_parameters"]),
            Cell(f"{size['parameter_bytes'] / GIGABYTE:.3f}", size["parameter_bytes"]),
            Cell(numbers.count(size["n_macs"]), size["n_macs"]),
        )
        for arm, size in sizes.items()
    )
    first = next(iter(sizes.values()))
    named = ("parameters", "parameters, GB in float32", "MACs an image")
    heads = (Head("arm", is_number=False), *map(Head, named))
    input_ = "x".join(map(str, first["input"]))
    caption = f"For a photograph, {input_} into {first['n_outputs']} outputs: counted, not built."
    return [Table(caption, heads, rows)]


def step_tables(costs: Document) -> list[Table]:
    """What a training step took by image size: seconds, and memory where that is known."""
    held = {
        (measure, arm_label(arm["arm"], arm["comparison"]), "x".join(map(str, step["size"]))): found
        for arm in costs["arms"]
        for step in arm.get("image_size", ())
        for measure in STEPS
        if (found := step[measure]) is not None
    }
    sizes = list(dict.fromkeys(size for _, _, size in held))
    arms = list(dict.fromkeys(arm for _, arm, _ in held))
    device = ", ".join(costs["device"])
    tables = []
    for measure, (title, write) in STEPS.items():
        rows = tuple(
            (words(arm), *(_measured(held.get((measure, arm, size)), write) for size in sizes))
            for arm in arms
        )
        heads = (Head("arm", is_number=False), *map(Head, sizes))
        if any(key[0] == measure for key in held):
            tables.append(Table(f"{title}, by image size, on {device}.", heads, rows))
    return tables


STEPS: Mapping[str, tuple[str, Callable[[float | None], str]]] = {
    "step_seconds": ("A training step on 32 images", numbers.milliseconds),
    "step_peak_bytes": ("Peak memory meanwhile, all of the process", numbers.mebibytes),
}


def _measured(number: float | None, write: Callable[[float | None], str]) -> Cell:
    return Cell(write(number), number)
