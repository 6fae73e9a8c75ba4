"""The one path from a study to stored runs: data, plan, what is missing, training, tracking.

The command line and `run_study` come through here, whatever the executor. Builds no report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, starmap
from pathlib import Path

from ablations import faults, history, pace
from ablations.alike import Alike
from ablations.commits import commit
from ablations.executors.base import Began, Ended, Event, Executor
from ablations.executors.crew import Crew
from ablations.executors.inline import InlineExecutor
from ablations.executors.local import LocalExecutor
from ablations.jobs import Stack, Worker
from ablations.live import LiveFile
from ablations.options import RunOptions
from ablations.outcomes import Job, Outcome
from ablations.plan import RunSpec, newest
from ablations.preparation import Prepared
from ablations.probe_cards import ProbeSpec
from ablations.probes import ONCE_AN_ARM, PROBES
from ablations.progress import Continued, Observer, Planned, Told, Waiting
from ablations.record import (
    EPOCHS_FILE,
    WEIGHTS_FILE,
    RunRecord,
    RunState,
    StoredRun,
    probe_key,
)
from ablations.seeding import Cell, Ending, Seeding, ending_of
from ablations.spec import StudySpec
from ablations.tracking.locks import driver_lock
from ablations.tracking.store import tracking_uri
from ablations.tracking.tracker import Tracker
from ablations.tuner import Tuner


def run_study(
    spec: StudySpec, options: RunOptions | None = None, observe: Observer = lambda _: None
) -> list[RunRecord]:
    """Train what a study lacks, track it, and return what was trained; see `train_study`.

    Returns:
        The records of the runs trained by this call, in the order in which they ended.
    """
    records: list[RunRecord] = []
    alike = Alike()
    train_study(spec, options, observe, keep=lambda record: records.append(alike.slim(record)))
    return records


def train_study(
    spec: StudySpec,
    options: RunOptions | None = None,
    observe: Observer = lambda _: None,
    crew: Crew | None = None,
    *,
    keep: Callable[[RunRecord], None] = lambda _: None,
) -> None:
    """Train what a study lacks, and track it, in memory that does not grow with the runs.

    Calling it again trains nothing that has an outcome in this environment already. The workers of
    the `local` executor import the calling script, so there the call belongs under
    `if __name__ == "__main__":`.

    Args:
        spec: From `load_study`; its plug-ins must be registered.
        options: How to run.
        observe: Told of every event, in the caller's thread.
        crew: Processes that were started already, for the `local` executor; see `hiring`.
        keep: Given the record of each run once it is tracked.

    Raises:
        SpecError, DataError: Nothing was trained.
        LockedError: Another driver is at work, and `options.wait` is not set.
        StoreError: The store cannot be reached or made; finished runs are kept in the outbox.
        KeyboardInterrupt: After the runs in flight were recorded as INTERRUPTED.
    """
    options = options or RunOptions()
    prepared = Prepared(spec, options)
    uri, work = tracking_uri(options.tracking_uri), f"run of study {spec.study!r}"

    def on_wait(text: str) -> None:
        observe(Waiting(text))

    with driver_lock(options.work_dir, uri, work, on_wait if options.wait else None):
        prepared.checkpoints.sweep()
        tracker = Tracker(uri, options.work_dir, prepared.plan.former)
        live = LiveFile(options.work_dir, spec.study, uri)

        def tell(event: Told) -> None:
            live.observe(event)
            observe(event)

        paces: pace.Paces = {}

        def kept(record: RunRecord) -> None:
            for env_key, sizes in pace.of_records([record]).items():
                paces.setdefault(env_key, {}).update(sizes)
            keep(record)

        try:
            _Driver(prepared, tracker, tell, crew or Crew(), kept).run()
        finally:
            live.remove()
    pace.keep(paces)


class _Driver:
    """One call of `run_study`: what is to be done, what is in flight, what has ended."""

    def __init__(
        self,
        prepared: Prepared,
        tracker: Tracker,
        observe: Observer,
        crew: Crew,
        keep: Callable[[RunRecord], None],
    ) -> None:
        self.prepared, self.tracker, self.observe, self.crew = prepared, tracker, observe, crew
        self.keep = keep
        self.study, self.options = prepared.spec.study, prepared.options
        self.commit = commit(Path.cwd())  # of the folder the study runs in
        self.is_open = False
        self.changes: tuple[str, ...] = ()
        self.tuner = Tuner(prepared, tracker, observe, self._open) if prepared.spec.tuning else None
        if not tracker.is_new():
            self._open()
        self.stored = self._stored_runs()
        self.past: history.History = []
        self.seeding: Seeding | None = None
        self.states: dict[str, str] = {}
        self.outcomes: dict[Cell, dict[int, Ending]] = {}
        self.in_flight: dict[str, Began] = {}
        self.attempts = Counter[str]()
        for held in (*self.stored, *(self.tuner.trials if self.tuner else ())):
            self.attempts[held.run_key] = max(self.attempts[held.run_key], held.attempt)

    def _open(self) -> None:
        """Store the plan, once: before anything is trained or, in a new store, before it ends.

        Making a store takes longer than starting to train, and no run can be in it yet.
        """
        if not self.is_open:
            files = self.prepared.label_files()
            self.changes = tuple(self.tracker.open_study(self.prepared.plan, files))
            self.is_open = True

    def run(self) -> None:
        """Do what is missing."""
        status = "KILLED"
        try:
            rounds = self._rounds()
            if first := next(rounds, []):
                self._executor(first).run(chain([first], rounds), self._on_event)
            self._open()
            status = "FINISHED"
        finally:
            self._record_interrupted()
            if self.is_open:
                self.tracker.close_study(self.study, status)

    def _rounds(self) -> Iterator[list[Stack]]:
        """What is to be done, each part worked out when all of the last has ended.

        The trials by which recipes are chosen, then the runs at those recipes.
        """
        if self.tuner is not None:
            yield from self.tuner.rounds()
            self.is_open = self.is_open or self.tuner.is_stored
        self._take_stock()
        yield from self._report_rounds()

    def _take_stock(self) -> None:
        """What there is of the plan's runs, once all of them are known."""
        if self.prepared.spec.looks and self.is_open:
            self.past = self.tracker.past(self.prepared.plan_json)
        self.seeding = self.prepared.seeding(self.past)
        self.states = self.prepared.states(self.stored, self.past)
        if self.seeding is not None:
            self.outcomes = self._outcomes_kept()

    def _report_rounds(self) -> Iterator[list[Stack]]:
        """All runs at once; with looks, up to the next that some arm needs, as long as one does."""
        taken: set[str] = set()
        in_play: frozenset[Cell] = frozenset()
        while True:
            standing = self.seeding.standing(self.outcomes) if self.seeding else None
            runs = [
                run
                for run in self.prepared.plan.runs
                if run.run_key not in taken
                and (standing is None or standing.is_wanted(_cell(run), run.seed))
            ]
            if not runs:
                return
            self._link_ended(runs)
            jobs = tuple(self.prepared.ordered(self._jobs(runs)))
            stacks = self.prepared.stacks(jobs)
            n_workers = min(self.prepared.n_at_a_time, len(stacks))
            if not taken:
                plan, warnings = self.prepared.plan, self.prepared.comparison.warnings
                n_lost = self.tuner.n_lost if self.tuner else 0
                told = Planned(plan, self.states, jobs, n_workers, warnings, self.changes, n_lost)
                self.observe(told)
            elif standing is not None and jobs:
                left = tuple(sorted(starmap(_label, in_play - standing.in_play)))
                up_to = max(standing.reach.values())
                self.observe(Continued(jobs, n_workers, left, up_to))
            taken |= {run.run_key for run in runs}
            in_play = standing.in_play if standing else in_play
            if stacks:
                yield stacks
                faults.reach("round_ended")

    @property
    def _trained_states(self) -> set[str]:
        """The states whose runs are trained, for the first time or again."""
        if self.options.fresh:
            return {"new", "elsewhere", "spared", "failed", "done", "diverged"}
        return {"new", "elsewhere", "spared"} | ({"failed"} if self.options.retry_failed else set())

    def _is_trained(self, run: RunSpec, state: str) -> bool:
        """Whether this call trains a run in that state."""
        return state in self._trained_states and self.prepared.is_chosen(run)

    def _outcomes_kept(self) -> dict[Cell, dict[int, Ending]]:
        """What is stored of planned runs, but of those that this call trains."""
        kept = self.prepared.outcomes(self.stored)
        for run in self.prepared.plan.runs:
            if self._is_trained(run, self.states[run.run_key]):
                kept.get(_cell(run), {}).pop(run.seed, None)
        return kept

    def _jobs(self, runs: Iterable[RunSpec]) -> list[Job]:
        # Where tuning chose what an arm had anyway, one training is its run at both recipes.
        once = {run.run_key: run for run in filter(self.prepared.is_chosen, runs)}
        jobs = []
        for run in once.values():
            state = self.states[run.run_key]
            if self.options.fresh or state in ("done", "diverged"):
                # A driver that was killed may have stored the run and not come to remove it.
                self.prepared.checkpoint(run).remove()
            asked = self._probes(run)
            if self._is_trained(run, state):
                jobs.append(Job(run, asked))
            elif state == "done":
                jobs += self._probe_job(run, asked)
        return jobs

    def _probes(self, run: RunSpec) -> tuple[ProbeSpec, ...]:
        """What is measured of `run`: with the first seed also what is measured once an arm."""
        spec = self.prepared.spec
        names = {*PROBES, *(ONCE_AN_ARM if run.seed == spec.seeds[0] else ())}
        return tuple(probe for probe in spec.probes if probe.name in names)

    def _probe_job(self, run: RunSpec, asked: Sequence[ProbeSpec]) -> list[Job]:
        stored = self._stored(run)
        missing = tuple(
            probe
            for probe in asked
            if stored.probe_keys.get(probe.name) != probe_key(run.run_key, probe)
        )
        weights = self.tracker.file(stored, WEIGHTS_FILE) if missing else None
        if weights is None:
            return []
        follows = any(probe.card.in_epochs for probe in missing)
        return [
            Job(run, missing, weights, self.tracker.file(stored, EPOCHS_FILE) if follows else None)
        ]

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

    def _link_ended(self, runs: Iterable[RunSpec]) -> None:
        """What another study of this store has run, well or not, is a child of this one too.

        Before the jobs are told: a link has what its record has, and lacks what was probed later.
        """
        ended = [
            run
            for run in runs
            if self.states[run.run_key] in ("done", "diverged", "failed")
            and not self._is_trained(run, self.states[run.run_key])
        ]
        foreign = [(run, self._stored(run)) for run in ended]
        foreign = [(run, stored) for run, stored in foreign if stored.study != self.study]
        for run, stored in foreign:
            self.tracker.link(self.study, stored, run.arm)
        if foreign:
            self.stored = self._stored_runs()

    def _stored_runs(self) -> list[StoredRun]:
        return self.tracker.stored_runs(self.prepared.spec.endpoint.metric)

    def _executor(self, first: Sequence[Stack]) -> Executor:
        jobs = [job for stack in first for job in stack.jobs]
        if self.prepared.spec.looks or self.tuner:  # a later round may have other arms
            jobs += [Job(run) for run in filter(self.prepared.is_chosen, self.prepared.plan.runs)]
        worker = self.prepared.worker(jobs)
        return (
            InlineExecutor(worker)
            if self.prepared.executor == "inline"
            else LocalExecutor(
                worker, self.options.n_workers, crew=self.crew, work_dir=self.options.work_dir
            )
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Began):
            self._open()
            self.in_flight[event.job.run.run_key] = event
        if isinstance(event, Ended):
            self.in_flight.pop(event.outcome.job.run.run_key)
            self._keep(event)
            self._note(event.outcome)
        self.observe(event)

    def _keep(self, event: Ended) -> None:
        outcome = event.outcome
        run = outcome.job.run
        if outcome.record is None:
            stored = self._stored(run)
            self.tracker.add_measurements(self.study, outcome.measurements, stored, outcome.files)
            return
        self.attempts[run.run_key] += 1
        record = outcome.record.as_attempt(self.attempts[run.run_key])
        record = replace(record, commit=self.commit)
        self.tracker.add_run(self.study, record, outcome.files)
        if run.trial is None:
            self.keep(record)
        elif self.tuner is not None:
            faults.reach("trial_stored")
            self.tuner.take(run, record)
        faults.reach("run_kept")
        if record.state not in (RunState.INTERRUPTED, RunState.KILLED):
            self.prepared.checkpoint(run).remove()

    def _note(self, outcome: Outcome) -> None:
        """What the next round depends on, where looks decide what is in it."""
        if self.seeding is None:
            return
        run, record = outcome.job.run, outcome.record
        metrics = dict(record.metrics) if record else {}
        for item in outcome.measurements:
            metrics |= item.metrics
        metric = self.prepared.spec.endpoint.metric
        if record is None and metric not in metrics:
            return
        found = ending_of(record.state if record else RunState.FINISHED, metrics.get(metric))
        if found is None:
            return
        for own in self.prepared.plan.runs:  # one training may be an arm's at both recipes
            if own.run_key == run.run_key:
                self.outcomes.setdefault(_cell(own), {})[own.seed] = found

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


def _label(arm: str, comparison: str) -> str:
    return arm if comparison == "shared" else f"{arm} ({comparison})"


def _cell(run: RunSpec) -> Cell:
    return run.arm, run.comparison
