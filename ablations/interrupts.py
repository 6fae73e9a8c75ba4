"""When Ctrl-C is answered. Used by the executors; knows nothing of what it waits for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM are answered at the end of the block; the second of them at once.

    So what was trained is kept, and a person need not wait for a store that does not answer. A
    signal that nobody answers here, or that the system does, is left alone.
    """
    answers = {}
    if threading.current_thread() is threading.main_thread():  # no other can, nor is it asked
        found = {number: signal.getsignal(number) for number in _SIGNALS}
        answers = {int(number): own for number, own in found.items() if callable(own)}
    asked: list[tuple[int, FrameType | None]] = []

    def wait(number: int, frame: FrameType | None) -> None:
        asked.append((number, frame))
        if len(asked) > 1:
            answers[number](number, frame)

    for number in answers:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, own in answers.items():
            signal.signal(number, own)
    for number, frame in asked:
        answers[number](number, frame)
