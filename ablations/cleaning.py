"""What stopped drivers and workers left behind: found, and removed.

Nothing that is finished, that waits for the store, or that a run could go on from is among it
unless it is asked for. Called under the driver's lock, but for `doctor`, which only looks.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ablations.checkpoints import Checkpoints
from ablations.record import OpenRun
from ablations.tracking.opening import sqlite_path
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import MlflowStore


@dataclass(frozen=True)
class Remains:
    """What is left behind.

    Attributes:
        half_entries: Folders of outbox entries that were being written or removed.
        half_checkpoints: Files of checkpoints that were being written.
        old_checkpoints: Checkpoints of runs that the store has with an outcome.
        live_checkpoints: The others: a run can go on from each.
        open_runs: Studies and runs marked RUNNING that no driver is at, and that do not wait.
    """

    half_entries: tuple[Path, ...] = ()
    half_checkpoints: tuple[Path, ...] = ()
    old_checkpoints: tuple[Path, ...] = ()
    live_checkpoints: tuple[Path, ...] = ()
    open_runs: tuple[OpenRun, ...] = ()

    @property
    def useless(self) -> tuple[Path, ...]:
        """Everything on disk that nobody can use again."""
        return (*self.half_entries, *self.half_checkpoints, *self.old_checkpoints)


def find(work_dir: Path, store: MlflowStore | None) -> Remains:
    """What is left in a working folder, and in a store if it is there.

    Raises:
        StoreError: The store cannot be reached.
    """
    outbox, checkpoints = Outbox(work_dir), Checkpoints(work_dir)
    stored = store.stored_runs() if store else []
    ended = {checkpoints.of(r.run_key, r.env_key).path for r in stored if r.state.is_outcome}
    old = [path for path in checkpoints.finished() if path in ended]
    return Remains(
        half_entries=tuple(outbox.unfinished()),
        half_checkpoints=tuple(checkpoints.unfinished()),
        old_checkpoints=tuple(old),
        live_checkpoints=tuple(path for path in checkpoints.finished() if path not in ended),
        open_runs=tuple(_abandoned(store, outbox)) if store else (),
    )


def remove(remains: Remains, store: MlflowStore | None, *, checkpoints: bool = False) -> None:
    """Remove what is useless, with `checkpoints` those too, and end what is marked RUNNING.

    Raises:
        StoreError: The store cannot be reached.
    """
    for path in (*remains.useless, *(remains.live_checkpoints if checkpoints else ())):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if store is not None:
        for run in remains.open_runs:
            store.end(run)


def size(paths: Iterable[Path]) -> int:
    """Bytes of files, and of all that lies in folders."""
    files = [item for path in paths for item in (path, *path.rglob("*")) if item.is_file()]
    return sum(item.stat().st_size for item in files)


def _abandoned(store: MlflowStore, outbox: Outbox) -> list[OpenRun]:
    """Runs marked RUNNING that nobody will end: the caller holds the lock, so no driver here does.

    A server's studies may be driven on another machine, where no lock of ours reaches.
    """
    waiting = {
        (entry.study, entry.run_key, entry.attempt) for _, entry in outbox.entries(store.uri)
    }
    is_own = sqlite_path(store.uri) is not None
    return [
        run
        for run in store.open_runs()
        if (is_own or run.host == platform.node())
        and (run.study, run.run_key, run.attempt) not in waiting
    ]
