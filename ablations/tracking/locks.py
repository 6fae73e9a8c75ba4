"""Who drives: one process a working folder and one a store, on one machine.

A lock ends with its process, however that ends. Beside it lies a note that says who holds it, for
the message to the next one; a note whose process is gone is not believed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from ablations.errors import LockedError
from ablations.record import digest
from ablations.tracking.opening import sqlite_path

LOCK_FILE = "driver.lock"
PATIENCE_SECONDS = 0.2  # `doctor` holds a lock for a moment, to see whether it is free

OnWait = Callable[[str], None]


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        work: What it does, such as `run of study 'pooling'`.
        pid: Its process.
        since: When it took the lock, in seconds since 1970.
    """

    work: str
    pid: int
    since: float

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"{self.work} (process {self.pid}, since {since})"


@contextmanager
def driver_lock(
    work_dir: Path, uri: str, work: str = "`ablations`", on_wait: OnWait | None = None
) -> Iterator[None]:
    """Hold a working folder and a store against every other driver on this machine.

    Args:
        work_dir: The working folder.
        uri: The store.
        work: What is done meanwhile, for the message to others.
        on_wait: Told once, for each of the two that another process holds, who that is; then it is
            waited for. Without it, another holder is an error.

    Raises:
        LockedError: Another driver holds one of them.
    """
    # Always in this order, so that two that wait cannot wait for each other.
    with folder_lock(work_dir, work, on_wait), store_lock(uri, work, on_wait):
        yield


@contextmanager
def folder_lock(work_dir: Path, work: str, on_wait: OnWait | None = None) -> Iterator[None]:
    """The half of `driver_lock` that holds the working folder."""
    with _held(work_dir / LOCK_FILE, str(work_dir), "another --work-dir", work, on_wait):
        yield


@contextmanager
def store_lock(uri: str, work: str, on_wait: OnWait | None = None) -> Iterator[None]:
    """The half of `driver_lock` that holds the store."""
    place = f"tracking store {_without_user(uri)}"
    with _held(store_lock_path(uri), place, "another --tracking-uri", work, on_wait):
        yield


def history_lock(uri: str) -> FileLock:
    """To be held while a study's history is read and written again.

    A report does so as well as a driver, and need not wait for a driver to end.
    """
    path = store_lock_path(uri).with_suffix(".history")
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def store_lock_path(uri: str) -> Path:
    """Where the lock of a store is: beside a SQLite file, else in this user's own state folder.

    Its name is made of the address alone: user, password and options of a URI are written nowhere.
    """
    path = sqlite_path(uri)
    if path is not None:
        path = path.resolve()
        return path.with_name(f"{path.name}.{LOCK_FILE}")
    parts = urlsplit(uri)
    address = [parts.scheme, parts.hostname, parts.port, parts.path.rstrip("/")]
    return user_state_path("ablations") / "stores" / f"{digest(address)[:16]}.{LOCK_FILE}"


def folder_is_held(work_dir: Path) -> bool:
    """Whether a driver is at work in a folder."""
    return _is_held(work_dir / LOCK_FILE)


def is_driven(work_dir: Path, uri: str) -> bool:
    """Whether a driver is at work in a folder, or on a store; makes neither."""
    return folder_is_held(work_dir) or _is_held(store_lock_path(uri))


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        FileLock(path).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False


@contextmanager
def _held(
    path: Path, place: str, way_out: str, work: str, on_wait: OnWait | None
) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout as error:
        who = _holder(path) or "another `ablations`"
        if on_wait is None:
            raise LockedError(
                f"{place}: {who} is at work; wait for it (`run --wait` does), or give {way_out}"
            ) from error
        on_wait(f"{place}: waiting for {who}")
        lock.acquire()
    note = _note(path)
    try:
        _write(note, Holder(work, os.getpid(), time.time()))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _without_user(uri: str) -> str:
    place = urlsplit(uri).netloc
    return uri.replace(place, place.rpartition("@")[2], 1)


def _note(lock: Path) -> Path:
    return lock.with_suffix(".json")


def _write(note: Path, holder: Holder) -> None:
    unnamed = note.with_name(f"{note.name}.part")
    with suppress(OSError):  # a full disk costs the message its detail, and nothing else
        unnamed.write_text(json.dumps(asdict(holder)), encoding="utf-8")
        unnamed.replace(note)


def _holder(lock: Path) -> Holder | None:
    """Who holds a lock that is taken, as far as it can be known."""
    try:
        holder = Holder(**json.loads(_note(lock).read_text(encoding="utf-8")))
        return holder if _runs(holder.pid) else None
    except (OSError, ValueError, TypeError):
        return None


def _runs(pid: int) -> bool:
    if os.name == "nt":  # where signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    return True
