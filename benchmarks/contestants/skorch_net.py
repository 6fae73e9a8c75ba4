"""skorch: a classifier a run, joblib over two processes, its MLflow logger.

Data are in memory; the loader fetches a whole batch by its indices, and only the test images are
scored.
"""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np
import torch
from filelock import FileLock
from joblib import Parallel, delayed
from memory_loop import tensors
from skorch import NeuralNetClassifier
from skorch.callbacks import MlflowLogger
from task import (
    BATCH,
    EVALUATION_BATCH,
    EXPERIMENT,
    LEARNING_RATE,
    PROCESSES,
    TEST,
    Asked,
    Run,
    asked,
    lenet,
)
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
)


class Batches(DataLoader[Any]):
    """A loader that cuts batches from tensors at once."""

    def __init__(self, dataset: TensorDataset, batch_size: int, *, shuffle: bool = False) -> None:
        sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        batches = BatchSampler(sampler, batch_size, drop_last=False)
        super().__init__(dataset, sampler=batches, batch_size=None)


def network(asked: Asked, run: Run) -> NeuralNetClassifier:
    """The classifier of one run."""
    return NeuralNetClassifier(
        lenet(run.variant),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=LEARNING_RATE,
        max_epochs=asked.epochs,
        batch_size=BATCH,
        train_split=None,
        iterator_train=Batches,
        iterator_train__shuffle=True,
        iterator_valid=Batches,
        iterator_valid__batch_size=EVALUATION_BATCH,
        callbacks=[("mlflow", MlflowLogger(terminate_after_train=False))],
        callbacks__valid_acc=None,
        callbacks__print_log=None,
        classes=range(10),
    )


def perform(asked: Asked, run: Run) -> float:
    """In a process: train, score and log one run; its test accuracy."""
    train, test = tensors(asked, "train"), tensors(asked, "test")
    torch.set_num_threads(1)
    torch.manual_seed(run.seed)
    with FileLock("store.lock"):
        mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(run.params)
        net = network(asked, run).fit(*train)
        reached = float((net.predict(test[0]) == np.asarray(test[1])).mean())
        mlflow.log_metric(TEST, reached, step=asked.epochs)
    return reached


if __name__ == "__main__":
    ASKED = asked()
    found = Parallel(n_jobs=PROCESSES)(delayed(perform)(ASKED, run) for run in ASKED.runs)
    for run, accuracy in zip(ASKED.runs, found, strict=True):
        print(f"{run.name}: {TEST} {accuracy:.4f}")
