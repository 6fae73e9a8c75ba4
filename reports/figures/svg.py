"""From a figure to deterministic inline SVG.

Text stays text (selectable, found by a search, read aloud) and every colour becomes a CSS
variable with the light value as fallback, so that the page decides. Called by `gallery`.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.figures.palette import COLOURS

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
FONTS = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


def to_svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        figure: Drawn under `canvas.house_style`.
        name: Unique in the page; the ids inside are salted with it.
        alt: Read aloud in place of the picture.
    """
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    # What is parsed is what matplotlib has just written, with every user string escaped.
    root = ET.fromstring(stream.getvalue())  # noqa: S314
    _drop(root, {f"{{{SVG}}}metadata", f"{{{SVG}}}style"})
    _keep_used_ids(root)
    _theme(root)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib |= {"role": "img", "aria-label": alt, "font-family": FONTS}
    root.set("stroke-linejoin", "round")
    ET.register_namespace("", SVG)
    return ET.tostring(root, encoding="unicode")


def _drop(root: ET.Element, tags: set[str]) -> None:
    # Among them matplotlib's own rule `* {...}`, which would reach the whole page.
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in tags:
                parent.remove(child)


def _keep_used_ids(root: ET.Element) -> None:
    # matplotlib numbers its groups alike in every figure; only salted ids are referred to.
    elements = list(root.iter())
    references = (element.get(HREF, "") + element.get("clip-path", "") for element in elements)
    used = set(re.findall(r"#([\w-]+)", " ".join(references)))
    for element in elements:
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        if HREF in element.attrib:
            element.set("href", element.attrib.pop(HREF))


def _theme(root: ET.Element) -> None:
    for element in root.iter():
        for attribute in ("style", "fill", "stroke"):
            if attribute in element.attrib:
                element.set(attribute, _themed(element.attrib[attribute]))


def _themed(declaration: str) -> str:
    declaration = re.sub(r"font-family:[^;]*;?\s*", "", declaration)
    declaration = re.sub(r"font: ([\d.]+px) [^;]*", r"font-size: \1", declaration)
    for name, (light, _) in COLOURS.items():
        declaration = declaration.replace(light, f"var(--{name}, {light})")
    return declaration
