"""The commands on one study: `plan`, `run`, `status`, `report`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from ablations.cli.options import (
    WORK_DIR,
    AsJson,
    DataDir,
    Device,
    Settings,
    StudyFile,
    TrackingUri,
    WorkDir,
    Workers,
)
from ablations.cli.terminal import console, print_json
from ablations.errors import SpecError, StudyNotFoundError, counted

if TYPE_CHECKING:
    from ablations.options import RunOptions
    from ablations.preparation import Prepared
    from ablations.progress import Observer, Told
    from ablations.spec import StudySpec
    from ablations.tracking.tracker import Tracker

EXIT_SOME_FAILED, EXIT_INTERRUPTED = 1, 130
FORMATS_HELP = (
    "With commas, of html, md, tex, csv, json (together: documents), and of png, svg, pdf for the "
    "figures, as wide as a text and as a column; or all."
)


def plan(  # noqa: PLR0913 (a command's options)
    study: StudyFile,
    *,
    settings: Settings = None,
    tracking_uri: TrackingUri = None,
    work_dir: WorkDir = WORK_DIR,
    data_dir: DataDir = None,
    device: Device = "auto",
    workers: Workers = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="List every run too, with its key and state.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time real steps of every arm: a second each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a study would train, and what is done already. Trains and stores nothing.

    Example: ablations plan studies/lenet-notes.yaml
    """
    from ablations.cli import listings
    from ablations.cli.resolution import looks_json, looks_text, resolution_json, resolution_text
    from ablations.options import RunOptions
    from ablations.record import KIND_TUNING

    options = RunOptions(
        tracking_uri=tracking_uri,
        work_dir=work_dir,
        data_dir=data_dir,
        device=device,
        workers=workers,
        study_file=study,
    )
    prepared, store = _planned(study, settings, options)
    plan, comparison = prepared.plan, prepared.comparison
    stored = store.stored_runs(plan.spec.endpoint.metric) if store else []
    trials = store.stored_runs(kind=KIND_TUNING) if store and plan.spec.tuning else []
    searches = prepared.search_states(trials)
    changes = store.changes(plan) if store else []
    past = store.past(prepared.plan_json) if store and plan.spec.looks else []
    states = prepared.states(stored, past)
    measured = prepared.measured(states) if measure else None
    estimate = prepared.estimate(stored, states, measured, trials)
    seen, looks = resolution_json(plan), looks_json(plan)
    if as_json:
        content = listings.plan_json(plan, states, comparison)
        content |= {"changes": changes, **listings.estimate_json(estimate, measured)}
        content |= {"resolution": seen, "looks": looks}
        content |= {"tuning": listings.searches_json(plan, searches)}
        print_json(content)
    else:
        listings.show_plan(plan, states, comparison, console())
        listings.show_searches(plan, searches, console())
        if runs:
            listings.show_runs(plan, states, console())
        listings.show_changes(changes, console())
        if looks:
            console().print(looks_text(looks), highlight=False)
        if text := resolution_text(seen, plan.spec.endpoint.margin):
            console().print(text, highlight=False)
        listings.show_estimate(estimate, measured, console())
        n_failed = sum(state == "failed" for state in states.values())
        if n_failed:
            typer.echo(f"{counted(n_failed, 'run')} failed: run --retry-failed trains them again")


def run(  # noqa: PLR0913 (a command's options)
    study: StudyFile,
    *,
    settings: Settings = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    workers: Workers = None,
    executor: Annotated[str | None, typer.Option(help="local or inline.")] = None,
    report: Annotated[bool, typer.Option(help="Build the report at the end.")] = True,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Train failed runs again.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train every run as a new attempt.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another driver that is at work here.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Train this arm alone; may be repeated.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Train these seeds alone: 0..2, or 0,3,7.")
    ] = None,
    stack: Annotated[
        int | None,
        typer.Option(help="Runs in one program; on a GPU up to 32, else 1.", min=1),
    ] = None,
    cuda_graphs: Annotated[
        bool, typer.Option("--cuda-graphs", help="Compile the step of stacks to CUDA graphs.")
    ] = False,
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
    from ablations.options import RunOptions

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
        wait=wait,
        only=tuple(only or ()),
        seeds=() if seeds is None else _seeds(seeds),
        stack=stack,
        cuda_graphs=cuda_graphs,
        checkpoint_seconds=checkpoint_seconds,
        study_file=study,
    )
    spec = _load(study, settings, options)
    n_failed = _run(spec, options, is_reported=report)
    if report:
        _report(spec.study, tracking_uri, work_dir, out, "documents")
    if n_failed:
        failures = counted(n_failed, "run")
        typer.echo(f"{failures} failed; --retry-failed trains again what failed", err=True)
        raise typer.Exit(EXIT_SOME_FAILED)


