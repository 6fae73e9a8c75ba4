"""The command line: parses, calls, prints. Every number and decision is made elsewhere.

Imports nothing heavy before a command needs it, so that `--help` is there at once.
"""

from __future__ import annotations

import signal
import sys
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ablations.cli import networks
from ablations.cli.terminal import AsJson, console, print_json
from ablations.errors import AblationsError, SpecError, counted

if TYPE_CHECKING:
    from ablations.preparation import Prepared, RunOptions
    from ablations.record import StoredRun
    from ablations.spec import StudySpec

EXIT_SOME_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


class _Group(TyperGroup):
    """Turns our errors into one message and the exit code the documentation names."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AblationsError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except ValueError as error:
            if not _is_ours(error):
                raise
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(EXIT_BAD_INPUT) from error


def _is_ours(error: Exception) -> bool:
    """Whether a package below raised it on purpose; their roots are loaded only if used."""
    roots = (("lenet_variants.errors", "VariantError"), ("reports.errors", "ReportError"))
    loaded = [getattr(sys.modules[home], name) for home, name in roots if home in sys.modules]
    return isinstance(error, tuple(loaded))


app = typer.Typer(
    cls=_Group,
    name="ablations",
    help="Architecture-ablation studies: paired seeds, tracked runs, a verdict for every contrast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Data sets: what there is, and getting one.", no_args_is_help=True)
app.add_typer(data_app, name="data")

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
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
WORK_DIR = Path(".ablations")


def main() -> None:
    """The console script. SIGTERM stops a study as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a signal handler's)
    raise KeyboardInterrupt


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("study.yaml"),
) -> None:
    """Write a commented study to start from.

    Example: ablations init my-study.yaml
    """
    if file.exists():
        raise SpecError(str(file), ["is there already; name another file"])
    template = resources.files("ablations").joinpath("templates/study.yaml")
    file.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    typer.echo(f"wrote {file}; run it with: ablations run {file}")


app.command()(networks.variants)
app.command()(networks.describe)
app.command("check-variant")(networks.check_variant)


@data_app.command("list")
def data_list() -> None:
    """List the data sets that can be named in a study.

    Example: ablations data list
    """
    from ablations.cli import listings

    listings.show_datasets(console())


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="A data set's name.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Get a data set and verify it, so that studies find it without a network.

    Example: ablations data fetch fashion-mnist
    """
    from ablations import data

    typer.echo(f"{name}: {data.fetch(name, data_dir=data_dir)}")


@app.command()
def plan(
    study: StudyFile,
    *,
    settings: Settings = None,
    tracking_uri: TrackingUri = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Show what a study would train, and what is done already. Trains and writes nothing.

    Example: ablations plan studies/lenet-notes.yaml
    """
    from ablations.cli import listings
    from ablations.preparation import RunOptions

    options = RunOptions(
        tracking_uri=tracking_uri, data_dir=data_dir, device=device, study_file=study
    )
    prepared, stored = _planned(study, settings, options)
    plan, comparison, states = prepared.plan, prepared.comparison, prepared.states(stored)
    seconds = prepared.estimated_seconds(stored)
    if as_json:
        print_json(listings.plan_json(plan, states, comparison, seconds))
    else:
        listings.show_plan(plan, states, comparison, console())
        listings.show_estimate(seconds, console())


@app.command()
def run(  # noqa: PLR0913 (a command's options)
    study: StudyFile,
    *,
    settings: Settings = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    workers: Annotated[
        int | None, typer.Option(help="Processes; one a core by default.", min=1)
    ] = None,
    executor: Annotated[str | None, typer.Option(help="local or inline.")] = None,
    report: Annotated[bool, typer.Option(help="Build the report at the end.")] = True,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Train failed runs again.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train every run as a new attempt.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Train this arm alone; may be repeated.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Train these seeds alone: 0..2, or 0,3,7.")
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(help="The least time between two checkpoints of a run.", min=0)
    ] = 10.0,
    out: Annotated[Path | None, typer.Option(help="The report's folder.")] = None,
    tracking_uri: TrackingUri = None,
    work_dir: WorkDir = WORK_DIR,
) -> None:
    """Train what the study lacks, track it in MLflow, and write the report.

    Run it again and nothing is trained twice; add seeds or levels and only those are.

    Example: ablations run studies/quick.yaml --set seeds=3
    """
    from ablations.preparation import RunOptions

    if executor not in (None, "local", "inline"):
        raise SpecError("--executor", [f"must be local or inline, got {executor!r}"])
    options = RunOptions(
        tracking_uri=tracking_uri,
        work_dir=work_dir,
        data_dir=data_dir,
        device=device,
        workers=workers,
        executor=executor,  # type: ignore[arg-type]  # checked above
        retry_failed=retry_failed,
        fresh=fresh,
        only=tuple(only or ()),
        seeds=_seeds(seeds) if seeds else (),
        checkpoint_seconds=checkpoint_seconds,
        study_file=study,
    )
    spec = _load(study, settings, options)
    n_failed = _run(spec, options, study)
    if report:
        _report(spec.study, tracking_uri, work_dir, out, "all")
    if n_failed:
        failures = counted(n_failed, "run")
        typer.echo(f"{failures} failed; --retry-failed trains again what failed", err=True)
        raise typer.Exit(EXIT_SOME_FAILED)


