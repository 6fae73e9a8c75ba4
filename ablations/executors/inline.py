"""Stacks one after another in the driver's own process: for a debugger, and for one GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from ablations.executors.base import Began, Ended, EpochEnded, Event
from ablations.interrupts import uninterrupted
from ablations.jobs import Stack, Worker
from ablations.outcomes import Job
from ablations.record import now_ms
from ablations.training import Epoch


class InlineExecutor:
    """See `Executor`."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def run(self, rounds: Iterable[Sequence[Stack]], observe: Callable[[Event], None]) -> None:
        """Do every stack in turn."""
        worker = self.worker.prepared()

        def on_epoch(job: Job, epoch: Epoch) -> None:
            try:
                observe(EpochEnded(job, 0, epoch))
            except Exception as error:  # whatever it is, it is the observer's and no run's outcome
                raise _NotOfTheRun from error

        try:
            for stack in chain.from_iterable(rounds):
                for job in stack.jobs:
                    observe(Began(job, 0, now_ms(), len(stack.jobs) - 1))
                for outcomes in worker.perform(stack, on_epoch):
                    with uninterrupted():
                        for outcome in outcomes:
                            observe(Ended(outcome, 0))
        except _NotOfTheRun as error:
            raise (error.__cause__ or error) from None


class _NotOfTheRun(BaseException):
    """Carries an error of the observer past the worker, which takes any Exception for its run's."""
