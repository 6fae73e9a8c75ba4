"""Puts a report on disk: every file whole or not there.

Called by `ablations.cli` through `reports.render`. The JSON documents are always written: they are
what the other formats show.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reports.errors import ReportError
from reports.figures import figure_data, figure_files
from reports.figures.files import KINDS
from reports.render import inventory
from reports.render.latex import latex_files
from reports.render.page import html
from reports.render.text import csv_files, markdown

Document = Mapping[str, Any]

DOCUMENTS = ("csv", "html", "json", "md", "tex")
FORMATS = (*DOCUMENTS, *KINDS)
"""Of a report: its documents, and the kinds of files that its figures are written as."""


def write_report(
    out: Path,
    results: Document,
    costs: Document,
    provenance: Document,
    formats: Iterable[str] = DOCUMENTS,
) -> list[Path]:
    """Write the report's files into `out`, which is made if it is missing.

    Each is written under a temporary name and renamed, so that a reader never finds half a file.
    Then those of a former report of the same study that are out of date go; see `inventory`.

    Args:
        out: The folder.
        results: As in `results.json`.
        costs: As in `costs.json`.
        provenance: As in `provenance.json`.
        formats: Some of `FORMATS`; the JSON documents are written in any case.

    Returns:
        The paths written, the page first if it was asked for.

    Raises:
        ReportError: A format is unknown, or a document holds NaN or infinity.
    """
    wanted = _checked(formats)
    files: dict[str, str | bytes] = {}
    if "html" in wanted:
        files["report.html"] = html(results, costs, provenance)
    if "md" in wanted:
        files["report.md"] = markdown(results, costs)
    if "tex" in wanted:
        files |= latex_files(results, costs)
    if "csv" in wanted:
        files |= csv_files(results, costs)
        files |= _in_figures(figure_data(results, costs))
    files |= _in_figures(figure_files(results, costs, wanted & set(KINDS)))
    documents = {"results": results, "costs": costs, "provenance": provenance}
    files |= {f"{name}.json": _json(name, content) for name, content in documents.items()}
    contents = {
        name: content.encode() if isinstance(content, str) else content
        for name, content in files.items()
    }
    former, present = inventory.former_files(out, results["study"]), inventory.digests(contents)
    written = [_write(out / name, content) for name, content in contents.items()]
    out_of_date = inventory.stale(former, present, {*wanted, "json"})
    inventory.remove(out, out_of_date, former)
    kept = {name: digest for name, digest in former.items() if name not in out_of_date}
    held = inventory.inventory(results["study"], kept | present)
    return [*written, _write(out / inventory.LIST, held)]


def _in_figures(files: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    return {f"figures/{name}": content for name, content in files.items()}


def _checked(formats: Iterable[str]) -> set[str]:
    wanted = set(formats)
    unknown = sorted(wanted - set(FORMATS))
    if unknown:
        raise ReportError(
            f"report formats: each must be a known one, got {unknown!r};"
            f" name only known ones (allowed: {', '.join(FORMATS)})"
        )
    return wanted


def _json(name: str, content: Document) -> str:
    try:
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        raise ReportError(
            f"{name}.json: every number must be finite, got NaN or infinity;"
            " store a missing number as null"
        ) from error


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        # mkstemp makes files for the owner alone; a report is there to be passed on.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:  # an interrupt too leaves no half-written file behind
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
