"""The commands that look after store and working folder: `sync`, `doctor`, `clean`, `ui`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ablations.cli.options import WORK_DIR, DataDir, TrackingUri, WorkDir
from ablations.cli.terminal import byte_text
from ablations.errors import counted

if TYPE_CHECKING:
    from ablations.cleaning import Remains

EXIT_PROBLEMS = 1


def sync(tracking_uri: TrackingUri = None, work_dir: WorkDir = WORK_DIR) -> None:
    """Bring finished runs that the store has missed into it.

    Example: ablations sync
    """
    from ablations.tracking.syncing import sync_outbox

    n = sync_outbox(work_dir, tracking_uri)
    typer.echo(f"{counted(n, 'run')} stored" if n else "nothing was waiting")


def doctor(
    tracking_uri: TrackingUri = None, work_dir: WorkDir = WORK_DIR, data_dir: DataDir = None
) -> None:
    """Check the store, the data, the devices and the working folder.

    Example: ablations doctor
    """
    from ablations.cli import checkup

    findings = checkup.findings(tracking_uri, work_dir, data_dir)
    for finding in findings:
        typer.echo(
            f"{'ok     ' if finding.is_ok else 'problem'}  {finding.subject}: {finding.text}"
        )
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(EXIT_PROBLEMS)


def clean(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Remove those too that a run could go on from.")
    ] = False,
    tracking_uri: TrackingUri = None,
    work_dir: WorkDir = WORK_DIR,
) -> None:
    """Remove what killed drivers and workers left behind, and end what they left RUNNING.

    Keeps finished runs, runs that wait for the store, and checkpoints of runs that have not ended.

    Example: ablations clean --dry-run
    """
    from ablations import cleaning
    from ablations.tracking.locks import driver_lock
    from ablations.tracking.store import MlflowStore, exists
    from ablations.tracking.store import tracking_uri as resolved_uri

    uri = resolved_uri(tracking_uri)
    if not work_dir.exists() and not exists(uri):
        typer.echo("nothing was left behind")
        return
    with driver_lock(work_dir, uri, "`ablations clean`"):
        store = MlflowStore(uri) if exists(uri) else None
        remains = cleaning.find(work_dir, store)
        lines = _clean_lines(remains, dry_run=dry_run, checkpoints=checkpoints)
        if not dry_run:
            cleaning.remove(remains, store, checkpoints=checkpoints)
    typer.echo("\n".join(lines))


def _clean_lines(remains: Remains, *, dry_run: bool, checkpoints: bool) -> list[str]:
    """What was done, or would be: one line a kind of thing."""
    from ablations.cleaning import size

    def line(paths: Sequence[Path], noun: str, which: str, done: str) -> list[str]:
        what = f"{counted(len(paths), noun)}{which} ({byte_text(size(paths))})"
        return [f"{what} {done}"] if paths else []

    would = "would be " if dry_run else ""
    removed, ended = f"{would}removed", f"marked RUNNING {would or 'was '}ended"
    kept = "kept: run the study again, or remove them with --checkpoints"
    studies = [run.name for run in remains.open_runs if run.is_study]
    runs = [f"{run.name} of {run.study}" for run in remains.open_runs if not run.is_study]
    return [
        *line(remains.half_entries, "half-written outbox folder", "", removed),
        *line(remains.half_checkpoints, "half-written checkpoint", "", removed),
        *line(remains.old_checkpoints, "checkpoint", " of runs that are stored", removed),
        *line(
            remains.live_checkpoints,
            "checkpoint",
            " of runs that have not ended",
            removed if checkpoints else kept,
        ),
        *(f"study {name} {ended}" for name in studies),
        *(f"run {name} {ended}" for name in runs),
    ] or ["nothing was left behind"]


def ui(
    port: Annotated[int, typer.Option(help="Where the UI listens.", min=1, max=65535)] = 5000,
    tracking_uri: TrackingUri = None,
) -> None:
    """Open the MLflow UI on the store that studies use; Ctrl-C ends it.

    Example: ablations ui --port 5001
    """
    from ablations.tracking.store import serve_ui

    typer.echo(f"open http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning")
    typer.echo("in a study: Runs, then `Group by` -> tag `arm`")
    serve_ui(port, tracking_uri)
