"""The tables of a report as rows of written cells, the same for HTML and Markdown.

Called by `page` and `text`. Copies and formats; no statistic is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.figures.palette import VERDICTS, VerdictMark
from reports.figures.tables import arm_label, ordered_arms
from reports.figures.units import Unit, axis_label, confidence, difference_unit, spoken, unit_of
from reports.render import numbers

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One cell: its text, what it sorts by, and the badge it wears if it is a verdict."""

    text: str
    sort: float | str | None = None
    mark: VerdictMark | None = None
    is_bold: bool = False

    @property
    def key(self) -> str:
        """What a sort compares; empty cells sort last."""
        return "" if self.sort is None else str(self.sort)


@dataclass(frozen=True)
class Head:
    """A column's heading; words are set left, numbers right."""

    text: str
    is_number: bool = True


@dataclass(frozen=True)
class Table:
    """A table: what it shows, its columns and its rows."""

    caption: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]


def words(text: str) -> Cell:
    """A cell of text, sorted as it reads."""
    return Cell(text, text)


def verdict_table(results: Document) -> Table:
    """A row a contrast: difference, intervals, p, win probability, verdict and flags."""
    unit = unit_of(results["endpoint"]["metric"])
    of = difference_unit(results["endpoint"]["metric"])
    heads = (
        Head("contrast", is_number=False),
        Head("verdict", is_number=False),
        Head(f"difference ({of})"),
        Head("simultaneous CI"),
        Head("p (Holm)"),
        Head("win probability"),
        Head("pairs"),
        Head(f"minimum detectable ({of})"),
        Head("notes", is_number=False),
    )
    families = {contrast["family"] for contrast in results["contrasts"]}
    rows = tuple(
        _verdict_row(contrast, unit, names_family=len(families) > 1)
        for contrast in results["contrasts"]
    )
    caption = "Differences are oriented: + is better."
    return Table(caption, heads, rows)


def _verdict_row(contrast: Document, unit: Unit, *, names_family: bool) -> tuple[Cell, ...]:
    mark = VERDICTS[contrast["verdict"]]
    tuned = "tuned, " if contrast["comparison"] == "tuned" else ""
    family = f" ({tuned}{contrast['family']})" if names_family else ""
    detectable = contrast["minimum_detectable"]
    return (
        words(contrast["name"] + family),
        Cell(mark.word, mark.word, mark),
        Cell(numbers.difference(contrast["estimate"], unit), contrast["estimate"]),
        Cell(
            numbers.interval(contrast["ci_adjusted"], unit, sign=True),
            (contrast["ci_adjusted"] or [None])[0],
        ),
        Cell(numbers.p_value(contrast["p_adjusted"]), contrast["p_adjusted"]),
        Cell(_win_probability(contrast), contrast["win_probability"]),
        Cell(str(contrast["n_pairs"]), contrast["n_pairs"]),
        Cell(numbers.value(detectable, unit), detectable),
        words(_notes(contrast)),
    )


def _notes(contrast: Document) -> str:
    notes = [flag.replace("_", " ") for flag in contrast["flags"]]
    if contrast["matched"]:
        notes.append(f"of one size: {contrast['matched']}")
    if contrast["missing_pairs"]:
        notes.append(f"without seed {written(contrast['missing_pairs'])}")
    return ", ".join(notes)


def matched_contrasts(results: Document) -> dict[tuple[str, str], Document]:
    """By contrast, and recipe, that size may explain: the one between arms of one size."""
    held = {(one["name"], one["comparison"]): one for one in results["contrasts"]}
    return {
        (one["name"], one["comparison"]): held[one["matched"], one["comparison"]]
        for one in results["contrasts"]
        if one["matched"]
    }


def _win_probability(contrast: Document) -> str:
    share = numbers.probability(contrast["win_probability"])
    bounds = contrast["win_probability_ci"]
    if bounds is None or None in bounds:
        return share
    low, high = (numbers.probability(bound) for bound in bounds)
    return f"{share} [{low}, {high}]"


def arms_table(results: Document) -> Table:
    """A row an arm: n, failures, and the endpoint's spread over seeds."""
    metric = results["endpoint"]["metric"]
    unit = unit_of(metric)
    heads = (
        Head("arm", is_number=False),
        *(
            Head(text)
            for text in ("n", "failed", "mean", f"{confidence(results)} CI", "SD", "median")
        ),
        *(Head(text) for text in ("min", "max", "IQM")),
    )
    rows = tuple(_arm_row(arm, unit) for arm in ordered_arms(results))
    of = f" ({unit.of_values})" if unit.of_values else ""
    caption = f"{spoken(metric).capitalize()}{of} over seeds. {_best_note(results)}"
    return Table(caption.strip(), heads, rows)


