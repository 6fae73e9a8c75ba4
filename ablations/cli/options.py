"""The options that several commands have, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(help="A study file.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="path.to.key=value, in place of the file's own.")
]
TrackingUri = Annotated[
    str | None,
    typer.Option(help="MLflow store; else MLFLOW_TRACKING_URI, else mlflow.db in this folder."),
]
WorkDir = Annotated[Path, typer.Option(help="Where the outbox and the lock are.")]
DataDir = Annotated[Path | None, typer.Option(help="Where data sets are looked for first.")]
Workers = Annotated[int | None, typer.Option(help="Processes; one a core by default.", min=1)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
WORK_DIR = Path(".ablations")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with a stable shape.")]