def _seeds(text: str) -> tuple[int, ...]:
    """The seeds of `0..2`, of `0,3,7`, or of both."""
    from ablations.seed_plan import MOST_SEEDS

    found: list[int] = []
    for part in text.split(","):
        first, dots, last = part.strip().partition("..")
        ends = [first, last] if dots else [first]
        if not all(end.isdecimal() for end in ends) or int(ends[-1]) < int(first):
            raise SpecError("--seeds", [f"must be like 0..2 or 0,3,7, got {text!r}"])
        if int(ends[-1]) - int(first) >= MOST_SEEDS:
            raise SpecError("--seeds", [f"must name at most {MOST_SEEDS} seeds, got {text!r}"])
        found += range(int(first), int(ends[-1]) + 1)
    return tuple(dict.fromkeys(found))


def _run(spec: StudySpec, options: RunOptions, *, is_reported: bool) -> int:
    """How many of the study's runs have failed, now or in an earlier call."""
    from ablations.hiring import hire

    try:
        with hire(spec, options) as crew:
            from ablations.cli.progress import display
            from ablations.runner import train_study

            with display(console()) as shown:
                observe = _preparing_report(shown.observe) if is_reported else shown.observe
                train_study(spec, options, observe, crew)
                return shown.pace.n_failed
    except KeyboardInterrupt:
        typer.echo(
            "stopped; finished runs are kept, and the same command goes on from here",
            err=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _preparing_report(observe: Observer) -> Observer:
    """The same, loading what a report needs while the first runs train: that takes seconds."""
    loading = Thread(target=import_module, args=("ablations.cli.reporting",), daemon=True)

    def observed(event: Told) -> None:
        from ablations.executors.base import Began

        if isinstance(event, Began) and loading.ident is None:
            loading.start()
        observe(event)

    return observed


def status(
    study: Annotated[str, typer.Argument(help="A study file, or a stored study's name.")],
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on showing it until its driver ends, or Ctrl-C.")
    ] = False,
    settings: Settings = None,
    tracking_uri: TrackingUri = None,
    work_dir: WorkDir = WORK_DIR,
    data_dir: DataDir = None,
    device: Device = "auto",
) -> None:
    """Show the state of every run of a study, what is being trained now, and what waits.

    Works beside a running study, from another terminal in the same folder.

    Example: ablations status studies/lenet-notes.yaml --watch
    """
    from ablations.cli import watching
    from ablations.options import RunOptions

    path = Path(study)
    options = RunOptions(
        tracking_uri=tracking_uri,
        work_dir=work_dir,
        data_dir=data_dir,
        device=device,
        study_file=path if path.is_file() else None,
    )
    if path.is_file():
        prepared, store = _planned(path, settings, options)
        view = watching.view_of_file(prepared, store, options)
    elif settings:
        raise SpecError("--set", [f"needs a study file, got the name {study!r}"])
    else:
        view = watching.view_of_name(study, options)
    watching.watch(view, console()) if watch else console().print(view.shown())


def report(
    study: Annotated[str, typer.Argument(help="A study file, or a stored study's name.")],
    out: Annotated[Path | None, typer.Option(help="The report's folder.")] = None,
    formats: Annotated[str, typer.Option(help=FORMATS_HELP)] = "documents",
    tracking_uri: TrackingUri = None,
    work_dir: WorkDir = WORK_DIR,
) -> None:
    """Build the report of a stored study again, or of what it has so far; trains nothing.

    Works beside a running study, from another terminal. A part is marked not final and gets no
    verdicts.

    Example: ablations report lenet-notes --formats html,pdf
    """
    path = Path(study)
    name = _load(path, None).study if path.is_file() else study
    try:
        _report(name, tracking_uri, work_dir, out, formats)
    except StudyNotFoundError as error:
        if path.is_file() or path.suffix not in (".yaml", ".yml"):
            raise
        raise SpecError(study, ["there is no such file here, and no stored study"]) from error


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
) -> tuple[Prepared, Tracker | None]:
    """The study, and its store if that is there: looking makes none."""
    from ablations.preparation import Prepared
    from ablations.tracking.store import exists, tracking_uri
    from ablations.tracking.tracker import Tracker

    prepared = Prepared(_load(study, settings, options), options)
    uri = tracking_uri(options.tracking_uri)
    tracker = Tracker(uri, options.work_dir, prepared.plan.former)
    if prepared.spec.tuning is not None:
        prepared.tuned_to(tracker.stored_tuning(prepared.spec.study))
    return prepared, tracker if exists(uri) else None


def _report(
    study: str, tracking_uri: str | None, work_dir: Path, out: Path | None, formats: str
) -> None:
    from ablations.cli.reporting import build_report

    build_report(study, tracking_uri, work_dir, out, formats, console())
