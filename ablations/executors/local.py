"""A pool of spawned workers on this machine, warm for the whole study.

The data set travels as shared memory, once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path

import torch.multiprocessing  # noqa: F401  (teaches pipes to send tensors as shared memory)

from ablations.executors import crew, logs
from ablations.executors.base import Began, Ended, EpochEnded, Event
from ablations.executors.crew import Crew, Hand
from ablations.executors.serving import Equipment, Told
from ablations.interrupts import uninterrupted
from ablations.jobs import Stack, Worker
from ablations.outcomes import Outcome
from ablations.record import RunState, now_ms


@dataclass
class _Seat:
    """A place in the pool: the process that sits there now, and the stack it is at.

    Attributes:
        stack: What of it has not ended.
        log_start: How long its log was when it was given the stack for the first time.
    """

    number: int
    hand: Hand
    stack: Stack | None = None
    started_ms: int = 0
    log_start: int = 0
    is_retry: bool = False


class LocalExecutor:
    """See `Executor`; `n_workers` processes of one torch thread each.

    Args:
        worker: What each of them is.
        n_workers: How many there are, where there are so many stacks.
        crew: Processes that were started already.
        work_dir: Where their logs go; None leaves them the driver's own output.
    """

    def __init__(
        self,
        worker: Worker,
        n_workers: int,
        *,
        crew: Crew | None = None,
        work_dir: Path | None = None,
    ) -> None:
        self.worker, self.n_workers = worker, n_workers
        self.crew, self.work_dir = crew or Crew(), work_dir
        self._begun: set[str] = set()

    def run(self, rounds: Iterable[Sequence[Stack]], observe: Callable[[Event], None]) -> None:
        """Do every stack; one whose worker dies is done again once, by another in its place."""
        if self.work_dir is not None:
            logs.begin(self.work_dir)
        seats: list[_Seat] = []
        try:
            for stacks in rounds:
                self._do(stacks, seats, observe)
        finally:
            busy = [seat.hand for seat in seats if seat.stack is not None]
            crew.stop([seat.hand for seat in seats], busy)

    def _do(
        self, stacks: Sequence[Stack], seats: list[_Seat], observe: Callable[[Event], None]
    ) -> None:
        """One round; `seats` grows where it has more stacks than the rounds before."""
        waiting, self._begun = deque(stacks), set[str]()
        for number in range(len(seats), min(self.n_workers, len(stacks))):
            seats.append(self._seat(number))  # noqa: PERF401  (an interrupt stops the first)
        self.crew.stop()
        for seat in seats:
            self._next(seat, waiting)
        for seat in seats:  # after all are at work, since the driver may be long over the first
            self._tell_began(seat, observe)
        while any(seat.stack for seat in seats):
            ready = wait([seat.hand.pipe for seat in seats if seat.stack])
            for seat in [seat for seat in seats if seat.hand.pipe in ready]:
                with uninterrupted():
                    self._listen(seat, waiting, observe)

    def _seat(self, number: int) -> _Seat:
        seat = _Seat(number, self.crew.hand())
        self._equip(seat)
        return seat

    def _equip(self, seat: _Seat) -> None:
        _send(seat, Equipment(self.worker, self._log(seat)))

    def _log(self, seat: _Seat) -> Path | None:
        return None if self.work_dir is None else logs.log_file(self.work_dir, seat.number)

    def _next(self, seat: _Seat, waiting: deque[Stack]) -> None:
        seat.stack = waiting.popleft() if waiting else None
        seat.is_retry = False
        log = self._log(seat)
        seat.log_start = logs.size(log) if log else 0
        if seat.stack is not None:
            seat.started_ms = now_ms()
            _send(seat, seat.stack)

    def _listen(self, seat: _Seat, waiting: deque[Stack], observe: Callable[[Event], None]) -> None:
        stack = seat.stack
        if stack is None:
            return
        try:
            told: Told = seat.hand.pipe.recv()
        except (EOFError, OSError):
            self._killed(seat, stack, waiting, observe)
            return
        if isinstance(told, tuple):
            run_key, epoch = told
            (job,) = (one for one in stack.jobs if one.run.run_key == run_key)
            observe(EpochEnded(job, seat.number, epoch))
        else:
            self._end(seat, told, waiting, observe)

    def _end(
        self,
        seat: _Seat,
        outcomes: Sequence[Outcome],
        waiting: deque[Stack],
        observe: Callable[[Event], None],
    ) -> None:
        """Some jobs of a seat's stack have ended, or all."""
        ended = {outcome.job.run.run_key for outcome in outcomes}
        jobs = seat.stack.jobs if seat.stack is not None else ()
        left = tuple(job for job in jobs if job.run.run_key not in ended)
        if seat.stack is not None and left:
            seat.stack = replace(seat.stack, jobs=left)
        else:  # the worker gets its next stack before the driver writes this one down
            self._next(seat, waiting)
            self._tell_began(seat, observe)
        for outcome in outcomes:
            observe(Ended(outcome, seat.number))

    def _killed(
        self, seat: _Seat, stack: Stack, waiting: deque[Stack], observe: Callable[[Event], None]
    ) -> None:
        """A worker has died: another takes its place and its stack; the second time, only that.

        A stack is halved then, as where it is out of memory: the system may have killed for that.
        """
        seat.hand.pipe.close()
        crew.end(seat.hand)
        if not seat.is_retry:
            self._replace(seat)
            seat.started_ms, seat.is_retry = now_ms(), True
            _send(seat, stack)
            return
        outcomes: list[Outcome] = []
        if stack.size > 1:
            reason = f"two workers were killed at it in a stack of {stack.size}"
            waiting.extendleft(reversed(stack.halves(reason)))
            seat.stack = None
        else:
            outcomes = self._lost(seat, stack)
        if waiting:
            self._replace(seat)
        self._end(seat, outcomes, waiting, observe)

    def _replace(self, seat: _Seat) -> None:
        seat.hand = self.crew.hand()
        self._equip(seat)

    def _lost(self, seat: _Seat, stack: Stack) -> list[Outcome]:
        """The outcomes of a stack that has cost two workers, with the end of their log."""
        code = seat.hand.process.exitcode
        reason = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        message = f"worker {seat.number} ended {reason} while it trained this run, twice"
        log = self._log(seat)
        message += f"; its log: {log}" if log else ""
        said = logs.tail(log, seat.log_start) if log else ""
        return [
            self.worker.failed(
                job, RunState.KILLED, seat.started_ms, stack=stack, message=message, log=said
            )
            for job in stack.jobs
        ]

    def _tell_began(self, seat: _Seat, observe: Callable[[Event], None]) -> None:
        """Once a job, also where its stack was halved."""
        jobs = seat.stack.jobs if seat.stack is not None else ()
        for job in jobs:
            if job.run.run_key not in self._begun:
                self._begun.add(job.run.run_key)
                observe(Began(job, seat.number, seat.started_ms, len(jobs) - 1))


def _send(seat: _Seat, content: Equipment | Stack) -> None:
    with suppress(OSError):  # a worker that has died already is met by `_listen`
        seat.hand.pipe.send(content)
