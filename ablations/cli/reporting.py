"""Building a report: collect, analyse, write, log to MLflow, and sum up in the terminal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ablations.tracking.store import tracking_uri as resolved_uri
from ablations.tracking.tracker import Tracker
from reports.analysis import analyse
from reports.collect import StudyTables, collect_study
from reports.costs import costs
from reports.provenance import provenance
from reports.render import FORMATS, markdown, write_report

FOLDER = Path("ablation-reports")
COLOURS = {"better": "green", "worse": "red", "equivalent": "blue"}


def build_report(
    study: str,
    tracking_uri: str | None,
    work_dir: Path,
    out: Path | None,
    formats: str,
    console: Console,
) -> Path:
    """Write the report of a stored study and log it on its parent run.

    Returns:
        The report's folder.
    """
    uri = resolved_uri(tracking_uri)
    tables = collect_study(study, uri)
    results = analyse(
        tables.runs, tables.plan, examples=tables.examples, curves=tables.curves
    ).to_dict()
    folder = out or FOLDER / slug(study)
    wanted = FORMATS if formats == "all" else tuple(formats.split(","))
    spent = costs(tables.runs, tables.plan)
    written = write_report(folder, results, spent, provenance(tables), wanted)
    tracker = Tracker(uri, work_dir)
    tracker.store_report(
        tables.plan_json,
        {path.name: path.read_bytes() for path in written},
        note=markdown(results, spent),
        shown=shown_seeds(results),
    )
    _say(results, tables, folder, written, console)
    return folder


def slug(name: str) -> str:
    """A file name for free text: what is safe of it, and 8 hex digits that tell it from others."""
    safe = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "study"
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def shown_seeds(results: Mapping[str, Any]) -> dict[str, list[int]]:
    """By contrast with a planned verdict in this report: the seeds behind it."""
    values = {
        arm["name"]: arm["values"] for arm in results["arms"] if arm["comparison"] == "shared"
    }
    return {
        item["name"]: sorted(
            int(seed) for seed in set(values[item["arm"]]) & set(values[item["control"]])
        )
        for item in results["contrasts"]
        if item["verdict"] and "extended_after_results" not in item["flags"]
    }


def _say(
    results: Mapping[str, Any],
    tables: StudyTables,
    folder: Path,
    written: list[Path],
    console: Console,
) -> None:
    console.print()
    if results["question"]:
        console.print(f"[bold]{escape(results['question'])}[/bold]")
    for item in results["contrasts"]:
        verdict = item["verdict"] or "no verdict"
        colour = COLOURS.get(verdict.partition("-")[0], "yellow")
        console.print(
            f"  [{colour}]{verdict:>10}[/{colour}]  {escape(item['sentence'])}", highlight=False
        )
    for note in (*results["warnings"], *results["refusals"]):
        console.print(f"  [yellow]note[/yellow]  {escape(note['text'])}", highlight=False)
    page = next((path for path in written if path.suffix == ".html"), folder)
    console.print(f"\nreport     {page}", soft_wrap=True, highlight=False)
    console.print(
        "MLflow UI  ablations ui, then "
        f"http://127.0.0.1:5000/#/experiments/{tables.experiment_id}/runs?workflowType=machine_learning",
        soft_wrap=True,
        highlight=False,
    )
