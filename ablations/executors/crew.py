"""The processes of a pool: started, given what they need, stopped.

Loads no torch, so that processes can be started, and load it on other cores, before the driver
does. Each has a pipe of its own to the driver: with a shared queue, a worker killed while holding
the queue's lock would stop all the others.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType

STOP_SECONDS = 2.0
_SERVING = "ablations.executors.serving"


@dataclass(frozen=True)
class Hand:
    """One worker process and the driver's end of its pipe; see `serving` for what goes through."""

    process: BaseProcess
    pipe: Connection


class Crew:
    """Processes started before there is work for them; whoever is left at the end is stopped."""

    def __init__(self) -> None:
        self._idle: list[Hand] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, n_workers: int) -> None:
        """Start processes; returns before they are ready."""
        # One by one, so that an interrupt between two of them still stops the first.
        for _ in range(n_workers):
            self._idle.append(_started())

    def hand(self) -> Hand:
        """One that was started before, or a new one; the caller stops it."""
        return self._idle.pop(0) if self._idle else _started()

    def stop(self) -> None:
        """Stop those that nobody took."""
        idle, self._idle = self._idle, []
        stop(idle, idle)


def stop(hands: Sequence[Hand], busy: Sequence[Hand]) -> None:
    """End processes: those that are busy at once, the others when they see their pipe closed."""
    for hand in hands:
        hand.pipe.close()
    for hand in busy:
        hand.process.terminate()
    for hand in hands:
        end(hand)


def end(hand: Hand) -> None:
    """Wait for a process whose pipe is closed, and kill it if it lives on."""
    hand.process.join(STOP_SECONDS)
    if hand.process.is_alive():
        hand.process.kill()
        hand.process.join()


def _started() -> Hand:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_live, args=(theirs,), name="ablations-worker", daemon=True)
    _start_deaf(process)
    theirs.close()
    return Hand(process, ours)


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


def _live(pipe: Connection) -> None:
    """The life of a worker process; torch is loaded here and not where the driver looks."""
    driver = multiprocessing.parent_process()
    threading.Thread(target=_end_with, args=(driver,), daemon=True).start()
    importlib.import_module(_SERVING).serve(pipe)


def _end_with(driver: BaseProcess) -> None:
    """End this process when its driver is gone: the next one may be at the same run already."""
    driver.join()
    os._exit(1)
