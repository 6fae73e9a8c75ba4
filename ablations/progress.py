"""How far a call of `run` is: what is told before it starts, its pace, and how long is left.

Made of the runner's events; shown by the terminal and by the file that `live` leaves for others.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ablations.executors.base import Ended, EpochEnded, Event
from ablations.outcomes import Job
from ablations.plan import Plan


@dataclass(frozen=True)
class Planned:
    """Told before anything starts.

    Attributes:
        states: Of every planned run by key.
        jobs: What is to be done; with looks, up to the first that is not decided by what is there.
        warnings: On arms that do not change what they say.
        changes: What the plan has other than the one stored before it.
        n_lost_trials: Trials that failed as often as they may: their arm is tuned with fewer.
    """

    plan: Plan
    states: Mapping[str, str]
    jobs: tuple[Job, ...]
    n_workers: int
    warnings: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    n_lost_trials: int = 0


@dataclass(frozen=True)
class Searching:
    """Told before each round of trials, which come before what `Planned` tells of.

    Attributes:
        jobs: The trials of the round that are to be trained.
        n_trials: Of all searches that are gone on with; `n_ended` of them are over.
    """

    plan: Plan
    jobs: tuple[Job, ...]
    n_trials: int
    n_ended: int
    n_workers: int


@dataclass(frozen=True)
class Continued:
    """Told before a further round: what the last has decided, and what it takes to go on.

    Attributes:
        left: Arms that get no more seeds.
        up_to: The most seeds that an arm has after this round.
    """

    jobs: tuple[Job, ...]
    n_workers: int
    left: tuple[str, ...]
    up_to: int


@dataclass(frozen=True)
class Waiting:
    """Told when another driver is in the way: where, who it is, and that it is waited for."""

    text: str


Told = Event | Planned | Searching | Continued | Waiting
Observer = Callable[[Told], None]


class Pace:
    """How fast runs go, and how long the rest will take: of the search first, then of the runs.

    Attributes:
        n_jobs: What is to be done of either, as far as is known; `n_ended` of it is over.
        until: To where `seconds_left` is, in words; empty for the end.
    """

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.is_searching = False
        self.n_workers = 1
        self.n_jobs = self.n_ended = self.n_failed = self.n_images = 0
        self.until = ""
        self._n_later, self._epochs_a_run = 0, 0.0
        self._epochs_left: dict[str, int] = {}
        self._arm_of: dict[str, str] = {}
        self._states: Mapping[str, str] = {}
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def take(self, event: Told) -> None:
        """Count one event."""
        if isinstance(event, Planned):
            self._begin(event.n_workers)
            self.is_searching, self._states = False, event.states
            self.until = " to the next look" if event.plan.spec.looks else ""
            self.n_jobs = len(event.jobs)
            self.n_failed = n_failed_before(event) + event.n_lost_trials
            self._expect(event.jobs)
        elif isinstance(event, Continued):
            again = [self._states.get(job.run.run_key) for job in event.jobs]
            self.n_failed -= again.count("failed")
            self.n_workers = max(1, event.n_workers)
            self.n_jobs += len(event.jobs)
            self._expect(event.jobs)
        elif isinstance(event, Searching):
            if not self.is_searching:
                self._begin(event.n_workers)
            self.is_searching = True
            self.n_jobs, self.n_ended = event.n_trials, event.n_ended
            self._n_later = event.n_trials - event.n_ended - len(event.jobs)
            self._expect(event.jobs)
        elif isinstance(event, EpochEnded):
            self.n_images += event.epoch.n_images
            self._seconds[event.job.run.arm].append(event.epoch.seconds)
            # Epochs that were lost with a killed worker are told again.
            n_epochs = event.job.run.recipe.epochs
            self._epochs_left[event.job.run.run_key] = n_epochs - event.epoch.number
        elif isinstance(event, Ended):
            self.n_ended += 1
            self._epochs_left.pop(event.outcome.job.run.run_key, None)
            self.n_failed += has_failed(event) and not self.is_searching

    def _begin(self, n_workers: int) -> None:
        self.started, self.n_workers = time.monotonic(), max(1, n_workers)
        self.n_ended = self.n_images = self._n_later = 0

    def _expect(self, jobs: Sequence[Job]) -> None:
        self._epochs_left.clear()
        self._epochs_a_run = sum(job.run.recipe.epochs for job in jobs) / max(1, len(jobs))
        for job in jobs:
            self._epochs_left[job.run.run_key] = 0 if job.weights else job.run.recipe.epochs
            self._arm_of[job.run.run_key] = job.run.arm

    @property
    def images_per_second(self) -> float:
        """Trained images a second over the whole study so far."""
        return self.n_images / max(1e-9, time.monotonic() - self.started)

    @property
    def seconds_left(self) -> float | None:
        """Of what is planned so far, from the epochs measured so far; None before the first."""
        everything = [second for seconds in self._seconds.values() for second in seconds]
        if not everything:
            return None
        usual = sum(everything) / len(everything)
        total = 0.0
        for key, epochs in self._epochs_left.items():
            own = self._seconds.get(self._arm_of[key])
            total += epochs * (sum(own) / len(own) if own else usual)
        # Of trials in later rounds nothing is known but that they are like those of this one.
        return (total + self._n_later * self._epochs_a_run * usual) / self.n_workers


def n_failed_before(event: Planned) -> int:
    """Runs that failed in an earlier call and are not trained again in this one."""
    again = {job.run.run_key for job in event.jobs}
    return sum(state == "failed" and key not in again for key, state in event.states.items())


def has_failed(event: Ended) -> bool:
    """Whether the run ended without an outcome, or the probing of a stored one failed."""
    record = event.outcome.record
    return not record.state.is_outcome if record else bool(event.outcome.message)
