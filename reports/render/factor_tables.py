"""The tables of factors, and of what an accuracy's variance is made of.

Called by `page` and `text`, like `tables`; copies and formats, and computes no statistic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ablations.designs import level_text
from reports.figures.tables import arm_label
from reports.figures.units import Unit, difference_unit, spoken, unit_of
from reports.render import numbers
from reports.render.tables import Cell, Document, Head, Table

TIMES = " \N{MULTIPLICATION SIGN} "


def effect_tables(results: Document) -> list[Table]:
    """Two tables a crossed design: effects in the metric's unit, and the analysis of variance."""
    return [
        table
        for entry in results["effects"]
        for table in (_effects(entry, results), _anova(entry, results))
    ]


def _where(entry: Document, results: Document) -> str:
    """Which design a table is of, where there are several."""
    if len(results["effects"]) == 1:
        return ""
    dataset = f" on {entry['dataset']}" if entry["dataset"] else ""
    return f" ({entry['comparison']} recipe{dataset})"


def _effects(entry: Document, results: Document) -> Table:
    metric = results["endpoint"]["metric"]
    heads = (
        Head("effect", is_number=False),
        Head("kind", is_number=False),
        Head(f"difference ({difference_unit(metric)})"),
        Head("CI"),
        Head("simultaneous CI"),
        Head("p"),
        Head("notes", is_number=False),
    )
    rows = tuple(
        _effect_row(name, kind, effect, note, unit_of(metric))
        for name, kind, effect, note in _listed(entry)
    )
    caption = (
        f"Effects of factors{_where(entry, results)} over {entry['n_seeds']} seeds that have every "
        f"arm; + is better. Read interactions first."
    )
    return Table(caption, heads, rows)


def _listed(entry: Document) -> Iterator[tuple[str, str, Document, str]]:
    """Name, kind, numbers and note of every effect, in the order in which to read them."""
    for one in entry["interactions"]:
        names = zip(one["factors"], one["levels"], strict=True)
        matters = {True: "matters", False: "within the margin or unclear"}.get(one["matters"], "")
        yield TIMES.join(_level(*pair) for pair in names), "interaction", one, matters
    for one in entry["simple"]:
        given = ", ".join(_level(*pair) for pair in one["given"].items())
        yield f"{_level(one['factor'], one['level'])} at {given}", "simple", one, _minus(one)
    for one in entry["marginal"]:
        note = _minus(one)
        if one["depends_on"]:
            note += f"; depends on {', '.join(one['depends_on'])}"
        yield _level(one["factor"], one["level"]), "average", one, note
    for one in entry["trends"]:
        per = "a doubling" if one["degree"] == "linear" else "a doubling squared"
        yield one["factor"], f"{one['degree']} trend", one, per


def _level(factor: str, level: object) -> str:
    return f"{factor}={level_text(level)}"


def _minus(effect: Document) -> str:
    return f"minus {level_text(effect['reference'])}"


def _effect_row(name: str, kind: str, effect: Document, note: str, unit: Unit) -> tuple[Cell, ...]:
    estimate, p = effect["estimate"], effect["p"]
    return (
        Cell(name, name),
        Cell(kind, kind),
        Cell(numbers.difference(estimate, unit), estimate),
        *(
            Cell(numbers.interval(effect[key], unit, sign=True), (effect[key] or [None])[0])
            for key in ("ci", "ci_adjusted")
        ),
        Cell(numbers.p_value(p), p),
        Cell(note, note),
    )


def _anova(entry: Document, results: Document) -> Table:
    heads = (
        Head("term", is_number=False),
        *(Head(text) for text in ("df", "F", "p", "partial \N{GREEK SMALL LETTER OMEGA}\u00b2")),
    )
    rows = tuple(_term_row(term) for term in entry["anova"])
    caption = f"Analysis of variance{_where(entry, results)}, seeds as blocks."
    return Table(caption, heads, rows)


def _term_row(term: Mapping[str, Any]) -> tuple[Cell, ...]:
    name, f = term["term"].replace(":", TIMES), term["f"]
    return (
        Cell(name, name),
        Cell(str(term["df"]), term["df"]),
        Cell(numbers.MISSING if f is None else f"{f:.4g}", f),
        Cell(numbers.p_value(term["p"]), term["p"]),
        Cell(numbers.probability(term["omega_sq"]), term["omega_sq"]),
    )


def variance_table(results: Document) -> Table | None:
    """What the variance of each arm's accuracy is made of; None where no answers were kept."""
    budget = results["variance_budget"]
    if not budget:
        return None
    heads = (
        Head("arm", is_number=False),
        *(Head(text) for text in ("seeds", "SD of one run (points)", "seed", "images", "both")),
    )
    rows = tuple(_budget_row(arm) for arm in budget["arms"])
    caption = (
        f"Variance of {spoken(budget['metric'])} over other seeds and as many other test images: "
        f"shares of the seed, of the images, and of which images a seed gets right."
    )
    return Table(caption, heads, rows)


def _budget_row(arm: Mapping[str, Any]) -> tuple[Cell, ...]:
    label = arm_label(arm["arm"], arm["comparison"])
    shares = arm["shares"] or (None, None, None)
    return (
        Cell(label, label),
        Cell(str(arm["n_seeds"]), arm["n_seeds"]),
        Cell(f"{100 * arm['sd']:.2f}", arm["sd"]),
        *(
            Cell(numbers.MISSING if share is None else f"{100 * share:.0f} %", share)
            for share in shares
        ),
    )
