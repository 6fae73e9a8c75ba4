"""Every figure of a report, drawn for a wide page and for a phone, with its caption.

Called by `reports.render`. A figure is there only if the documents hold what it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from reports.figures import captions, tables
from reports.figures.canvas import house_style
from reports.figures.capacity import capacity_figure
from reports.figures.curves import curves_figure
from reports.figures.estimation_layout import estimation_figure
from reports.figures.interaction import interaction_figure
from reports.figures.probes import growth_figure, shift_figure
from reports.figures.svg import to_svg
from reports.figures.tables import Document


@dataclass(frozen=True)
class Picture:
    """One figure, ready for a page.

    Attributes:
        name: Unique in the report; a slug.
        title: A few words.
        wide: Inline SVG for a screen or paper.
        narrow: Inline SVG for a phone.
        caption: Plain text: n, what the bar is, what was randomised.
    """

    name: str
    title: str
    wide: str
    narrow: str
    caption: str


def pictures(results: Document) -> dict[str, Picture]:
    """Every figure the results hold numbers for, by name, in reading order.

    Names: estimation, curves-MEASURE, capacity, interaction, shift, growth; those on the second
    data set of a study end with -2, and so on. The same documents give the same bytes.
    """
    drawn: dict[str, Picture] = {}
    documents = tables.by_control(results)
    for number, (control, document) in enumerate(documents.items(), start=1):
        for picture in _of_one_control(document):
            name = picture.name if number == 1 else f"{picture.name}-{number}"
            title = picture.title if len(documents) == 1 else f"{picture.title}, beside {control}"
            drawn[name] = replace(picture, name=name, title=title)
    return drawn


def _of_one_control(results: Document) -> list[Picture]:
    drawn = [_estimation(results)] if results["arms"] else []
    drawn += [_curves(results, measure) for measure in tables.curve_measures(results)]
    if not tables.capacity_table(results).empty:
        drawn.append(_capacity(results))
    if not tables.interaction_table(results).empty:
        drawn.append(_interaction(results))
    if not tables.shift_table(results).query("pixels > 0").empty:
        drawn.append(_shift(results))
    if not tables.growth_table(results).empty:
        drawn.append(_growth(results))
    return drawn


def _estimation(results: Document) -> Picture:
    return _picture(
        "estimation",
        "Every seed, and the differences",
        lambda narrow: estimation_figure(results, narrow=narrow),
        captions.estimation(results),
        captions.alt(results, "estimation"),
    )


def _curves(results: Document, measure: str) -> Picture:
    title = f"Learning curves: {measure}"
    return _picture(
        f"curves-{measure}",
        title,
        lambda narrow: curves_figure(results, measure, narrow=narrow),
        captions.curves(results, measure),
        captions.alt(results, title),
    )


def _capacity(results: Document) -> Picture:
    title = "Accuracy against size"
    return _picture(
        "capacity",
        title,
        lambda narrow: capacity_figure(results, narrow=narrow),
        captions.capacity(results),
        captions.alt(results, title),
    )


def _interaction(results: Document) -> Picture:
    title = "Whether a factor's effect depends on another"
    return _picture(
        "interaction",
        title,
        lambda narrow: interaction_figure(results, narrow=narrow),
        captions.interaction(results),
        captions.alt(results, title),
    )


def _shift(results: Document) -> Picture:
    title = "Accuracy on shifted images"
    return _picture(
        "shift",
        title,
        lambda narrow: shift_figure(results, narrow=narrow),
        captions.shift(results),
        captions.alt(results, title),
    )


def _growth(results: Document) -> Picture:
    title = "Size of the network by image size"
    return _picture(
        "growth",
        title,
        lambda narrow: growth_figure(results, narrow=narrow),
        captions.growth(results),
        captions.alt(results, title),
    )


def _picture(
    name: str, title: str, draw: Callable[[bool], Figure], caption: str, alt: str
) -> Picture:
    with house_style():
        wide = to_svg(draw(False), f"{name}-wide", alt)  # noqa: FBT003
        narrow = to_svg(draw(True), f"{name}-narrow", alt)  # noqa: FBT003
    return Picture(name, title, wide, narrow, caption)
