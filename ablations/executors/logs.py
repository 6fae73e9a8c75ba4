"""What worker processes say and print, in a file each: beside bars a terminal has no place for it.

The files of one call of `run` lie in its working folder until the next one. Loads no torch.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

FOLDER = "logs"
TAIL_BYTES = 16_000
_STDOUT, _STDERR = 1, 2


def log_file(work_dir: Path, number: int) -> Path:
    """Where a worker's log is."""
    return work_dir / FOLDER / f"worker-{number}.log"


def begin(work_dir: Path) -> None:
    """Drop what an earlier call has left."""
    for path in (work_dir / FOLDER).glob("worker-*.log"):
        with suppress(OSError):
            path.unlink()


def redirect(path: Path) -> None:
    """Send all that this process prints from now on, and its last words, to the end of a file.

    Where the file cannot be written, things stay as they are: a log is worth no run.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError:
        return
    for stream in (_STDOUT, _STDERR):
        os.dup2(file, stream)
    os.close(file)
    for text in (sys.stdout, sys.stderr):
        text.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    faulthandler.enable(_STDERR)


def say(text: str) -> None:
    """Put a line with the time into the log of this process."""
    with suppress(OSError):  # a full disk
        os.write(_STDERR, f"{time.strftime('%H:%M:%S')} {text}\n".encode())


def size(path: Path) -> int:
    """How long a log is; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def tail(path: Path, start: int) -> str:
    """What a log holds from byte `start` on: of much, the end."""
    try:
        with path.open("rb") as file:
            file.seek(max(start, size(path) - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
