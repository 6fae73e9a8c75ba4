"""Every figure of a report: drawn for a page, or as files for a paper, with caption and data.

Called by `reports.render`. A figure is there only if the documents hold what it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.figure import Figure

from reports.figures import captions, detail_tables, tables
from reports.figures.budget import budget_figure
from reports.figures.canvas import house_style
from reports.figures.classes import class_figure, confusion_figure, image_figure
from reports.figures.cost import cost_figure
from reports.figures.curves import curves_figure
from reports.figures.estimation_layout import estimation_figure
from reports.figures.files import to_file
from reports.figures.interaction import interaction_figure
from reports.figures.layers import layers_figure
from reports.figures.probes import growth_figure, shift_figure
from reports.figures.sequential import sequential_figure
from reports.figures.svg import to_svg
from reports.figures.tables import Document

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


@dataclass(frozen=True)
class _Drawing:
    """A figure before it is drawn: `draw(narrow)` of what `table` holds."""

    name: str
    title: str
    table: pd.DataFrame
    draw: Callable[[bool], Figure]
    caption: Callable[[], str]
    alt: str = ""


def pictures(results: Document, costs: Document) -> dict[str, Picture]:
    """Every figure the documents hold numbers for, by name, in reading order.

    Names: estimation, looks, budget, curves-MEASURE, cost, interaction, classes, confusion, images,
    shift, layers, growth; those on the second data set of a study end with -2, and so on. The same
    documents give the same bytes.
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
                figure = drawing.draw(narrow)
                for kind in wanted:
                    files[f"{drawing.name}{ending}.{kind}"] = to_file(figure, kind, drawing.name)
    return files


def figure_data(results: Document, costs: Document) -> dict[str, str]:
    """What each figure shows, as CSV in the units of its axes, by `NAME.csv`."""
    return {f"{drawing.name}.csv": _csv(drawing) for drawing in _drawings(results, costs)}


def _drawings(results: Document, costs: Document) -> Iterator[_Drawing]:
    documents = tables.by_control(results)
    for number, (control, document) in enumerate(documents.items(), start=1):
        for drawing in (*_of_endpoint(document, costs), *_of_details(document)):
            if drawing.table.empty:
                continue
            name = drawing.name if number == 1 else f"{drawing.name}-{number}"
            title = drawing.title if len(documents) == 1 else f"{drawing.title}, beside {control}"
            alt = captions.alt(document, title, is_estimation=drawing.name == "estimation")
            yield replace(drawing, name=name, title=title, alt=alt)


def _of_endpoint(results: Document, costs: Document) -> Iterator[_Drawing]:
    yield _Drawing(
        "estimation",
        "Every seed, and the differences",
        tables.estimation_table(results),
        lambda narrow: estimation_figure(results, narrow=narrow),
        lambda: captions.estimation(results),
    )
    yield _Drawing(
        "looks",
        "What was decided at each look",
        detail_tables.sequential_table(results),
        lambda narrow: sequential_figure(results, narrow=narrow),
        lambda: captions.looks(results),
    )
    yield _Drawing(
        "budget",
        "What tuning was expected to find",
        detail_tables.budget_table(results),
        lambda narrow: budget_figure(results, narrow=narrow),
        lambda: captions.budget(results),
    )
    for measure in tables.curve_measures(results):
        yield _curves(results, measure)
    yield _Drawing(
        "cost",
        "Accuracy against cost"
        if "accuracy" in results["endpoint"]["metric"]
        else "Value against cost",
        detail_tables.cost_table(results, costs),
        lambda narrow: cost_figure(results, costs, narrow=narrow),
        lambda: captions.cost(results, costs),
    )
    yield _Drawing(
        "interaction",
        "Whether a factor's effect depends on another",
        tables.interaction_table(results),
        lambda narrow: interaction_figure(results, narrow=narrow),
        lambda: captions.interaction(results),
    )


def _curves(results: Document, measure: str) -> _Drawing:
    return _Drawing(
        f"curves-{re.sub(r'[^A-Za-z0-9_-]+', '-', measure)}",
        f"Learning curves: {measure}",
        tables.curve_table(results, measure),
        lambda narrow: curves_figure(results, measure, narrow=narrow),
        lambda: captions.curves(results, measure),
    )


def _of_details(results: Document) -> Iterator[_Drawing]:
    yield _Drawing(
        "classes",
        "Differences by class",
        detail_tables.class_table(results),
        lambda narrow: class_figure(results, narrow=narrow),
        lambda: captions.classes(results),
    )
    yield _Drawing(
        "confusion",
        "What is taken for what",
        detail_tables.confusion_table(results),
        lambda narrow: confusion_figure(results, narrow=narrow),
        lambda: captions.confusion(results),
    )
    yield _Drawing(
        "images",
        "Images on which two arms disagree",
        detail_tables.image_table(results),
        lambda narrow: image_figure(results, narrow=narrow),
        lambda: captions.images(results),
    )
    yield _Drawing(
        "shift",
        "Accuracy on shifted images",
        tables.shift_table(results),
        lambda narrow: shift_figure(results, narrow=narrow),
        lambda: captions.shift(results),
    )
    yield _Drawing(
        "layers",
        "By layer",
        detail_tables.layer_table(results),
        lambda narrow: layers_figure(results, narrow=narrow),
        lambda: captions.layers(results),
    )
    yield _Drawing(
        "growth",
        "Size of the network by image size",
        tables.growth_table(results),
        lambda narrow: growth_figure(results, narrow=narrow),
        lambda: captions.growth(results),
    )


def _picture(drawing: _Drawing) -> Picture:
    with house_style():
        wide, narrow = (
            to_svg(drawing.draw(is_narrow), f"{drawing.name}-{width}", drawing.alt)
            for width, is_narrow in (("wide", False), ("narrow", True))
        )
    return Picture(drawing.name, drawing.title, wide, narrow, drawing.caption(), _csv(drawing))


def _csv(drawing: _Drawing) -> str:
    table = drawing.table.drop(columns=PLACING, errors="ignore")
    return str(table.to_csv(index=False, lineterminator="\n"))
