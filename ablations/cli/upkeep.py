"""The commands that look after the store and the working folder: `sync`, `doctor`, `ui`."""

from __future__ import annotations

from typing import Annotated

import typer

from ablations.cli.options import WORK_DIR, DataDir, TrackingUri, WorkDir
from ablations.errors import counted

EXIT_PROBLEMS = 1


def sync(tracking_uri: TrackingUri = None, work_dir: WorkDir = WORK_DIR) -> None:
    """Bring finished runs that the store has missed into it.

    Example: ablations sync
    """
    from ablations.tracking.tracker import sync_outbox

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
