"""What each claim rests on: its numbers, and where they would have to lie for it to hold.

`draw_claim` fills one strip; `claims_figure` sets one for each claim, under its words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.figures.canvas import NARROW_INCHES, WIDE_INCHES, axes_at, short_count, span
from reports.figures.labels import wrapped
from reports.figures.palette import BAND, CLAIMS, INK, PAPER
from reports.figures.tables import Document, bounds, records
from reports.figures.units import AS_STORED, unit_of

COLUMNS = ["claim", "text", "axis", "part", "estimate", "low", "high", "from", "to", "verdict"]
STRIP_INCHES = 0.2
GAP_INCHES = 0.52
TITLE_INCHES = 0.13


def claim_table(results: Document) -> pd.DataFrame:
    """Every number that a claim rests on, of the claims that this figure is named for.

    Returns:
        claim (its place, from 1), text, axis (what is drawn), part (of several conditions, from 0),
        estimate, low, high (of the interval, NaN where it was counted), from, to (where the claim
        holds, NaN for no end), verdict.
    """
    rows = []
    for number, claim in enumerate(results["claims"], start=1):
        if claim["figure"] is None:
            continue
        drawn = _contrast if "estimate" in claim["numbers"] else _conditions
        for part, (axis, *values) in enumerate(drawn(claim["numbers"])):
            if not math.isnan(values[0]):
                own = (number, claim["text"], axis, part)
                rows.append((*own, *values, claim["verdict"] or "no verdict"))
    return pd.DataFrame(rows, columns=COLUMNS)


def _contrast(numbers: Document) -> Iterator[tuple[Any, ...]]:
    unit = unit_of(numbers["metric"])
    margin = unit.shown(numbers["margin"])
    nothing = float("nan")
    holds = {"greater": (0.0, nothing), "less": (nothing, 0.0), "equivalent": (-margin, margin)}
    words = f" ({unit.of_differences})" if unit.of_differences else ""
    yield (
        f"{numbers['contrast']}: {numbers['metric']}{words}",
        unit.shown(numbers["estimate"]),
        *bounds(unit, numbers["ci_adjusted"]),
        *holds[numbers["expect"]],
    )


def _conditions(numbers: Document) -> Iterator[tuple[Any, ...]]:
    """The axis, numbers and ends of each condition; equal sides have both ends on one axis."""
    left, right = numbers["left"]["quantity"], numbers["right"]["quantity"]
    conditions, margin, start, end = numbers["conditions"], 0.0, 0.0, float("nan")
    if numbers["relation"] == "equal":  # the second condition is the first from the other side
        margin = numbers["margin"]
        conditions, start, end = conditions[:1], -margin, margin
    for one in conditions:
        parts = [(one["left"], left), (one["right"], right), (one["constant"] - margin, "")]
        yield (
            _sum(parts),
            AS_STORED.shown(one["estimate"]) - margin,
            *(bound - margin for bound in bounds(AS_STORED, one["ci_adjusted"])),
            start,
            end,
        )


def _sum(parts: list[tuple[float, str]]) -> str:
    """A sum of its factors and names, the factor 1 unsaid."""
    said = ""
    for factor, name in parts:
        if not factor:
            continue
        sign = "\N{MINUS SIGN} " if factor < 0 else "+ " if said else ""
        size = f"{abs(factor):g}"
        amount = name if name and size == "1" else f"{size} \N{MULTIPLICATION SIGN} {name}"
        said += f"{' ' if said else ''}{sign}{amount if name else size}"
    return said


def draw_claim(table: pd.DataFrame, ax: Axes) -> None:
    """The numbers of one axis on their interval, and the region where the claim holds.

    Args:
        table: estimate, low, high, from, to, verdict: one row.
        ax: Its x axis is in the condition's own unit.
    """
    ends = span(table[["estimate", "low", "high", "from", "to"]], 0.12)
    for record in records(table) if ends else ():
        left, right = (
            end if math.isnan(record[key]) else record[key]
            for key, end in zip(("from", "to"), ends or (), strict=True)
        )
        ax.axvspan(left, right, color=BAND, linewidth=0, zorder=0.5)
        for key in ("from", "to"):
            ax.axvline(record[key], color=INK, linewidth=0.9, zorder=1)
        mark = CLAIMS[None if record["verdict"] == "no verdict" else record["verdict"]]
        ax.hlines(0, record["low"], record["high"], color=mark.paint, linewidth=1.5)
        ax.scatter(
            record["estimate"],
            0,
            s=30,
            marker=mark.marker,
            facecolor=PAPER if mark.is_open else mark.paint,
            edgecolor=mark.paint,
            zorder=3,
        )
        ax.set_xlim(ends)


def claims_figure(results: Document, *, narrow: bool) -> Figure:
    """A strip a condition, those of one claim under its words."""
    table = claim_table(results)
    page, width = (NARROW_INCHES, 52) if narrow else (WIDE_INCHES, 108)
    titles = {
        record["claim"]: wrapped(f"{record['verdict'].capitalize()}: {record['text']}", width)
        for record in records(table)
    }
    axes = [wrapped(record["axis"], width) for record in records(table)]
    heads = [
        0.06 + TITLE_INCHES * (titles[record["claim"]].count("\n") + 1) if not record["part"] else 0
        for record in records(table)
    ]
    feet = [GAP_INCHES + TITLE_INCHES * axis.count("\n") for axis in axes]
    figure = Figure(figsize=(page, sum(heads) + sum(feet) + len(table) * STRIP_INCHES))
    top = 0.0
    for head, foot, axis, record in zip(heads, feet, axes, records(table), strict=True):
        top += head
        ax = axes_at(figure, 0.1, top, page - 0.2, STRIP_INCHES)
        draw_claim(pd.DataFrame([record]), ax)
        ax.set_title("" if record["part"] else titles[record["claim"]])
        ax.set_xlabel(axis)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(4 if narrow else 7))
        ax.xaxis.set_major_formatter(FuncFormatter(short_count))
        top += STRIP_INCHES + foot
    return figure
