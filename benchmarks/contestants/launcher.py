"""The hand-written in-memory loop under a launcher with two processes, as a multirun with joblib.

Each worker imports torch and MLflow, opens the store and logs its own runs, one batch of numbers an
epoch. A lock keeps the two from making the store at once.
"""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

from task import EXPERIMENT, PROCESSES, TEST, Asked, Run, asked


class Session:
    """What one worker process has open for all of its runs."""

    current: Session | None = None

    def __init__(self, asked: Asked) -> None:
        import mlflow  # noqa: PLC0415 (the launcher itself needs none of it)
        import torch  # noqa: PLC0415
        from filelock import FileLock  # noqa: PLC0415
        from memory_loop import tensors  # noqa: PLC0415

        torch.set_num_threads(1)
        with FileLock("store.lock"):
            mlflow.set_experiment(EXPERIMENT)
        self.epochs, self.mlflow = asked.epochs, mlflow
        self.train, self.test = tensors(asked, "train"), tensors(asked, "test")

    def perform(self, run: Run) -> float:
        """Train, evaluate and log one run; its test accuracy."""
        from memory_loop import accuracy, begun, train_epoch  # noqa: PLC0415

        with self.mlflow.start_run(run_name=run.name):
            self.mlflow.log_params(run.params)
            model, optimiser = begun(run)
            for epoch in range(self.epochs):
                loss = train_epoch(model, optimiser, *self.train)
                reached = accuracy(model, *self.test)
                self.mlflow.log_metrics({"train/loss": loss.item(), TEST: reached}, step=epoch + 1)
        return reached


def start(asked: Asked) -> None:
    """Once in each worker."""
    Session.current = Session(asked)


def perform(run: Run) -> float:
    """In a worker."""
    if Session.current is None:
        raise RuntimeError("the worker was not started")
    return Session.current.perform(run)


if __name__ == "__main__":
    Path("mlruns").mkdir(exist_ok=True)
    ASKED = asked()
    with get_context("spawn").Pool(PROCESSES, start, (ASKED,)) as pool:
        for run, reached in zip(ASKED.runs, pool.imap(perform, ASKED.runs), strict=True):
            print(f"{run.name}: {TEST} {reached:.4f}")
