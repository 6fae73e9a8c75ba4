"""Building a report: collect, analyse, write, log to MLflow, and sum up in the terminal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations import faults
from ablations.claims import CONTRAST_SIGN
from ablations.errors import SpecError, StoreError, counted
from ablations.history import shown_name
from ablations.tracking.store import tracking_uri as resolved_uri
from ablations.tracking.tracker import Tracker
from reports.analysis import analyse
from reports.collect import StudyTables, collect_study
from reports.costs import costs
from reports.errors import ReportError
from reports.figures.tables import arm_label
from reports.provenance import provenance
from reports.render import DOCUMENTS, FORMATS, markdown, write_report
from reports.table import is_fraction

FOLDER = Path("ablation-reports")
NOTE_CHARACTERS = 7900  # MLflow cuts a tag at 8000, in the middle of a table
CLAIM_COLOURS = {"supported": "blue", "refuted": "red"}
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

    Raises:
        SpecError: A format is unknown.
        ReportError: The folder cannot be written to.
        StudyNotFoundError: The store has no study of that name.
        StoreError: The store cannot be read; or not be written, and then the report is in its
            folder all the same.
    """
    wanted = _formats(formats)
    uri = resolved_uri(tracking_uri)
    tables = collect_study(study, uri)
    results = analyse(
        tables.runs,
        tables.plan,
        examples=tables.examples,
        curves=tables.curves,
        predictions=tables.predictions,
        tuning=tables.tuning,
        filters=tables.filters,
    ).to_dict()
    folder = out or FOLDER / slug(study)
    spent = costs(tables.runs, tables.plan)
    try:
        written = write_report(folder, results, spent, provenance(tables), wanted)
    except OSError as error:
        raise ReportError(
            f"report folder {folder}: expected to be written to, got: {error.strerror or error}; "
            "make room, give it rights, or name another with --out"
        ) from error
    faults.reach("report_written")
    is_stored = _store(
        Tracker(uri, work_dir),
        tables,
        results,
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in written},
        note=note(markdown(results, spent)),
        folder=folder,
    )
    _say(results, tables, folder, written, console)
    if not is_stored:
        console.print(
            "[yellow]not stored in MLflow: a driver of this study has ended since, so there may be "
            "more to report; build it again[/yellow]"
        )
    return folder


def _formats(text: str) -> tuple[str, ...]:
    """Looked at before anything is read: a large study takes a minute."""
    groups = {"all": FORMATS, "documents": DOCUMENTS}
    wanted = groups.get(text) or tuple(part.strip() for part in text.split(","))
    if unknown := sorted(set(wanted) - set(FORMATS)):
        allowed = ", ".join(FORMATS)
        raise SpecError(
            "--formats", [f"must be all, documents, or some of {allowed}; got {unknown}"]
        )
    return wanted


def _store(
    tracker: Tracker,
    tables: StudyTables,
    results: Mapping[str, Any],
    files: Mapping[str, bytes],
    *,
    note: str,
    folder: Path,
) -> bool:
    try:
        return tracker.store_report(
            tables.plan_json,
            files,
            note=note,
            shown=shown_seeds(results) if any(arm["values"] for arm in results["arms"]) else None,
            ended_ms=tables.ended_ms,
        )
    except StoreError as error:
        raise StoreError(f"{error}; the report is in {folder} all the same") from error


def note(text: str) -> str:
    """A Markdown report as an MLflow description: whole sections, as many as fit."""
    if len(text) <= NOTE_CHARACTERS:
        return text
    parts = re.split(r"(?m)^(?=## )", text)
    while len(parts) > 1 and sum(map(len, parts)) > NOTE_CHARACTERS:
        parts.pop()
    return "".join(parts)[:NOTE_CHARACTERS] + "The rest is among the artifacts, in `report`.\n"


