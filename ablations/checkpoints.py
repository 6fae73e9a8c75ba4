"""Checkpoints: the state of a run at the end of an epoch, from which it goes on if it is killed.

Written by the worker that trains the run, removed by the driver once the run is stored. Nothing
here decides what a state holds; that is `training`'s.
"""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ablations import faults
from ablations.options import CHECKPOINT_SECONDS

_FOLDER, _SUFFIX = "checkpoints", ".pt"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints in one working folder.

    Attributes:
        work_dir: The working folder.
        seconds: The least time between two checkpoints of a run.
    """

    work_dir: Path
    seconds: float = CHECKPOINT_SECONDS

    def of(self, run_key: str, env_key: str) -> Checkpoint:
        """The checkpoint of one run in one environment."""
        name = f"{run_key[:16]}-{env_key[:16]}{_SUFFIX}"
        return Checkpoint(self.folder / name, run_key, env_key, self.seconds)

    @property
    def folder(self) -> Path:
        """Where they lie, if there are any."""
        return self.work_dir / _FOLDER

    def unfinished(self) -> list[Path]:
        """Files that a worker was writing when it died.

        Asked under the driver's lock: they may be those of a worker at work.
        """
        return sorted(path for path in self.folder.glob("*") if path.suffix != _SUFFIX)

    def finished(self) -> list[Path]:
        """Those that are whole: a run can go on from each, if it is trained again."""
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def sweep(self) -> None:
        """Remove what `unfinished` finds."""
        for path in self.unfinished():
            path.unlink(missing_ok=True)


class Checkpoint:
    """One run's checkpoint; see `Checkpoints.of`."""

    def __init__(self, path: Path, run_key: str, env_key: str, seconds: float) -> None:
        self.path = path
        self._names = {"run_key": run_key, "env_key": env_key}
        self._seconds = seconds
        self._written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """The state that was written last; None if there is none that can be read."""
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            _log.warning("checkpoint %s cannot be read (%s); the run starts anew", self.path, error)
            return None
        state: dict[str, Any] = content.pop("state")
        return state if content == self._names else None  # else the names only begin alike

    def is_due(self) -> bool:
        """Whether enough time has passed since the last one to be worth writing another."""
        return time.monotonic() - self._written >= self._seconds

    def write(self, state: Mapping[str, Any]) -> None:
        """Put a state in place of the one before it, whole or not at all; see `write_together`."""
        write_together([(self, state)])

    @property
    def _draft(self) -> Path:
        """Where this process writes before the file has its name."""
        return self.path.with_suffix(f".{os.getpid()}")

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the file, without its name yet."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({**self._names, "state": dict(state)}, self._draft)

    def name(self) -> None:
        """Put the file that was saved in place of the one before it."""
        self._draft.replace(self.path)
        self._written = time.monotonic()

    def give_up(self, error: Exception) -> None:
        """Leave the file before in its place, and try again as late as after a success."""
        _log.warning("checkpoint %s cannot be written (%s)", self.path, error)
        with suppress(OSError):
            self._draft.unlink()
        self._written = time.monotonic()

    def remove(self) -> None:
        """Drop it, if there is one, and what a worker that died while it wrote one has left."""
        for path in self.path.parent.glob(f"{self.path.stem}.*"):
            path.unlink(missing_ok=True)


def write_together(states: Sequence[tuple[Checkpoint, Mapping[str, Any]]]) -> None:
    """Put the states of one program in place of those before them.

    All files are written before the first gets its name, so that a worker killed here hardly ever
    leaves states of two epochs, from which a stack cannot go on. A folder that cannot be written
    costs the checkpoints and not the runs.
    """
    try:
        for checkpoint, state in states:
            checkpoint.save(state)
        faults.reach("checkpoint_unnamed")
        for checkpoint, _ in states:
            checkpoint.name()
    except (OSError, RuntimeError) as error:  # torch says RuntimeError of a full disk
        for checkpoint, _ in states:
            checkpoint.give_up(error)
