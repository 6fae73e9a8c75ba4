"""The one path from a study to stored runs: data, plan, what is missing, training, tracking.

The command line and `run_study` come through here, whatever the executor. Builds no report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from ablations import faults, pace
from ablations.alike import Alike
from ablations.executors.base import Began, Ended, Event, Executor
from ablations.executors.crew import Crew
from ablations.executors.inline import InlineExecutor
from ablations.executors.local import LocalExecutor
from ablations.jobs import Stack, Worker
from ablations.live import LiveFile
from ablations.options import RunOptions
from ablations.outcomes import Job
from ablations.plan import RunSpec, newest
from ablations.preparation import Prepared
from ablations.probe_cards import ProbeSpec
from ablations.probes import ONCE_AN_ARM, PROBES, probe_key
from ablations.progress import Observer, Planned, Searching, Told, Waiting
from ablations.record import KIND_TUNING, TUNING_FILE, RunRecord, RunState, StoredRun
from ablations.spec import StudySpec
from ablations.tracking.locks import driver_lock
from ablations.tracking.store import tracking_uri
from ablations.tracking.tracker import Tracker, as_json

if TYPE_CHECKING:
    from ablations.searching import Searches


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
        self.is_open = False
        self.changes: tuple[str, ...] = ()
        self.searches: Searches | None = None
        self.stored_tuning: dict[str, Any] = {}
        if prepared.spec.tuning is not None:
            self.stored_tuning = tracker.stored_tuning(self.study)
            prepared.tuned_to(self.stored_tuning)
        if not tracker.is_new():
            self._open()
        self.stored = tracker.stored_runs()
        self.in_flight: dict[str, Began] = {}
        self.trials = tracker.stored_runs(KIND_TUNING) if prepared.spec.tuning else []
        self.attempts = Counter[str]()
        for held in (*self.stored, *self.trials):
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
            rounds = filter(None, self._rounds())
            first = next(rounds, None)
            if first is not None:
                self._executor(first).run(chain([first], rounds), self._on_event)
            self._open()
            status = "FINISHED"
        finally:
            self._record_interrupted()
            if self.is_open:
                self.tracker.close_study(self.study, status)

    def _rounds(self) -> Iterator[Sequence[Stack]]:
        """What is done at one time: the trials of the searches, then the runs."""
        if self.prepared.spec.tuning is not None:
            yield from self._search()
        yield self._report_runs()

    def _report_runs(self) -> Sequence[Stack]:
        states = self.prepared.states(self.stored)
        self._link_ended(states)
        jobs = self.prepared.ordered(self._jobs(states))
        stacks = self.prepared.stacks(jobs)
        n_workers = min(self.prepared.n_at_a_time, len(stacks))
        plan, warnings = self.prepared.plan, self.prepared.comparison.warnings
        n_lost = self.searches.n_lost if self.searches else 0
        self.observe(Planned(plan, states, tuple(jobs), n_workers, warnings, self.changes, n_lost))
        return stacks

    def _search(self) -> Iterator[Sequence[Stack]]:
        """The trials that are missing, round by round; then the plan has the recipes they chose."""
        from ablations.searching import Searches
        from ablations.tuning import Journal

        ours = [run for run in self.trials if run.study == self.study]
        for run in ours:  # as of runs: a driver that was killed may not have come to remove them
            if run.state.is_outcome:
                self.prepared.checkpoints.of(run.run_key, run.env_key).remove()
        states = (RunState.FINISHED, RunState.DIVERGED, RunState.INTERRUPTED)
        plan = self.prepared.plan
        searches = self.searches = Searches(
            plan.spec,
            plan.arms,
            Journal(self.options.work_dir),
            env_key=self.prepared.env_key,
            held={run.run_key for run in ours},
            stored=self._ended_trial,
            failures=Counter(run.run_key for run in self.trials if run.state not in states),
            is_patient=self.options.retry_failed,
        )
        for part in searches.rounds(self.prepared.is_named):
            jobs = self.prepared.ordered([Job(run) for run in part.runs])
            stacks = self.prepared.stacks(jobs, part.planned)
            n_workers = min(self.prepared.n_at_a_time, len(stacks))
            counts = (searches.n_trials, searches.n_ended)
            self.observe(Searching(plan, tuple(jobs), *counts, n_workers, self.changes))
            self.changes = ()
            yield stacks
        faults.reach("tuning_ended")
        found = searches.to_dict()
        if found != self.stored_tuning:
            self.prepared.tuned_to(found)
            files = {**self.prepared.label_files(), TUNING_FILE: as_json(found)}
            self.tracker.open_study(self.prepared.plan, files)
            self.is_open = True

    def _ended_trial(self, run: RunSpec) -> RunRecord | None:
        """The record of a trial that was trained before, in this study or in another."""
        held = newest(self.trials, run.run_key, self.prepared.env_key(run))
        if held is None or not held.state.is_outcome:
            return None
        if held.study != self.study:
            self._open()
            self.tracker.link(self.study, held, run.arm)
        return self.tracker.record_of(held)

    @property
    def _trained_states(self) -> set[str]:
        """The states whose runs are trained, for the first time or again."""
        if self.options.fresh:
            return {"new", "elsewhere", "failed", "done", "diverged"}
        return {"new", "elsewhere"} | ({"failed"} if self.options.retry_failed else set())

    def _is_trained(self, run: RunSpec, state: str) -> bool:
        """Whether this call trains a run in that state."""
        return state in self._trained_states and self.prepared.is_chosen(run)

    def _jobs(self, states: Mapping[str, str]) -> list[Job]:
        jobs = []
        # Where tuning chose what an arm had anyway, one training is its run at both recipes.
        once = {run.run_key: run for run in reversed(self.prepared.plan.runs)}
        for run in filter(self.prepared.is_chosen, self.prepared.plan.runs):
            if once[run.run_key] is not run:
                continue
            state = states[run.run_key]
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
        ended = [
            run
            for run in self.prepared.plan.runs
            if states[run.run_key] in ("done", "diverged", "failed")
            and not self._is_trained(run, states[run.run_key])
        ]
        foreign = [(run, self._stored(run)) for run in ended]
        foreign = [(run, stored) for run, stored in foreign if stored.study != self.study]
        for run, stored in foreign:
            self.tracker.link(self.study, stored, run.arm)
        if foreign:
            self.stored = self.tracker.stored_runs()

    def _executor(self, first: Sequence[Stack]) -> Executor:
        jobs = [job for stack in first for job in stack.jobs]
        if self.searches is not None:  # whose rounds are followed by others
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
        self.tracker.add_run(self.study, record, outcome.files)
        if run.trial is None:
            self.keep(record)
        elif self.searches is not None:
            faults.reach("trial_stored")
            self.searches.take(run, record)
        faults.reach("run_kept")
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
