"""A pool of spawned workers on this machine, warm for the whole study.

Each worker has a pipe of its own to the driver: with a shared queue, a worker killed while holding
the queue's lock would stop all the others. The data set travels as shared memory, once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch.multiprocessing as mp

from ablations import faults
from ablations.executors.base import Began, Ended, EpochEnded, Event
from ablations.jobs import Stack, Worker
from ablations.outcomes import Job, Outcome
from ablations.record import RunState, now_ms
from ablations.training import Epoch

STOP_SECONDS = 2.0

Told = tuple[int, Epoch] | list[Outcome]
"""What a worker says: the place in the stack of a run that finished an epoch, or how all ended."""


@dataclass
class _Seat:
    """One worker process, the driver's end of its pipe, and the stack it is at."""

    number: int
    process: BaseProcess
    pipe: Connection
    stack: Stack | None = None
    started_ms: int = 0
    is_retry: bool = False


class LocalExecutor:
    """See `Executor`; `n_workers` processes of one torch thread each."""

    def __init__(self, worker: Worker, n_workers: int) -> None:
        self.worker, self.n_workers = worker, n_workers
        self.context = mp.get_context("spawn")

    def run(self, stacks: Sequence[Stack], observe: Callable[[Event], None]) -> None:
        """Do every stack; one whose worker dies is done again once, by another in its place."""
        waiting = deque(stacks)
        seats: list[_Seat] = []
        try:
            # One by one, so that an interrupt between two of them still stops the first.
            for number in range(min(self.n_workers, len(stacks))):
                seats.append(self._seat(number))  # noqa: PERF401
            for seat in seats:
                self._next(seat, waiting, observe)
            while any(seat.stack for seat in seats):
                ready = wait([seat.pipe for seat in seats if seat.stack])
                for number in [seat.number for seat in seats if seat.pipe in ready]:
                    seats[number] = self._listen(seats[number], waiting, observe)
        finally:
            _stop(seats)

    def _seat(self, number: int) -> _Seat:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(
            target=_serve,
            args=(theirs, self.worker),
            name=f"ablations-worker-{number}",
            daemon=True,
        )
        _start_deaf(process)
        theirs.close()
        return _Seat(number, process, ours)

    def _next(self, seat: _Seat, waiting: deque[Stack], observe: Callable[[Event], None]) -> None:
        seat.stack = waiting.popleft() if waiting else None
        seat.is_retry = False
        if seat.stack is None:
            return
        self._give(seat, seat.stack)
        for job in seat.stack.jobs:
            observe(Began(job, seat.number, seat.started_ms, len(seat.stack.jobs) - 1))

    def _give(self, seat: _Seat, stack: Stack) -> None:
        seat.started_ms = now_ms()
        with suppress(OSError):  # a worker that has died already is met by `_listen`
            seat.pipe.send(stack)

    def _listen(
        self, seat: _Seat, waiting: deque[Stack], observe: Callable[[Event], None]
    ) -> _Seat:
        stack = seat.stack
        if stack is None:
            return seat
        try:
            told: Told = seat.pipe.recv()
        except (EOFError, OSError):
            return self._killed(seat, stack, waiting, observe)
        if isinstance(told, tuple):
            place, epoch = told
            observe(EpochEnded(stack.jobs[place], seat.number, epoch))
        else:
            self._end(seat, told, waiting, observe)
        return seat

    def _end(
        self,
        seat: _Seat,
        outcomes: Sequence[Outcome],
        waiting: deque[Stack],
        observe: Callable[[Event], None],
    ) -> None:
        # The worker gets its next stack before the driver writes this one down.
        self._next(seat, waiting, observe)
        for outcome in outcomes:
            observe(Ended(outcome, seat.number))

    def _killed(
        self, seat: _Seat, stack: Stack, waiting: deque[Stack], observe: Callable[[Event], None]
    ) -> _Seat:
        """A worker has died: another takes its place and its stack; the second time, only that."""
        seat.process.join(STOP_SECONDS)
        seat.pipe.close()
        if not seat.is_retry:
            again = self._seat(seat.number)
            again.stack, again.is_retry = stack, True
            self._give(again, stack)
            return again
        code = seat.process.exitcode
        reason = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        message = f"worker {seat.number} ended {reason} while it trained this run, twice"
        outcomes = [
            self.worker.failed(job, RunState.KILLED, seat.started_ms, message=message)
            for job in stack.jobs
        ]
        seat = self._seat(seat.number) if waiting else seat
        self._end(seat, outcomes, waiting, observe)
        return seat


def _start_deaf(process: BaseProcess) -> None:
    """Start a process that ignores Ctrl-C from its first moment: answering it is the driver's."""
    if threading.current_thread() is not threading.main_thread():
        process.start()  # only the main thread may change signals, and only it gets them
        return
    answer = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, answer)


def _serve(pipe: Connection, worker: Worker) -> None:
    """A worker's life: stacks in, epochs and outcomes out, until the driver closes the pipe."""
    threading.Thread(target=_end_with, args=(mp.parent_process(),), daemon=True).start()
    worker = worker.prepared()
    faults.reach("worker_ready")
    try:
        while True:
            _do(pipe.recv(), worker, pipe)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _do(stack: Stack, worker: Worker, pipe: Connection) -> None:
    places = {job.run.run_key: place for place, job in enumerate(stack.jobs)}

    def on_epoch(job: Job, epoch: Epoch) -> None:
        pipe.send((places[job.run.run_key], epoch))

    outcomes = worker.perform(stack, on_epoch)
    faults.reach("run_trained")
    pipe.send(outcomes)


def _end_with(driver: BaseProcess) -> None:
    """End this process when its driver is gone: the next one may be at the same run already."""
    driver.join()
    os._exit(1)


def _stop(seats: Sequence[_Seat]) -> None:
    for seat in seats:
        seat.pipe.close()
        if seat.stack is not None:
            seat.process.terminate()
    for seat in seats:
        seat.process.join(STOP_SECONDS)
        if seat.process.is_alive():
            seat.process.kill()
            seat.process.join()
