"""The pace of real train steps, timed for about a second an arm, as many at a time as will train.

Called by `preparation` for `plan --measure`. Trains through the one epoch loop and keeps nothing of
what was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import torch
import torch.multiprocessing as mp

from ablations import training
from ablations.jobs import Worker, data_key
from ablations.plan import RunSpec
from ablations.record import digest
from ablations.run_data import RunData, place

SECONDS = 1.0
_WARM_UP = 3  # steps; the first pay for what later ones have


@dataclass(frozen=True)
class Measured:
    """How fast one arm's training goes: images a second, and seconds a step."""

    images_per_second: float
    step_seconds: float


def measure(
    runs: Sequence[RunSpec], worker: Worker, n_workers: int, seconds: float = SECONDS
) -> dict[str, Measured | None]:
    """The pace of each run by its arm; what has one network, recipe and size is timed once.

    Workers slow each other down, by how much is the machine's; so on a CPU they are timed side by
    side, each in a process of its own, and not one alone.

    Args:
        runs: One an arm.
        worker: What trains them.
        n_workers: How many will train at a time.
        seconds: How long to train each, beside a warm-up of three steps and one step at least.

    Returns:
        None for an arm whose network fails, or diverges at once.
    """
    alike = {run.arm: _alike(run) for run in runs}
    distinct = {_alike(run): run for run in runs}
    n_processes = min(n_workers, len(distinct))
    if n_processes > 1:
        with ProcessPoolExecutor(n_processes, mp.get_context("spawn")) as pool:
            tasks = {key: pool.submit(_time, run, worker, seconds) for key, run in distinct.items()}
            timed = {key: _result(task) for key, task in tasks.items()}
    else:
        timed = {key: _time(run, worker, seconds) for key, run in distinct.items()}
    return {arm: timed[key] for arm, key in alike.items()}


def _alike(run: RunSpec) -> str:
    """Runs of one key take the same time for a step."""
    plain = run.to_dict()
    size = {key: plain["dataset"][key] for key in ("name", "subset", "validation")}
    return digest([*(plain[key] for key in ("variant", "levels", "input_shape", "recipe")), size])


def _result(task: Future[Measured | None]) -> Measured | None:
    try:
        return task.result()
    except BrokenProcessPool:  # killed, as for want of memory
        return None


def _time(run: RunSpec, worker: Worker, seconds: float) -> Measured | None:
    worker = worker.prepared()
    device = torch.device(worker.device)
    try:
        data = place(worker.datasets[data_key(run.dataset)], run, device)
        return _paced(run, data, device, seconds)
    except Exception:  # whatever a network does: `run` makes a record of it
        return None


def _paced(run: RunSpec, data: RunData, device: torch.device, seconds: float) -> Measured | None:
    warm = _train(run, data, device, n_steps=1, n_epochs=_WARM_UP)
    if not warm:
        return None
    step = warm[-1].seconds
    n_steps = max(1, min(-(-len(data.train) // run.recipe.batch_size), int(seconds / step)))
    n_epochs = max(1, int(seconds / step / n_steps))
    epochs = _train(run, data, device, n_steps=n_steps, n_epochs=n_epochs)
    if not epochs:
        return None
    took = sum(epoch.seconds for epoch in epochs)
    n_images = sum(epoch.n_images for epoch in epochs)
    return Measured(n_images / took, took / (n_steps * len(epochs)))


def _train(
    run: RunSpec, data: RunData, device: torch.device, *, n_steps: int, n_epochs: int
) -> list[training.Epoch]:
    """Epochs of the first batches of a run's data, with nothing evaluated between them."""
    few = replace(
        data, train=data.train[: n_steps * run.recipe.batch_size], validation=data.validation[:0]
    )
    recipe = run.recipe.model_copy(update={"epochs": n_epochs, "warmup": 0.0})
    short = replace(run, recipe=recipe, curves="train")
    return training.train(short, few, device, lambda _: None).epochs
