"""What every executor promises, and the events it tells.

One contract suite tests all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ablations.jobs import Stack
from ablations.outcomes import Job, Outcome
from ablations.training import Epoch


@dataclass(frozen=True)
class Began:
    """Worker number `worker` (from 0) took the job, with `n_beside` others of its stack."""

    job: Job
    worker: int
    started_ms: int
    n_beside: int = 0


@dataclass(frozen=True)
class EpochEnded:
    """A run finished an epoch."""

    job: Job
    worker: int
    epoch: Epoch


@dataclass(frozen=True)
class Ended:
    """The job is over, well or not."""

    outcome: Outcome
    worker: int


Event = Began | EpochEnded | Ended


class Executor(Protocol):
    """Does the jobs of stacks.

    Every job begins once and ends once, whatever happens to its worker; a job's failure stops no
    other. Where a worker is killed, or a stack does not fit into memory, epochs are told again.
    `observe` is called in the driver's thread. An exception out of `observe`, or an
    interrupt, stops the workers before it travels on; an interrupt waits until all that has just
    ended was told.
    """

    def run(self, rounds: Iterable[Sequence[Stack]], observe: Callable[[Event], None]) -> None:
        """Do the jobs of every round, in order of starting, and return when all have ended.

        The next round is asked for when all of the last has ended and was told, so that it may
        depend on that; workers stay warm from one to the next.
        """
