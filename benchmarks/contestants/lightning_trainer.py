"""Lightning: a module, a trainer and its MLflow logger; two processes share the runs.

Data are in memory and a sampler hands out whole batches, so that no example is fetched alone; bars,
checkpoints and summaries are off.
"""

from __future__ import annotations

import logging
import warnings
from multiprocessing import get_context
from os import environ
from typing import Any

import lightning
import mlflow
import torch
from filelock import FileLock
from lightning.pytorch.loggers import MLFlowLogger
from memory_loop import tensors
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
from torch import Tensor
from torch.nn import functional
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
)


class Lenet(lightning.LightningModule):
    """One variant."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.network = lenet(variant)

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        """The loss of a batch, its mean logged once an epoch."""
        del number
        loss = functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def test_step(self, batch: list[Tensor], number: int) -> None:
        """The accuracy on a batch; the trainer means it over all."""
        del number
        right = self.network(batch[0]).argmax(1) == batch[1]
        self.log(TEST, right.float().mean(), batch_size=len(right))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE, fused=True)


def loader(images: Tensor, labels: Tensor, size: int, *, is_shuffled: bool) -> DataLoader[Any]:
    """Batches cut from tensors at once."""
    data = TensorDataset(images, labels)
    sampler = RandomSampler(data) if is_shuffled else SequentialSampler(data)
    batches = BatchSampler(sampler, size, drop_last=False)
    return DataLoader(data, sampler=batches, batch_size=None)


def perform(asked: Asked, runs: list[Run]) -> list[float]:
    """In a process: train, test and log some runs; their test accuracies."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    train = loader(*tensors(asked, "train"), BATCH, is_shuffled=True)
    test = loader(*tensors(asked, "test"), EVALUATION_BATCH, is_shuffled=False)
    uri, reached = environ["MLFLOW_TRACKING_URI"], []
    with FileLock("store.lock"):
        mlflow.set_experiment(EXPERIMENT)
    for run in runs:
        lightning.seed_everything(run.seed, verbose=False)
        logger = MLFlowLogger(EXPERIMENT, run_name=run.name, tracking_uri=uri)
        logger.log_hyperparams(run.params)
        trainer = lightning.Trainer(
            max_epochs=asked.epochs,
            accelerator="cpu",
            logger=logger,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = Lenet(run.variant)
        trainer.fit(module, train)
        reached.append(trainer.test(module, test, verbose=False)[0][TEST])
    return reached


if __name__ == "__main__":
    ASKED = asked()
    shares = [ASKED.runs[number::PROCESSES] for number in range(PROCESSES)]
    with get_context("spawn").Pool(PROCESSES) as pool:
        for share, found in zip(
            shares, pool.starmap(perform, [(ASKED, share) for share in shares]), strict=True
        ):
            for run, accuracy in zip(share, found, strict=True):
                print(f"{run.name}: {TEST} {accuracy:.4f}")
