"""What a call of `run` is at, left in a small file of the working folder for other terminals.

Written by the driver as things happen, read by `status`. Whether that driver still lives, its lock
tells; the file alone does not.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ablations.executors.base import Began, Ended, EpochEnded
from ablations.progress import Pace, Told
from ablations.record import now_ms, run_name

LIVE_FILE = "live.json"
EPOCH_SECONDS = 0.5
"""Ends of epochs nearer than this to the last writing are told with the next one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AtWork:
    """A run that a worker is at.

    Attributes:
        n_epochs: Of its training; 0 where a trained run is probed.
        epoch: Epochs that have ended, those before a checkpoint included.
        started_ms: When the worker took it.
    """

    run_key: str
    arm: str
    seed: int
    worker: int
    n_epochs: int
    started_ms: int
    epoch: int = 0
    comparison: str = "shared"
    trial: int | None = None

    @property
    def name(self) -> str:
        """What a person calls the run."""
        return run_name(self.arm, self.seed, comparison=self.comparison, trial=self.trial)


@dataclass(frozen=True)
class Snapshot:
    """How far a call of `run` is.

    Attributes:
        is_searching: Whether it is at the trials by which recipes are chosen, before the runs.
        n_jobs: Trials, or runs to train or probe, as far as is known; `n_ended` of them are over.
        n_failed: Failed runs of the study, of earlier calls too.
        seconds_left: From its pace so far; None before the first epoch.
        written_ms: When this was so.
    """

    study: str
    tracking_uri: str
    is_searching: bool = False
    n_jobs: int = 0
    n_ended: int = 0
    n_failed: int = 0
    images_per_second: float = 0.0
    seconds_left: float | None = None
    at_work: tuple[AtWork, ...] = ()
    written_ms: int = field(default_factory=now_ms)


class LiveFile:
    """The driver's side: takes in events, keeps the file up to date, and removes it at the end."""

    def __init__(self, work_dir: Path, study: str, tracking_uri: str) -> None:
        self.path = work_dir / LIVE_FILE
        self._blank = Snapshot(study, tracking_uri)
        self._pace = Pace()
        self._at_work: dict[str, AtWork] = {}
        self._written = 0.0

    def observe(self, event: Told) -> None:
        """Take in one event."""
        self._pace.take(event)
        if isinstance(event, Began):
            run = event.job.run
            n_epochs = 0 if event.job.weights else run.recipe.epochs
            self._at_work[run.run_key] = AtWork(
                run.run_key,
                run.arm,
                run.seed,
                event.worker,
                n_epochs,
                event.started_ms,
                comparison=run.comparison,
                trial=run.trial,
            )
        elif isinstance(event, EpochEnded):
            key = event.job.run.run_key
            self._at_work[key] = replace(self._at_work[key], epoch=event.epoch.number)
            if time.monotonic() - self._written < EPOCH_SECONDS:
                return
        elif isinstance(event, Ended):
            self._at_work.pop(event.outcome.job.run.run_key)
        self._write()

    def _write(self) -> None:
        pace = self._pace
        now = replace(
            self._blank,
            is_searching=pace.is_searching,
            n_jobs=pace.n_jobs,
            n_ended=pace.n_ended,
            n_failed=pace.n_failed,
            images_per_second=pace.images_per_second,
            seconds_left=pace.seconds_left,
            at_work=tuple(sorted(self._at_work.values(), key=lambda one: one.worker)),
            written_ms=now_ms(),
        )
        unfinished = self.path.with_suffix(".part")
        try:
            unfinished.write_text(json.dumps(asdict(now)), encoding="utf-8")
            unfinished.replace(self.path)
        except OSError as error:  # a full disk takes the view and not the study
            _log.warning("%s cannot be written (%s)", self.path, error)
        self._written = time.monotonic()

    def remove(self) -> None:
        """The call is over."""
        for path in (self.path, self.path.with_suffix(".part")):
            path.unlink(missing_ok=True)


def read_snapshot(work_dir: Path) -> Snapshot | None:
    """What the driver of a working folder wrote last; None where there is nothing to read."""
    try:
        raw: Mapping[str, Any] = json.loads((work_dir / LIVE_FILE).read_text(encoding="utf-8"))
        at_work = tuple(AtWork(**one) for one in raw["at_work"])
        return Snapshot(**{**raw, "at_work": at_work})
    except (OSError, ValueError, TypeError, KeyError):
        return None
