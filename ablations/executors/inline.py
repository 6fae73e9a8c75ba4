"""Jobs one after another in the driver's own process: for a debugger, and for one GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ablations.executors.base import Began, Ended, EpochEnded, Event
from ablations.jobs import Job, Outcome, Worker
from ablations.record import now_ms


class InlineExecutor:
    """See `Executor`."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def run(self, jobs: Sequence[Job], observe: Callable[[Event], None]) -> None:
        """Do every job in turn."""
        self.worker.prepare()
        for job in jobs:
            observe(Began(job, 0, now_ms()))
            observe(Ended(self._outcome(job, observe), 0))

    def _outcome(self, job: Job, observe: Callable[[Event], None]) -> Outcome:
        return self.worker.perform(job, lambda epoch: observe(EpochEnded(job, 0, epoch)))
