"""Stacks one after another in the driver's own process: for a debugger, and for one GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ablations.executors.base import Began, Ended, EpochEnded, Event
from ablations.jobs import Stack, Worker
from ablations.record import now_ms


class InlineExecutor:
    """See `Executor`."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def run(self, stacks: Sequence[Stack], observe: Callable[[Event], None]) -> None:
        """Do every stack in turn."""
        worker = self.worker.prepared()
        for stack in stacks:
            for job in stack.jobs:
                observe(Began(job, 0, now_ms(), len(stack.jobs) - 1))
            outcomes = worker.perform(stack, lambda job, epoch: observe(EpochEnded(job, 0, epoch)))
            for outcome in outcomes:
                observe(Ended(outcome, 0))
