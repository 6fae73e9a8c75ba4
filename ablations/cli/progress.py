"""What a person sees while a study runs: live bars in a terminal, plain lines elsewhere.

An observer of the runner's events; called by the command line only.
"""

from __future__ import annotations

import time
from collections import defaultdict
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from ablations.cli.terminal import duration, warning_line
from ablations.executors.base import Began, Ended, EpochEnded, Event
from ablations.jobs import Job
from ablations.record import RunState
from ablations.runner import Planned, Waiting

SHORT_SECONDS = 10.0  # below which a tenth tells runs apart


class Display(Protocol):
    """Something that shows the runner's events."""

    pace: Pace

    def __enter__(self) -> Display: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def observe(self, event: Event | Planned | Waiting) -> None:
        """Take in one event."""


def display(console: Console) -> Display:
    """Live bars for a terminal, plain lines for a file or a pipe."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


class Pace:
    """How fast runs go, and how long the rest will take."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.jobs: tuple[Job, ...] = ()
        self.n_workers = 1
        self.n_ended = self.n_failed = self.n_images = 0
        self._epochs_left: dict[str, int] = {}
        self._arm_of: dict[str, str] = {}
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def take(self, event: Event | Planned | Waiting) -> None:
        """Count one event."""
        if isinstance(event, Planned):
            self.started = time.monotonic()
            self.jobs, self.n_workers = event.jobs, max(1, event.n_workers)
            self.n_failed = n_failed_before(event)
            for job in event.jobs:
                self._epochs_left[job.run.run_key] = 0 if job.weights else job.run.recipe.epochs
                self._arm_of[job.run.run_key] = job.run.arm
        elif isinstance(event, EpochEnded):
            self.n_images += event.epoch.n_images
            self._seconds[event.job.run.arm].append(event.epoch.seconds)
            self._epochs_left[event.job.run.run_key] -= 1
        elif isinstance(event, Ended):
            self.n_ended += 1
            self._epochs_left.pop(event.outcome.job.run.run_key, None)
            self.n_failed += has_failed(event)

    @property
    def images_per_second(self) -> float:
        """Trained images a second over the whole study so far."""
        return self.n_images / max(1e-9, time.monotonic() - self.started)

    @property
    def seconds_left(self) -> float | None:
        """From the epochs measured so far; None before the first."""
        everything = [second for seconds in self._seconds.values() for second in seconds]
        if not everything:
            return None
        usual = sum(everything) / len(everything)
        total = 0.0
        for key, epochs in self._epochs_left.items():
            own = self._seconds.get(self._arm_of[key])
            total += epochs * (sum(own) / len(own) if own else usual)
        return total / self.n_workers

    def left_text(self) -> str:
        """`3 min 20 s left`."""
        seconds = self.seconds_left
        return "" if seconds is None else f"{duration(seconds)} left"


def n_failed_before(event: Planned) -> int:
    """Runs that failed in an earlier call and are not trained again in this one."""
    again = {job.run.run_key for job in event.jobs}
    return sum(state == "failed" and key not in again for key, state in event.states.items())


def has_failed(event: Ended) -> bool:
    """Whether the run ended without an outcome, or the probing of a stored one failed."""
    record = event.outcome.record
    return not record.state.is_outcome if record else bool(event.outcome.message)


def run_line(event: Ended) -> str:
    """One line on a run that has ended, in rich markup."""
    outcome = event.outcome
    name = escape(f"{outcome.job.run.arm} s{outcome.job.run.seed}")
    record = outcome.record
    if record is None:
        probed = f"{name}  probed" if outcome.measurements else name
        return f"{probed}  [red]{escape(outcome.message)}[/red]" if outcome.message else probed
    if record.state is not RunState.FINISHED:
        colour = "yellow" if record.state.is_outcome else "red"
        return f"{name}  [{colour}]{record.state}[/{colour}] {escape(record.message)}"
    accuracy, seconds = record.metrics["test/accuracy"], record.metrics["cost/train_seconds"]
    took = duration(seconds) if seconds > SHORT_SECONDS else f"{seconds:.1f} s"
    trouble = f"  [yellow]{escape(record.message)}[/yellow]" if record.message else ""
    return f"{name}  test accuracy {accuracy:.4f}  {took}{trouble}"


