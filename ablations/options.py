"""How a study is run: what the command line and users of `run_study` may choose.

Loads nothing heavy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEFAULT_WORK_DIR = Path(".ablations")
CHECKPOINT_SECONDS = 10.0
"""The least time between two checkpoints: a run that is shorter trains again from its start."""


@dataclass(frozen=True)
class RunOptions:
    """How a study is run; numbers depend on the device and, by rounding, on its stacks.

    Attributes:
        tracking_uri: The MLflow store; see `ablations.tracking.store.tracking_uri`.
        work_dir: Where the outbox, the checkpoints and the lock are.
        data_dir: Where data sets are looked for first.
        device: `auto`, `cpu`, `cuda` or `mps`.
        workers: Worker processes; None means one a core.
        executor: None means `local` on a CPU, else `inline`.
        retry_failed: Train runs again that failed (out of memory, an exception, a killed worker).
        fresh: Train every planned run again, as a new attempt.
        wait: Wait for another driver to end where one is at work.
        only: Arms to train in this call; empty means all.
        seeds: Seeds to train in this call; empty means all.
        stack: Runs that are trained in one program, at most; None means as many as fit on a GPU,
            but no more than 32, and one elsewhere.
        cuda_graphs: Compile the step of stacks to CUDA graphs.
        checkpoint_seconds: The least time between two checkpoints of a run.
        study_file: Where the study was read from: its plug-ins lie beside it, and what is wrong
            with it is told under its name. Without one, plug-ins lie in the current folder.
    """

    tracking_uri: str | None = None
    work_dir: Path = DEFAULT_WORK_DIR
    data_dir: Path | None = None
    device: str = "auto"
    workers: int | None = None
    executor: Literal["local", "inline"] | None = None
    retry_failed: bool = False
    fresh: bool = False
    wait: bool = False
    only: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    stack: int | None = None
    cuda_graphs: bool = False
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    study_file: Path | None = None

    @property
    def n_workers(self) -> int:
        """Worker processes of the local executor."""
        if self.workers:
            return self.workers
        if hasattr(os, "sched_getaffinity"):  # the cores this process may use, where Linux tells
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
