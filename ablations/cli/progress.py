"""What a person sees while a study runs: live bars in a terminal, plain lines elsewhere.

An observer of the runner's events; called by the command line only.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from ablations.cli.listings import size_text
from ablations.cli.terminal import change_line, duration, warning_line
from ablations.errors import counted
from ablations.executors.base import Began, Ended, EpochEnded
from ablations.progress import Continued, Pace, Planned, Searching, Told, Waiting
from ablations.record import RunState
from ablations.trials import asked

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

    def observe(self, event: Told) -> None:
        """Take in one event."""


def display(console: Console) -> Display:
    """Live bars for a terminal, plain lines for a file or a pipe."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


def left_text(pace: Pace) -> str:
    """`3 min 20 s left`."""
    seconds = pace.seconds_left
    return "" if seconds is None else f"{duration(seconds)} left{pace.until}"


def run_line(event: Ended) -> str:
    """One line on a run that has ended, in rich markup."""
    outcome = event.outcome
    name = escape(outcome.job.run.name)
    record = outcome.record
    if record is None:
        probed = f"{name}  probed" if outcome.measurements else name
        return f"{probed}  [red]{escape(outcome.message)}[/red]" if outcome.message else probed
    if record.state is not RunState.FINISHED:
        colour = "yellow" if record.state.is_outcome else "red"
        return f"{name}  [{colour}]{record.state}[/{colour}] {escape(record.message)}"
    split = "test" if outcome.job.run.trial is None else "validation"
    accuracy, seconds = record.metrics[f"{split}/accuracy"], record.metrics["cost/train_seconds"]
    took = duration(seconds) if seconds > SHORT_SECONDS else f"{seconds:.1f} s"
    trouble = f"  [yellow]{escape(record.message)}[/yellow]" if record.message else ""
    return f"{name}  {split} accuracy {accuracy:.4f}  {took}{trouble}"


def searching_line(event: Searching) -> str:
    """What is searched, before the first round, in rich markup."""
    spec = event.plan.spec
    tuning = asked(spec)
    keys = ", ".join(tuning.space)
    n_arms = event.n_trials // tuning.n_trials
    head = (
        f"{spec.study}: {counted(n_arms, 'arm')} x {counted(tuning.n_trials, 'trial')} to tune "
        f"{keys} ({tuning.sampler}), {event.n_ended} ended before"
    )
    return escape(head)


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

    def observe(self, event: Told) -> None:
        """Take in one event."""
        was_searching = self.pace.is_searching
        self.pace.take(event)
        if isinstance(event, Planned):
            for line in planned_lines(event):
                self.console.print(line, soft_wrap=True, highlight=False)
        elif isinstance(event, Searching) and not was_searching:
            self.console.print(searching_line(event), soft_wrap=True, highlight=False)
        elif isinstance(event, Continued):
            self.console.print(continued_line(event), soft_wrap=True, highlight=False)
        elif isinstance(event, Waiting):
            self.console.print(escape(event.text), soft_wrap=True, highlight=False)
        elif isinstance(event, Ended):
            pace = self.pace
            tail = f"  {pace.images_per_second:,.0f} images/s  {left_text(pace)}".rstrip()
            line = f"[{pace.n_ended}/{pace.n_jobs}] "
            self.console.print(
                escape(line) + run_line(event) + tail, soft_wrap=True, highlight=False
            )


def planned_lines(event: Planned) -> list[str]:
    """What is done already and what follows, changes of the plan, warnings, in rich markup."""
    plan = event.plan
    trained = {job.run.run_key for job in event.jobs if job.weights is None}
    rest = [state for key, state in event.states.items() if key not in trained]
    left, spared = sum(state in ("new", "elsewhere") for state in rest), rest.count("spared")
    kept = len(rest) - left - spared
    n_probed = sum(1 for job in event.jobs if job.weights is not None)
    looks = plan.spec.looks
    parts = [size_text(plan)]
    parts += [f"{kept} kept as they are"] if kept else []
    parts += [f"{len(trained)} to train"] if trained else ["nothing to train"]
    parts += [f"{spared} spared"] if spared else []
    later = "up to {} later, as looks decide" if looks else "{} left for another call"
    parts += [later.format(left)] if left else []
    parts += [f"{n_probed} to probe"] if n_probed else []
    head = f"{escape(plan.spec.study)}: {', '.join(parts)}"
    return [head, *map(change_line, event.changes), *map(warning_line, event.warnings)]


def continued_line(event: Continued) -> str:
    """Which arms are decided, and what is trained for the others, in rich markup."""
    left = f"decided: {', '.join(map(escape, event.left))}; " if event.left else ""
    going = ", ".join(dict.fromkeys(escape(job.run.arm) for job in event.jobs))
    return f"{left}{counted(len(event.jobs), 'run')} more, to {event.up_to} seeds: {going}"


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

    def observe(self, event: Told) -> None:
        """Take in one event."""
        was_searching = self.pace.is_searching
        self.pace.take(event)
        if isinstance(event, Waiting):
            self.progress.console.print(escape(event.text), highlight=False)
        elif isinstance(event, Searching):
            self._open([] if was_searching else [searching_line(event)], "tuning", event.n_workers)
        elif isinstance(event, Planned):
            n_workers = event.n_workers if event.jobs else 0
            self._open(planned_lines(event), "study", n_workers)
        elif isinstance(event, Continued):
            self._open([continued_line(event)], "study", event.n_workers)
        elif isinstance(event, Began):
            self._began(event)
        elif isinstance(event, EpochEnded):
            rate = event.epoch.n_images / event.epoch.seconds
            self.progress.update(
                self.bars[event.worker],
                completed=event.epoch.number,
                note=f"{rate:,.0f} images/s",
            )
        else:
            self.progress.console.print("  " + run_line(event), highlight=False)
        self._show_overall()

    def _open(self, lines: Sequence[str], title: str, n_workers: int) -> None:
        for line in lines:
            self.progress.console.print(line, highlight=False)
        if n_workers and self.overall is None:
            self.overall = self.progress.add_task("", total=None, note="")
        while len(self.bars) < n_workers:
            self.bars.append(self.progress.add_task("starting", total=None, note=""))
        if self.overall is not None:
            self.progress.update(
                self.overall, description=f"[bold]{title}[/bold]", total=self.pace.n_jobs
            )

    def _began(self, event: Began) -> None:
        run = event.job.run
        more = f" and {event.n_beside} more" if event.n_beside else ""
        self.progress.reset(
            self.bars[event.worker],
            total=1 if event.job.weights else run.recipe.epochs,
            description=escape(f"{run.name}{more}"),
            note="",
        )

    def _show_overall(self) -> None:
        if self.overall is None:
            return
        pace = self.pace
        failures = f"  [red]{pace.n_failed} failed[/red]" if pace.n_failed else ""
        note = f"{pace.images_per_second:,.0f} images/s  {left_text(pace)}{failures}"
        self.progress.update(self.overall, completed=pace.n_ended, note=note)
