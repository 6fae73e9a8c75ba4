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
from ablations.jobs import Job, Outcome, Worker
from ablations.record import RunState, now_ms
from ablations.training import Epoch

STOP_SECONDS = 2.0


@dataclass
class _Seat:
    """One worker process, the driver's end of its pipe, and the job it is at."""

    number: int
    process: BaseProcess
    pipe: Connection
    job: Job | None = None
    started_ms: int = 0


class LocalExecutor:
    """See `Executor`; `n_workers` processes of one torch thread each."""

    def __init__(self, worker: Worker, n_workers: int) -> None:
        self.worker, self.n_workers = worker, n_workers
        self.context = mp.get_context("spawn")

    def run(self, jobs: Sequence[Job], observe: Callable[[Event], None]) -> None:
        """Do every job; a worker that dies costs its own job and is replaced."""
        waiting = deque(jobs)
        seats: list[_Seat] = []
        try:
            # One by one, so that an interrupt between two of them still stops the first.
            for number in range(min(self.n_workers, len(jobs))):
                seats.append(self._seat(number))  # noqa: PERF401
            for seat in seats:
                self._next(seat, waiting, observe)
            while any(seat.job for seat in seats):
                ready = wait([seat.pipe for seat in seats if seat.job])
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

    def _next(self, seat: _Seat, waiting: deque[Job], observe: Callable[[Event], None]) -> None:
        seat.job = waiting.popleft() if waiting else None
        if seat.job is None:
            return
        seat.started_ms = now_ms()
        with suppress(OSError):  # a worker that has died already is met by `_listen`
            seat.pipe.send(seat.job)
        observe(Began(seat.job, seat.number, seat.started_ms))

    def _listen(self, seat: _Seat, waiting: deque[Job], observe: Callable[[Event], None]) -> _Seat:
        job = seat.job
        if job is None:
            return seat
        try:
            message: Epoch | Outcome = seat.pipe.recv()
        except (EOFError, OSError):
            message = self._killed(seat, job)
            seat = self._seat(seat.number) if waiting else seat
        if isinstance(message, Epoch):
            observe(EpochEnded(job, seat.number, message))
        else:
            # The worker gets its next job before the driver writes this one down.
            self._next(seat, waiting, observe)
            observe(Ended(message, seat.number))
        return seat

    def _killed(self, seat: _Seat, job: Job) -> Outcome:
        seat.process.join(STOP_SECONDS)
        seat.pipe.close()
        code = seat.process.exitcode
        reason = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        message = f"worker {seat.number} ended {reason} while it trained this run"
        return self.worker.failed(job, RunState.KILLED, seat.started_ms, message=message)


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
    """A worker's life: jobs in, epochs and outcomes out, until the driver closes the pipe."""
    threading.Thread(target=_end_with, args=(mp.parent_process(),), daemon=True).start()
    worker.prepare()
    faults.reach("worker_ready")
    try:
        while True:
            outcome = worker.perform(pipe.recv(), pipe.send)
            faults.reach("run_trained")
            pipe.send(outcome)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _end_with(driver: BaseProcess) -> None:
    """End this process when its driver is gone: the next one may be at the same run already."""
    driver.join()
    os._exit(1)


def _stop(seats: Sequence[_Seat]) -> None:
    for seat in seats:
        seat.pipe.close()
        if seat.job is not None:
            seat.process.terminate()
    for seat in seats:
        seat.process.join(STOP_SECONDS)
        if seat.process.is_alive():
            seat.process.kill()
            seat.process.join()
