"""The trials of a study, round by round, and the recipes that they choose: the runner's first half.

Called by the runner, which trains what is yielded here and hands back how each trial ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ablations import faults
from ablations.jobs import Stack
from ablations.outcomes import Job
from ablations.plan import RunSpec, newest
from ablations.preparation import Prepared
from ablations.progress import Observer, Searching
from ablations.record import KIND_TUNING, TUNING_FILE, RunRecord
from ablations.tracking.artifacts import as_json
from ablations.tracking.tracker import Tracker

if TYPE_CHECKING:
    from ablations.searching import Searches


class Tuner:
    """What one call of the runner does of a study's tuning.

    Args:
        prepared: A study with tuning; given the recipes that were chosen.
        tracker: Where trials are stored, and were before.
        observe: Told before each round.
        open_study: Stores the plan, if it is not stored.
    """

    def __init__(
        self,
        prepared: Prepared,
        tracker: Tracker,
        observe: Observer,
        open_study: Callable[[], None],
    ) -> None:
        self.prepared, self.tracker, self.observe = prepared, tracker, observe
        self._open_study = open_study
        if not tracker.is_new():
            tracker.drain()  # what a killed driver left in the outbox has been trained
        self.trials = tracker.stored_runs(kind=KIND_TUNING)
        self.is_stored = False
        self._found: dict[str, Any] = tracker.stored_tuning(prepared.spec.study)
        self._searches: Searches | None = None
        prepared.tuned_to(self._found)

    @property
    def n_lost(self) -> int:
        """Trials that failed as often as they may."""
        return self._searches.n_lost if self._searches else 0

    def take(self, run: RunSpec, record: RunRecord) -> None:
        """Note how a trial ended."""
        if self._searches is not None:
            self._searches.take(run, record)

    def rounds(self) -> Iterator[list[Stack]]:
        """The trials that are missing; after the last, the plan has the recipes they chose."""
        searches = self._searches = self._begun()
        plan = self.prepared.plan
        for part in searches.rounds():
            jobs = self.prepared.ordered([Job(run) for run in part.runs])
            stacks = self.prepared.stacks(jobs, part.planned)
            n_workers = min(self.prepared.n_at_a_time, len(stacks))
            counts = (searches.n_trials, searches.n_ended)
            self.observe(Searching(plan, tuple(jobs), *counts, n_workers))
            yield stacks
        faults.reach("tuning_ended")
        found = searches.to_dict()
        if found != self._found:
            self.prepared.tuned_to(found)
            files = {**self.prepared.label_files(), TUNING_FILE: as_json(found)}
            self.tracker.open_study(self.prepared.plan, files)
            self.is_stored = True

    def _begun(self) -> Searches:
        from ablations.searching import Past, Searches
        from ablations.tuning import Journal

        ours = [run for run in self.trials if run.study == self.prepared.spec.study]
        for run in ours:  # as of runs: a driver that was killed may not have come to remove them
            if run.state.is_outcome:
                self.prepared.checkpoints.of(run.run_key, run.env_key).remove()
        return Searches(
            self.prepared.spec,
            self.prepared.plan.arms,
            Journal(self.prepared.options.work_dir),
            env_key=self.prepared.env_key,
            past=Past(ours, self.tracker.record_of, self._trained_elsewhere),
            is_patient=self.prepared.options.retry_failed,
            is_named=self.prepared.is_named,
        )

    def _trained_elsewhere(self, run: RunSpec) -> RunRecord | None:
        """The record of a trial that another study has trained, which becomes this one's too."""
        study = self.prepared.spec.study
        others = [held for held in self.trials if held.study != study]
        held = newest(others, run.run_key, self.prepared.env_key(run))
        if held is None or not held.state.is_outcome:
            return None
        self._open_study()
        self.tracker.link(study, held, run.arm)
        return self.tracker.record_of(held)