def _seeds(text: str) -> tuple[int, ...]:
    """The seeds of `0..2`, of `0,3,7`, or of both."""
    found: list[int] = []
    for part in text.split(","):
        first, dots, last = part.strip().partition("..")
        ends = [first, last] if dots else [first]
        if not all(end.isdecimal() for end in ends) or int(ends[-1]) < int(first):
            raise SpecError("--seeds", [f"must be like 0..2 or 0,3,7, got {text!r}"])
        found += range(int(first), int(ends[-1]) + 1)
    return tuple(dict.fromkeys(found))


def _run(spec: StudySpec, options: RunOptions, study: Path) -> int:
    """How many of the study's runs have failed, now or in an earlier call."""
    from ablations.cli.progress import display
    from ablations.runner import run_study

    try:
        with display(console()) as shown:
            run_study(spec, options, shown.observe)
            return shown.pace.n_failed
    except KeyboardInterrupt:
        typer.echo(
            f"stopped; finished runs are kept, and `ablations run {study}` goes on from here",
            err=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None


@app.command()
def status(
    study: StudyFile,
    settings: Settings = None,
    tracking_uri: TrackingUri = None,
    work_dir: WorkDir = WORK_DIR,
    data_dir: DataDir = None,
    device: Device = "auto",
) -> None:
    """Show the state of every run of a study, and what waits for the store.

    Example: ablations status studies/lenet-notes.yaml
    """
    from ablations.cli import listings
    from ablations.preparation import RunOptions
    from ablations.tracking.outbox import Outbox

    options = RunOptions(
        tracking_uri=tracking_uri, data_dir=data_dir, device=device, study_file=study
    )
    prepared, stored = _planned(study, settings, options)
    states = prepared.states(stored)
    n_waiting = sum(1 for _ in Outbox(work_dir).entries())
    listings.show_status(prepared.plan, states, n_waiting, console())


@app.command()
def report(
    study: Annotated[str, typer.Argument(help="A study file, or a stored study's name.")],
    out: Annotated[Path | None, typer.Option(help="The report's folder.")] = None,
    formats: Annotated[str, typer.Option(help="Of html, md, csv, json, with commas.")] = "all",
    tracking_uri: TrackingUri = None,
    work_dir: WorkDir = WORK_DIR,
) -> None:
    """Build the report of a stored study again; trains nothing.

    Example: ablations report lenet-notes --formats html,json
    """
    name = _load(Path(study), None).study if Path(study).is_file() else study
    _report(name, tracking_uri, work_dir, out, formats)


@app.command()
def sync(tracking_uri: TrackingUri = None, work_dir: WorkDir = WORK_DIR) -> None:
    """Bring finished runs that the store has missed into it.

    Example: ablations sync
    """
    from ablations.tracking.tracker import sync_outbox

    n = sync_outbox(work_dir, tracking_uri)
    typer.echo(f"{counted(n, 'run')} stored" if n else "nothing was waiting")


@app.command()
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
        raise typer.Exit(EXIT_SOME_FAILED)


@app.command()
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


def _load(path: Path, settings: list[str] | None, options: RunOptions | None = None) -> StudySpec:
    """The study, its plug-ins registered first: their variants may be named in it."""
    from ablations.study_file import load_study, plugin_sources

    sources = plugin_sources(path)
    if sources:
        from lenet_variants.registry import load_plugin

        for source in sources:
            load_plugin(source)

    def found(spec: StudySpec) -> tuple[str, ...]:
        from ablations.preparation import misfits

        return misfits(spec, options) if options else ()

    return load_study(path, settings or (), found)


def _planned(
    study: Path, settings: list[str] | None, options: RunOptions
) -> tuple[Prepared, list[StoredRun]]:
    from ablations.preparation import Prepared
    from ablations.tracking.store import MlflowStore, exists, tracking_uri

    prepared = Prepared(_load(study, settings, options), options)
    uri = tracking_uri(options.tracking_uri)
    stored = MlflowStore(uri).stored_runs() if exists(uri) else []
    return prepared, stored


def _report(
    study: str, tracking_uri: str | None, work_dir: Path, out: Path | None, formats: str
) -> None:
    from ablations.cli.reporting import build_report

    build_report(study, tracking_uri, work_dir, out, formats, console())
