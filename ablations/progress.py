"""How far a call of `run` is: what is told before it starts, its pace, and how long is left.

Made of the runner's events; shown by the terminal and by the file that `live` leaves for others.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
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
    """

    plan: Plan
    states: Mapping[str, str]
    jobs: tuple[Job, ...]
    n_workers: int
    warnings: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


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


Told = Event | Planned | Continued | Waiting
Observer = Callable[[Told], None]


class Pace:
    """How fast runs go, and how long the rest will take.

    Attributes:
        until: To where `seconds_left` is, in words; empty for the end.
    """

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.jobs: tuple[Job, ...] = ()
        self.n_workers = 1
        self.n_ended = self.n_failed = self.n_images = 0
        self.until = ""
        self._epochs_left: dict[str, int] = {}
        self._arm_of: dict[str, str] = {}
        self._states: Mapping[str, str] = {}
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def take(self, event: Told) -> None:
        """Count one event."""
        if isinstance(event, Planned):
            self.started, self._states = time.monotonic(), event.states
            self.until = " to the next look" if event.plan.spec.looks else ""
            self.n_failed = n_failed_before(event)
            self._add(event)
        elif isinstance(event, Continued):
            again = [self._states.get(job.run.run_key) for job in event.jobs]
            self.n_failed -= again.count("failed")
            self._add(event)
        elif isinstance(event, EpochEnded):
            self.n_images += event.epoch.n_images
            self._seconds[event.job.run.arm].append(event.epoch.seconds)
            # Epochs that were lost with a killed worker are told again.
            n_epochs = event.job.run.recipe.epochs
            self._epochs_left[event.job.run.run_key] = n_epochs - event.epoch.number
        elif isinstance(event, Ended):
            self.n_ended += 1
            self._epochs_left.pop(event.outcome.job.run.run_key, None)
            self.n_failed += has_failed(event)

    def _add(self, event: Planned | Continued) -> None:
        self.jobs, self.n_workers = (*self.jobs, *event.jobs), max(1, event.n_workers)
        for job in event.jobs:
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
        return total / self.n_workers


def n_failed_before(event: Planned) -> int:
    """Runs that failed in an earlier call and are not trained again in this one."""
    again = {job.run.run_key for job in event.jobs}
    return sum(state == "failed" and key not in again for key, state in event.states.items())


def has_failed(event: Ended) -> bool:
    """Whether the run ended without an outcome, or the probing of a stored one failed."""
    record = event.outcome.record
    return not record.state.is_outcome if record else bool(event.outcome.message)
