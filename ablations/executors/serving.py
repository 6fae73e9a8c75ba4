"""A worker's side of its pipe: equipment in, then stacks in, epochs and outcomes out.

Runs in the worker processes; loads torch, and neither MLflow nor pandas.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from ablations import faults
from ablations.executors import logs
from ablations.jobs import Stack, Worker
from ablations.outcomes import Job, Outcome
from ablations.training import Epoch

Told = tuple[str, Epoch] | list[Outcome]
"""What a worker says: the key of a run that finished an epoch, or how some of the stack ended."""


@dataclass(frozen=True)
class Equipment:
    """What a worker is given first; `log` is where its output goes, None for the driver's own."""

    worker: Worker
    log: Path | None


def serve(pipe: Connection) -> None:
    """Take equipment and then stacks, until the driver closes the pipe."""
    try:
        equipment: Equipment = pipe.recv()
        if equipment.log is not None:
            logs.redirect(equipment.log)
        worker = equipment.worker.prepared()
        gc.freeze()  # nothing that was loaded is garbage: do not look there, now or at the end
        faults.reach("worker_ready")
        while True:
            _do(pipe.recv(), worker, pipe, is_logged=equipment.log is not None)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _do(stack: Stack, worker: Worker, pipe: Connection, *, is_logged: bool) -> None:
    say = logs.say if is_logged else lambda _: None

    def on_epoch(job: Job, epoch: Epoch) -> None:
        say(f"{_name(job)}: epoch {epoch.number} of {job.run.recipe.epochs} ended")
        pipe.send((job.run.run_key, epoch))

    for job in stack.jobs:
        say(f"{_name(job)} begins")
    for outcomes in worker.perform(stack, on_epoch):
        faults.reach("run_trained")
        pipe.send(outcomes)


def _name(job: Job) -> str:
    return job.run.name