class PlainDisplay:
    """One line a finished run."""

    def __init__(self, console: Console) -> None:
        self.console, self.pace = console, Pace()

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def observe(self, event: Event | Planned | Waiting) -> None:
        """Take in one event."""
        self.pace.take(event)
        if isinstance(event, Planned):
            for line in planned_lines(event):
                self.console.print(line, soft_wrap=True, highlight=False)
        elif isinstance(event, Waiting):
            self.console.print(escape(event.text), soft_wrap=True, highlight=False)
        elif isinstance(event, Ended):
            pace = self.pace
            tail = f"  {pace.images_per_second:,.0f} images/s  {pace.left_text()}".rstrip()
            line = f"[{pace.n_ended}/{len(pace.jobs)}] "
            self.console.print(
                escape(line) + run_line(event) + tail, soft_wrap=True, highlight=False
            )


def planned_lines(event: Planned) -> list[str]:
    """What is done already and what follows, then every warning, in rich markup."""
    plan, n = event.plan, len(event.plan.runs)
    kept = n - sum(1 for job in event.jobs if job.weights is None)
    n_probed = sum(1 for job in event.jobs if job.weights is not None)
    parts = [f"{len(plan.arms)} arms x {len(plan.spec.seeds)} seeds = {n} runs"]
    parts += [f"{kept} kept as they are"] if kept else []
    parts += [f"{n - kept} to train"] if n > kept else ["nothing to train"]
    parts += [f"{n_probed} to probe"] if n_probed else []
    head = f"{escape(plan.spec.study)}: {', '.join(parts)}"
    return [head, *map(warning_line, event.warnings)]


class LiveDisplay:
    """One bar for the study and one a worker; finished runs scroll above them."""

    def __init__(self, console: Console) -> None:
        self.pace = Pace()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
        )
        self.overall: TaskID | None = None
        self.bars: list[TaskID] = []

    def __enter__(self) -> LiveDisplay:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def observe(self, event: Event | Planned | Waiting) -> None:
        """Take in one event."""
        self.pace.take(event)
        if isinstance(event, Waiting):
            self.progress.console.print(escape(event.text), highlight=False)
        elif isinstance(event, Planned):
            self._open(event)
        elif isinstance(event, Began):
            self._began(event)
        elif isinstance(event, EpochEnded):
            rate = event.epoch.n_images / event.epoch.seconds
            self.progress.update(self.bars[event.worker], advance=1, note=f"{rate:,.0f} images/s")
        else:
            self.progress.console.print("  " + run_line(event), highlight=False)
        self._show_overall()

    def _open(self, event: Planned) -> None:
        for line in planned_lines(event):
            self.progress.console.print(line, highlight=False)
        if event.jobs:
            self.overall = self.progress.add_task(
                "[bold]study[/bold]", total=len(event.jobs), note=""
            )
            self.bars = [
                self.progress.add_task("starting", total=None, note="")
                for _ in range(event.n_workers)
            ]

    def _began(self, event: Began) -> None:
        run = event.job.run
        self.progress.reset(
            self.bars[event.worker],
            total=1 if event.job.weights else run.recipe.epochs,
            description=escape(f"{run.arm} s{run.seed}"),
            note="",
        )

    def _show_overall(self) -> None:
        if self.overall is None:
            return
        pace = self.pace
        failures = f"  [red]{pace.n_failed} failed[/red]" if pace.n_failed else ""
        note = f"{pace.images_per_second:,.0f} images/s  {pace.left_text()}{failures}"
        self.progress.update(self.overall, completed=pace.n_ended, note=note)