def slug(name: str) -> str:
    """A file name for free text: what is safe of it, and 8 hex digits that tell it from others."""
    safe = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "study"
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def shown_seeds(results: Mapping[str, Any]) -> dict[str, list[int]]:
    """By contrast with a planned verdict in this report, a claim's too: the seeds behind it.

    At a look those of lost runs too: the look was at all of them.
    """
    values = {(arm["name"], arm["comparison"]): arm["values"] for arm in results["arms"]}
    shown: dict[str, set[int]] = {}

    def show(name: str, arm: str, control: str, comparison: str, lost: Sequence[int] = ()) -> None:
        pairs = set(values[arm, comparison]) & set(values[control, comparison])
        own = shown_name(name, comparison)
        shown.setdefault(own, {int(seed) for seed in pairs} | set(lost))

    for item in results["contrasts"]:
        if item["verdict"] and "extended_after_results" not in item["flags"]:
            lost = item["missing_pairs"] if item["method"] == "sequential" else ()
            show(item["name"], item["arm"], item["control"], item["comparison"], lost)
    for claim in results["claims"]:
        own = claim["numbers"]
        if own.get("judged") and own["method"] != "anytime":
            arm, _, control = own["contrast"].partition(CONTRAST_SIGN)
            show(own["contrast"], arm, control, own["comparison"])
    return {name: sorted(seeds) for name, seeds in shown.items()}


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
    if not results["final"]:
        console.print(
            "[yellow]not final: planned runs are missing, so there are no verdicts[/yellow]"
        )
    planned = {contrast.name for contrast in tables.plan.contrasts}
    compares = results["contrasts"]
    console.print(_contrast_table(results, planned) if compares else _arm_table(results))
    for claim in results["claims"]:
        verdict = claim["verdict"] or "no verdict"
        colour = CLAIM_COLOURS.get(verdict, "yellow")
        text = f"[{colour}]{verdict}[/{colour}]  claim: {escape(claim['text'])}"
        console.print(text, highlight=False)
    for deviation in tables.plan.deviations:
        console.print(f"[yellow]deviation[/yellow]  {escape(deviation.text)}", highlight=False)
    for note in results["refusals"]:
        console.print(f"[yellow]refused[/yellow]  {escape(note['text'])}", highlight=False)
    n_notes = len(results["warnings"])
    if n_notes:
        notes = f"{counted(n_notes, 'note')} on how far this carries"
        console.print(f"{notes}: see the report", highlight=False)
    page = next((path for path in written if path.suffix == ".html"), folder)
    where = f"#/experiments/{tables.experiment_id}/runs?workflowType=machine_learning"
    for name, text in (
        ("report", str(page)),
        ("MLflow UI", f"ablations ui, then http://127.0.0.1:5000/{where}"),
    ):
        console.print(f"{name:<10} {escape(text)}", soft_wrap=True, highlight=False)


def _contrast_table(results: Mapping[str, Any], planned: Collection[str]) -> Table:
    metric = results["endpoint"]["metric"]
    factor, unit = (100, "points") if is_fraction(metric) else (1, "")
    controls = {item["control"] for item in results["contrasts"] if item["name"] in planned}
    minus = controls.pop() if len(controls) == 1 else "its control"
    table = Table(box=None)
    table.add_column("verdict", no_wrap=True)
    table.add_column(f"{metric}, minus {escape(minus)}", overflow="fold")
    for name in (f"difference {unit}".strip(), "simultaneous interval", "pairs"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in results["contrasts"]:
        verdict = item["verdict"] or "no verdict"
        colour = COLOURS.get(verdict.partition("-")[0], "yellow")
        table.add_row(
            f"[{colour}]{verdict}[/{colour}]",
            escape(_compared(item, planned)),
            _signed(item["estimate"], factor),
            " to ".join(_signed(bound, factor) for bound in item["ci_adjusted"] or ()),
            str(item["n_pairs"]),
        )
    return table


def _compared(contrast: Mapping[str, Any], planned: Collection[str]) -> str:
    """The arm; of a claim's contrast beside another arm than its control, both."""
    if contrast["name"] in planned:
        return arm_label(contrast["arm"], contrast["comparison"])
    return CONTRAST_SIGN.join(
        arm_label(contrast[side], contrast["comparison"]) for side in ("arm", "control")
    )


def _arm_table(results: Mapping[str, Any]) -> Table:
    """A study that compares nothing describes its arms."""
    table = Table("arm", box=None)
    for name in (f"{results['endpoint']['metric']}, mean", "95 % interval", "runs"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in results["arms"]:
        table.add_row(
            escape(arm["name"]),
            _plain(arm["mean"]),
            " to ".join(_plain(bound) for bound in arm["ci"] or ()),
            str(arm["n_finished"]),
        )
    return table


def _plain(number: float | None) -> str:
    return "-" if number is None else f"{number:.4f}"


def _signed(number: float | None, factor: int) -> str:
    return "-" if number is None else f"{number * factor:+.2f}" if factor > 1 else f"{number:+.4g}"
