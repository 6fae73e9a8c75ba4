"""Every figure of a report: drawn for a page, or as files for a paper, with caption and data.

Called by `reports.render`. A figure is there only if the documents hold what it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from reports.figures import captions, detail_tables, tables
from reports.figures.budget import budget_figure
from reports.figures.canvas import house_style
from reports.figures.claims import claim_table, claims_figure
from reports.figures.classes import class_figure, confusion_figure, image_figure
from reports.figures.cost import cost_figure
from reports.figures.curves import curves_figure
from reports.figures.epochs import epochs_figure
from reports.figures.estimation_layout import estimation_figure
from reports.figures.files import to_file
from reports.figures.filters import filters_figure, filters_table
from reports.figures.interaction import interaction_figure
from reports.figures.layers import layers_figure
from reports.figures.neighbours import neighbours_figure
from reports.figures.probes import growth_figure, shift_figure
from reports.figures.sequential import sequential_figure
from reports.figures.svg import to_svg
from reports.figures.tables import Document
from reports.figures.units import spoken
from reports.spreadsheet import as_cell

PLACING = ["row", "column", "place", "position", "look"]
"""Columns that say where and how a thing is drawn, and nothing of the study."""


@dataclass(frozen=True)
class Picture:
    """One figure, ready for a page.

    Attributes:
        name: Unique in the report; a slug.
        title: A few words.
        wide: Inline SVG for a screen or paper.
        narrow: Inline SVG for a phone.
        caption: Plain text: n, what the bar is, what was randomised.
        data: What is drawn, as CSV in the units of the axes.
    """

    name: str
    title: str
    wide: str
    narrow: str
    caption: str
    data: str


class _Kind(NamedTuple):
    """A figure that results may have: its table says whether they do."""

    name: str
    title: str
    table: Callable[[Document], pd.DataFrame]
    draw: Callable[..., Figure]
    caption: Callable[[Document], str]


@dataclass(frozen=True)
class _Drawing:
    """A figure before it is drawn: `draw(narrow=...)` of what `table` holds."""

    name: str
    title: str
    table: pd.DataFrame
    draw: Callable[..., Figure]
    caption: str
    alt: str


def pictures(results: Document, costs: Document) -> dict[str, Picture]:
    """Every figure the documents hold numbers for, by name, in reading order.

    Names: estimation, claims, looks, budget, curves-MEASURE, cost, interaction, classes, confusion,
    images, shift, layers, epochs, neighbours, filters, growth; those on the second data set of a
    study end with -2, and so on. The same documents give the same bytes.
    """
    return {drawing.name: _picture(drawing) for drawing in _drawings(results, costs)}


def figure_files(results: Document, costs: Document, formats: Iterable[str]) -> dict[str, bytes]:
    """Every figure as files for a paper: `NAME.EXT` as wide as a text, `NAME-column.EXT` a column.

    Args:
        results: As in `results.json`.
        costs: As in `costs.json`.
        formats: Of png, svg and pdf.
    """
    wanted = sorted(formats)
    files = {}
    with house_style():
        for drawing in _drawings(results, costs) if wanted else ():
            for ending, narrow in (("", False), ("-column", True)):
                figure = drawing.draw(narrow=narrow)
                for kind in wanted:
                    files[f"{drawing.name}{ending}.{kind}"] = to_file(figure, kind, drawing.name)
    return files


def figure_data(results: Document, costs: Document) -> dict[str, str]:
    """What each figure shows, as CSV in the units of its axes, by `NAME.csv`."""
    return {f"{drawing.name}.csv": _csv(drawing) for drawing in _drawings(results, costs)}


def _drawings(results: Document, costs: Document) -> Iterator[_Drawing]:
    documents = tables.by_control(results)
    for number, (control, document) in enumerate(documents.items(), start=1):
        for kind in _kinds(document, costs):
            table = kind.table(document)
            if table.empty:
                continue
            is_of_all = len(documents) == 1 or kind.name == "claims"
            title = kind.title if is_of_all else f"{kind.title}, beside {control}"
            yield _Drawing(
                name=kind.name if number == 1 else f"{kind.name}-{number}",
                title=title,
                table=table,
                draw=partial(kind.draw, document),
                caption=kind.caption(document),
                alt=captions.alt(document, title, is_estimation=kind.name == "estimation"),
            )


def _kinds(results: Document, costs: Document) -> Iterator[_Kind]:
    """Every kind of figure, in reading order."""
    yield _Kind(
        "estimation",
        "Every seed, and the differences",
        tables.estimation_table,
        estimation_figure,
        captions.estimation,
    )
    yield _Kind("claims", "What each claim rests on", claim_table, claims_figure, captions.claims)
    yield _Kind(
        "looks",
        "What was decided at each look",
        detail_tables.sequential_table,
        sequential_figure,
        captions.looks,
    )
    yield _Kind(
        "budget",
        "What tuning was expected to find",
        detail_tables.budget_table,
        budget_figure,
        captions.budget,
    )
    for number, measure in enumerate(tables.curve_measures(results), start=1):
        yield _Kind(
            f"curves-{_slug(measure, number)}",
            f"Learning curves: {measure}",
            partial(tables.curve_table, measure=measure),
            partial(curves_figure, measure=measure),
            partial(captions.curves, measure=measure),
        )
    yield _Kind(
        "cost",
        f"{spoken(results['endpoint']['metric']).capitalize()} against cost",
        partial(detail_tables.cost_table, costs=costs),
        partial(cost_figure, costs=costs),
        partial(captions.cost, costs=costs),
    )
    yield _Kind(
        "interaction",
        "Whether a factor's effect depends on another",
        tables.interaction_table,
        interaction_figure,
        captions.interaction,
    )
    yield from _DETAILS


_DETAILS = (
    _Kind(
        "classes",
        "Differences by class",
        detail_tables.class_table,
        class_figure,
        captions.classes,
    ),
    _Kind(
        "confusion",
        "What is taken for what",
        detail_tables.confusion_table,
        confusion_figure,
        captions.confusion,
    ),
    _Kind(
        "images",
        "Images on which two arms disagree",
        detail_tables.image_table,
        image_figure,
        captions.images,
    ),
    _Kind(
        "shift",
        "Accuracy on shifted images",
        tables.shift_table,
        shift_figure,
        captions.shift,
    ),
    _Kind("layers", "By layer", detail_tables.layer_table, layers_figure, captions.layers),
    _Kind(
        "epochs",
        "By layer, in the course of training",
        detail_tables.epoch_table,
        epochs_figure,
        captions.epochs,
    ),
    _Kind(
        "neighbours",
        "What flattening does to neighbours",
        detail_tables.neighbour_table,
        neighbours_figure,
        captions.neighbours,
    ),
    _Kind(
        "filters",
        "What the first layer looks for",
        filters_table,
        filters_figure,
        captions.filters,
    ),
    _Kind(
        "growth",
        "Size of the network by image size",
        tables.growth_table,
        growth_figure,
        captions.growth,
    ),
)


def _slug(measure: str, number: int) -> str:
    """A measure as part of a file's name; what had to be changed is told apart by its number."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", measure)
    return safe if safe == measure else f"{safe}-{number}"


def _picture(drawing: _Drawing) -> Picture:
    with house_style():
        wide, narrow = (
            to_svg(drawing.draw(narrow=is_narrow), f"{drawing.name}-{width}", drawing.alt)
            for width, is_narrow in (("wide", False), ("narrow", True))
        )
    return Picture(drawing.name, drawing.title, wide, narrow, drawing.caption, _csv(drawing))


def _csv(drawing: _Drawing) -> str:
    table = drawing.table.drop(columns=PLACING, errors="ignore")
    texts = table.select_dtypes(["object", "string"])
    table = table.assign(**{str(name): texts[name].map(as_cell) for name in texts})
    return str(table.to_csv(index=False, lineterminator="\n"))
