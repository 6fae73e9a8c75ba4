"""The one path from a study to stored runs: data, plan, what is missing, training, tracking.

The command line and `run_study` come through here, whatever the executor. Builds no report.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from ablations import data, devices
from ablations.arms import Arm, DataFacts
from ablations.checkpoints import SECONDS, Checkpoint, Checkpoints
from ablations.differences import Comparison, compare
from ablations.errors import DataError, SpecError
from ablations.estimates import estimated_seconds
from ablations.executors.base import Began, Ended, Event, Executor
from ablations.executors.inline import InlineExecutor
from ablations.executors.local import LocalExecutor
from ablations.jobs import Job, Worker, data_key, environment_of
from ablations.plan import Plan, RunSpec, make_plan, newest, run_states
from ablations.probes import PROBES, probe_key
from ablations.record import RunRecord, RunState, StoredRun
from ablations.spec import DataSpec, StudySpec
from ablations.study_file import plugin_source
from ablations.tracking.store import tracking_uri
from ablations.tracking.tracker import DEFAULT_WORK_DIR, Tracker, driver_lock
from lenet_variants import measure


@dataclass(frozen=True)
class RunOptions:
    """How a study is run; nothing here changes a number but the device.

    Attributes:
        tracking_uri: The MLflow store; see `ablations.tracking.store.tracking_uri`.
        work_dir: Where the outbox, the checkpoints and the lock are.
        data_dir: Where data sets are looked for first.
        device: `auto`, `cpu`, `cuda` or `mps`.
        workers: Worker processes; None means one a core.
        executor: None means `local` on a CPU, else `inline`.
        retry_failed: Train runs again that failed (out of memory, an exception, a killed worker).
        fresh: Train every planned run again, as a new attempt.
        checkpoint_seconds: The least time between two checkpoints of a run.
        study_file: Where the study was read from: its plug-ins lie beside it, and what is wrong
            with it is told under its name. Without one, plug-ins lie in the current folder.
    """

    tracking_uri: str | None = None
    work_dir: Path = DEFAULT_WORK_DIR
    data_dir: Path | None = None
    device: str = "auto"
    workers: int | None = None
    executor: Literal["local", "inline"] | None = None
    retry_failed: bool = False
    fresh: bool = False
    checkpoint_seconds: float = SECONDS
    study_file: Path | None = None

    @property
    def n_workers(self) -> int:
        """Worker processes of the local executor."""
        if self.workers:
            return self.workers
        if hasattr(os, "sched_getaffinity"):  # the cores this process may use, where Linux tells
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1


@dataclass(frozen=True)
class Planned:
    """Told before anything starts: the state of every run, how many jobs follow, and warnings."""

    plan: Plan
    states: Mapping[str, str]
    jobs: tuple[Job, ...]
    n_workers: int
    warnings: tuple[str, ...] = ()


Observer = Callable[[Event | Planned], None]


class Prepared:
    """A study with its data and its plan, ready to be run on one device."""

    def __init__(self, spec: StudySpec, options: RunOptions, *, download: bool = True) -> None:
        """Load the data, work out the plan and check it against both.

        Args:
            spec: The study.
            options: How it is to be run.
            download: Whether data that are not here may be fetched.

        Raises:
            DataError: The data set cannot be had.
            SpecError: The study does not fit the data, the networks or the device.
        """
        self.spec, self.options = spec, options
        self._env_keys: dict[str, str] = {}
        self.device = devices.choose(options.device)
        self.raw = data.load(spec.dataset.name, data_dir=options.data_dir, download=download)
        self.plan = make_plan(spec, self._facts(), measure, where=self._where)
        problems = [*self._precision_problems(), *self._batch_problems()]
        if problems:
            raise SpecError(self._where, problems)

    @property
    def _where(self) -> str:
        return str(self.options.study_file or f"study {self.spec.study!r}")

    def _facts(self) -> DataFacts:
        def check(dataset: DataSpec) -> Sequence[str]:
            return data.check_spec(dataset, self.raw)

        return DataFacts(
            self.raw.digest,
            len(self.raw.train_labels),
            self.raw.input_shape,
            self.raw.n_classes,
            check,
        )

    def _precision_problems(self) -> Iterator[str]:
        for arm in self.plan.arms:
            if arm.recipe.precision == "tf32" and self.device.type != "cuda":
                yield (
                    f"arm {arm.name!r}: recipe.precision 'tf32' needs cuda, "
                    f"got {self.device.type!r}"
                )

    def _batch_problems(self) -> Iterator[str]:
        """Hidden units have no variance over one image, so batch norm cannot train on it."""
        for arm in self.plan.arms:
            is_normed = arm.levels.get("norm") == "batch" and arm.levels.get("hidden")
            n_images = self._n_images(arm)
            if is_normed and n_images % arm.recipe.batch_size == 1 % arm.recipe.batch_size:
                yield (
                    f"arm {arm.name!r}: norm 'batch' needs two images a batch, and "
                    f"recipe.batch_size {arm.recipe.batch_size} leaves a last batch of one of "
                    f"{n_images:,} images; use another batch_size or subset"
                )

    @cached_property
    def comparison(self) -> Comparison:
        """What each arm has other than the control."""
        return compare(self.plan)

    def env_key(self, run: RunSpec) -> str:
        """The environment `run` would be trained in here."""
        precision = run.recipe.precision
        if precision not in self._env_keys:
            self._env_keys[precision] = environment_of(run, self.device).env_key
        return self._env_keys[precision]

    def states(self, stored: Sequence[StoredRun]) -> dict[str, str]:
        """See `run_states`."""
        return run_states(self.plan, stored, self.env_key)

    def estimated_seconds(self, stored: Sequence[StoredRun]) -> float | None:
        """See `ablations.estimates`."""
        return estimated_seconds(
            self.plan,
            self.states(stored),
            stored,
            self.env_key,
            self._n_images,
            self.options.n_workers if self.device.type == "cpu" else 1,
        )

    def _n_images(self, run: RunSpec | Arm) -> int:
        """Images of one epoch."""
        whole = run.dataset.subset or len(self.raw.train_labels)
        return whole - run.dataset.validation

    def worker(self, jobs: Sequence[Job]) -> Worker:
        """What workers need for these jobs: each prepared data set once, in shared memory."""
        datasets = {}
        for job in jobs:
            key = data_key(job.run.dataset)
            if key not in datasets:
                datasets[key] = data.prepare(self.raw, job.run.dataset)
                for tensor in datasets[key].tensors:
                    tensor.share_memory_()  # type: ignore[no-untyped-call]
        file = self.options.study_file
        folder = file.parent if file else Path()
        plugins = tuple(plugin_source(name, folder) for name in self.spec.plugins)
        return Worker(datasets, str(self.device), plugins, self._checkpoints)

    @property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.options.work_dir, self.options.checkpoint_seconds)

    def checkpoint(self, run: RunSpec) -> Checkpoint:
        """Where `run` leaves its state at the end of epochs."""
        return self._checkpoints.of(run.run_key, self.env_key(run))


def misfits(spec: StudySpec, options: RunOptions) -> tuple[str, ...]:
    """What is wrong with a study that only its data show; nothing if they are not at hand."""
    try:
        Prepared(spec, options, download=False)
    except SpecError as error:
        return error.problems
    except DataError:
        return ()
    return ()


def run_study(
    spec: StudySpec, options: RunOptions | None = None, observe: Observer = lambda _: None
) -> list[RunRecord]:
    """Train what a study lacks, and track it.

    Calling it again trains nothing that has an outcome in this environment already. The workers of
    the `local` executor import the calling script, so there the call belongs under
    `if __name__ == "__main__":`.

    Args:
        spec: From `load_study`; its plug-ins must be registered.
        options: How to run.
        observe: Told of every event, in the caller's thread.

    Returns:
        The records of the runs trained by this call, in the order in which they ended.

    Raises:
        SpecError, DataError: Nothing was trained.
        StoreError: The store cannot be reached; finished runs are kept in the outbox.
        KeyboardInterrupt: After the runs in flight were recorded as INTERRUPTED.
    """
    options = options or RunOptions()
    prepared = Prepared(spec, options)
    with driver_lock(options.work_dir):
        tracker = Tracker(tracking_uri(options.tracking_uri), options.work_dir)
        tracker.open_study(prepared.plan)
        return _Driver(prepared, tracker, observe).run()


class _Driver:
    """One call of `run_study`: what is to be done, what is in flight, what has ended."""

    def __init__(self, prepared: Prepared, tracker: Tracker, observe: Observer) -> None:
        self.prepared, self.tracker, self.observe = prepared, tracker, observe
        self.study, self.options = prepared.spec.study, prepared.options
        self.stored = tracker.stored_runs()
        self.in_flight: dict[str, Began] = {}
        self.records: list[RunRecord] = []
        self.attempts = Counter[str]()
        for held in self.stored:
            self.attempts[held.run_key] = max(self.attempts[held.run_key], held.attempt)

    def run(self) -> list[RunRecord]:
        states = self.prepared.states(self.stored)
        status = "KILLED"
        try:
            self._link_ended(states)
            jobs = self._jobs(states)
            n_workers = min(self.options.n_workers, len(jobs))
            warnings = self.prepared.comparison.warnings
            self.observe(Planned(self.prepared.plan, states, tuple(jobs), n_workers, warnings))
            if jobs:
                self._executor(jobs).run(jobs, self._on_event)
            status = "FINISHED"
        finally:
            self._record_interrupted()
            self.tracker.close_study(self.study, status)
        return self.records

    @property
    def _trained_states(self) -> set[str]:
        """The states whose runs are trained, for the first time or again."""
        if self.options.fresh:
            return {"new", "elsewhere", "failed", "done", "diverged"}
        return {"new", "elsewhere"} | ({"failed"} if self.options.retry_failed else set())

    def _jobs(self, states: Mapping[str, str]) -> list[Job]:
        names = tuple(name for name in self.prepared.spec.probes if name in PROBES)
        jobs = []
        for run in self.prepared.plan.runs:
            state = states[run.run_key]
            if self.options.fresh or state in ("done", "diverged"):
                # A driver that was killed may have stored the run and not come to remove it.
                self.prepared.checkpoint(run).remove()
            if state in self._trained_states:
                jobs.append(Job(run, names))
            elif state == "done":
                jobs += self._probe_job(run, names)
        return jobs

    def _probe_job(self, run: RunSpec, names: Sequence[str]) -> list[Job]:
        stored = self._stored(run)
        missing = tuple(
            name for name in names if stored.probe_keys.get(name) != probe_key(run.run_key, name)
        )
        weights = self.tracker.weights(stored) if missing else None
        return [Job(run, missing, weights)] if weights is not None else []

    def _stored(self, run: RunSpec) -> StoredRun:
        """The stored attempt that counts, this study's own copy of it if there is one."""
        key = self.prepared.env_key(run)
        counts = newest(self.stored, run.run_key, key)
        if counts is None:
            raise LookupError(f"run {run.run_key} is not stored")
        return self._own_copy(counts) or counts

    def _own_copy(self, stored: StoredRun) -> StoredRun | None:
        same = (stored.run_key, stored.env_key, stored.attempt)
        return next(
            (
                held
                for held in self.stored
                if held.study == self.study and (held.run_key, held.env_key, held.attempt) == same
            ),
            None,
        )

    def _link_ended(self, states: Mapping[str, str]) -> None:
        """What another study of this store has run, well or not, is a child of this one too.

        Before the jobs are told: a link has what its record has, and lacks what was probed later.
        """
        kept = {"done", "diverged", "failed"} - self._trained_states
        ended = [run for run in self.prepared.plan.runs if states[run.run_key] in kept]
        foreign = [(run, self._stored(run)) for run in ended]
        foreign = [(run, stored) for run, stored in foreign if stored.study != self.study]
        for run, stored in foreign:
            self.tracker.link(self.study, stored, run.arm)
        if foreign:
            self.stored = self.tracker.stored_runs()

    def _executor(self, jobs: Sequence[Job]) -> Executor:
        worker = self.prepared.worker(jobs)
        kind = self.options.executor or (
            "local" if self.prepared.device.type == "cpu" else "inline"
        )
        return (
            InlineExecutor(worker)
            if kind == "inline"
            else LocalExecutor(worker, self.options.n_workers)
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Began):
            self.in_flight[event.job.run.run_key] = event
        if isinstance(event, Ended):
            self.in_flight.pop(event.outcome.job.run.run_key)
            self._keep(event)
        self.observe(event)

    def _keep(self, event: Ended) -> None:
        outcome = event.outcome
        run = outcome.job.run
        if outcome.record is None:
            self.tracker.add_measurements(self.study, outcome.measurements, self._stored(run))
            return
        self.attempts[run.run_key] += 1
        record = outcome.record.as_attempt(self.attempts[run.run_key])
        self.tracker.add_run(self.study, record, outcome.files)
        self.records.append(record)
        if record.state not in (RunState.INTERRUPTED, RunState.KILLED):
            self.prepared.checkpoint(run).remove()

    def _record_interrupted(self) -> None:
        if not self.in_flight:
            return
        worker = Worker({}, str(self.prepared.device))
        for event in list(self.in_flight.values()):
            outcome = worker.failed(
                event.job,
                RunState.INTERRUPTED,
                event.started_ms,
                message="interrupted while it trained",
            )
            self._on_event(Ended(outcome, event.worker))
