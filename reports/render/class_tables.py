"""The tables of where errors differ: by class, and image by image between two trained networks.

Called by `page`, `text` and `latex`, like `tables`; copies and formats, and computes no statistic.
"""

from __future__ import annotations

from reports.figures.tables import arm_label
from reports.figures.units import confidence, unit_of
from reports.render import numbers
from reports.render.tables import Cell, Document, Head, Table, words

ACCURACY = unit_of("test/accuracy")


def class_table(results: Document) -> Table | None:
    """A row a contrast and class: difference and intervals; None where answers were not kept."""
    if not results["per_class"] or not results["per_class"]["contrasts"]:
        return None
    heads = (
        Head("contrast", is_number=False),
        Head("class", is_number=False),
        Head("difference (points)"),
        Head(f"{confidence(results)} CI"),
        Head("for all classes"),
        Head("pairs"),
    )
    rows = tuple(
        (
            words(arm_label(contrast["name"], contrast["comparison"])),
            words(one["class"]),
            Cell(numbers.difference(one["estimate"], ACCURACY), one["estimate"]),
            *(
                Cell(numbers.interval(one[key], ACCURACY, sign=True), (one[key] or [None])[0])
                for key in ("ci", "ci_adjusted")
            ),
            Cell(str(contrast["n_pairs"]), contrast["n_pairs"]),
        )
        for contrast in results["per_class"]["contrasts"]
        for one in contrast["classes"]
    )
    return Table("Accuracy by class, arm minus control; exploratory.", heads, rows)


def error_tables(results: Document) -> list[Table]:
    """Both tables, where the results hold what they show."""
    return [table for table in (class_table(results), mcnemar_table(results)) if table]


def mcnemar_table(results: Document) -> Table | None:
    """A row a contrast and seed: images that only one of the two networks gets right."""
    rows = tuple(
        (
            words(arm_label(contrast["name"], contrast["comparison"])),
            Cell(str(one["seed"]), one["seed"]),
            Cell(numbers.count(one["only_arm"]), one["only_arm"]),
            Cell(numbers.count(one["only_control"]), one["only_control"]),
            Cell(numbers.p_value(one["p"]), one["p"]),
        )
        for contrast in (results["per_class"] or {"contrasts": ()})["contrasts"]
        for one in contrast["mcnemar"]
    )
    if not rows:
        return None
    heads = (
        Head("contrast", is_number=False),
        *(Head(text) for text in ("seed", "only the arm right", "only the control right", "p")),
    )
    caption = (
        "Images that only one of two trained networks gets right, and McNemar's exact p: of these"
        " two networks, not of their architectures; exploratory."
    )
    return Table(caption, heads, rows)