def _best_note(results: Document) -> str:
    """What a bold mean says; empty where none could be."""
    arms = ordered_arms(results)
    asked = [arm for arm in arms if arm["among_best"] is not None]
    if not asked:
        return ""
    parts = [
        "Bold: the arm cannot be told from the best. No other arm beats it in a one-sided paired t"
        f" test (Bonferroni), so that the truly best one is among them with {confidence(results)}"
        " confidence."
    ]
    if len({(arm["control"], arm["comparison"]) for arm in asked}) > 1:
        parts.append("Arms are compared within their data set and recipe.")
    left = [arm_label(a["name"], a["comparison"]) for a in arms if a["among_best"] is None]
    if left:
        parts.append(f"Not compared: {', '.join(left)}.")
    return " ".join(parts)


def _arm_row(arm: Document, unit: Unit) -> tuple[Cell, ...]:
    return (
        words(arm_label(arm["name"], arm["comparison"])),
        Cell(str(arm["n_finished"]), arm["n_finished"]),
        Cell(_failures(arm), arm["n_failed"]),
        Cell(numbers.value(arm["mean"], unit), arm["mean"], is_bold=arm["among_best"] is True),
        Cell(numbers.interval(arm["ci"], unit, sign=False), (arm["ci"] or [None])[0]),
        *(
            Cell(numbers.value(arm[name], unit), arm[name])
            for name in ("sd", "median", "min", "max", "iqm")
        ),
    )


def _failures(arm: Document) -> str:
    if not arm["n_failed"]:
        return "0"
    states = ", ".join(f"{n} {state.lower()}" for state, n in arm["failures"].items())
    return f"{arm['n_failed']} ({states})" if states else str(arm["n_failed"])


COST_COLUMNS = (
    ("train_seconds", "training a run", numbers.seconds),
    ("images_per_second", "images/s", numbers.count),
    ("peak_memory_bytes", "peak memory", numbers.mebibytes),
    ("latency_1_seconds", "latency, 1 image", numbers.milliseconds),
    ("latency_256_seconds", "latency, 256 images", numbers.milliseconds),
)


FRONTS = {
    "n_parameters": "parameters",
    "n_macs": "MACs",
    "train_seconds": "training",
    "latency_1_seconds": "latency",
}


def cost_table(results: Document, costs: Document) -> Table:
    """A row an arm: what it reaches, and its size, time, throughput, memory and latency."""
    held = {(arm["name"], arm["comparison"]): arm for arm in results["arms"]}
    metric = results["endpoint"]["metric"]
    unit = unit_of(metric)
    heads = (
        Head("arm", is_number=False),
        Head(axis_label(metric)),
        Head("unbeaten at its", is_number=False),
        *(Head(text) for text in ("parameters", "MACs an image", "runs")),
        *(Head(text) for _, text, _ in COST_COLUMNS),
    )
    rows = tuple(
        _cost_row(arm, held.get((arm["arm"], arm["comparison"])), unit) for arm in costs["arms"]
    )
    device = ", ".join(costs["device"]) or "an unknown device"
    caption = (
        f"Means over finished runs on {device}. Unbeaten: no arm on the same data is, by its mean,"
        f" at least as good at no more of that cost."
    )
    return Table(caption, heads, rows)


def _cost_row(arm: Document, results_arm: Document | None, unit: Unit) -> tuple[Cell, ...]:
    mean = results_arm["mean"] if results_arm else None
    measured = []
    for name, _, write in COST_COLUMNS:
        cost = (arm[name] or {}).get("mean")
        measured.append(Cell(write(cost), cost))
    return (
        words(arm_label(arm["arm"], arm["comparison"])),
        Cell(numbers.value(mean, unit), mean),
        words(", ".join(FRONTS[cost] for cost in arm["fronts"])),
        Cell(numbers.count(arm["n_parameters"]), arm["n_parameters"]),
        Cell(numbers.count(arm["n_macs"]), arm["n_macs"]),
        Cell(str(arm["n_finished"]), arm["n_finished"]),
        *measured,
    )


def changes_table(results: Document) -> Table:
    """What sets each arm apart: its variant and what it changes."""
    rows = tuple(
        (
            words(arm_label(arm["name"], arm["comparison"])),
            words(arm["variant"] or numbers.MISSING),
            words(_pairs(arm["changes"]) or "nothing"),
        )
        for arm in ordered_arms(results)
    )
    heads = tuple(Head(text, is_number=False) for text in ("arm", "variant", "changed"))
    return Table("What was changed in each arm.", heads, rows)


def _pairs(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {written(change)}" for key, change in changes.items())


def written(item: Any) -> str:  # noqa: ANN401 - a leaf of free JSON
    """A leaf of free JSON as text."""
    if item is None:
        return numbers.MISSING
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, (list, tuple)):
        return ", ".join(written(part) for part in item)
    if isinstance(item, Mapping):
        return _pairs(item)
    return str(item)


def worn_flags(results: Document) -> list[str]:
    """Every flag that some contrast wears, once."""
    return list(dict.fromkeys(f for contrast in results["contrasts"] for f in contrast["flags"]))
