"""The loop of study notes: PIL images, ToTensor and a DataLoader; one run after another.

As in most tutorials, down to the two loader workers; a metric is logged once an epoch.
"""

from __future__ import annotations

from typing import Any

import mlflow
import torch
from task import BATCH, EXPERIMENT, LEARNING_RATE, TEST, Run, asked, lenet
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor


def train_epoch(
    model: nn.Module, optimiser: torch.optim.Optimizer, loader: DataLoader[Any]
) -> float:
    """One pass over the images; the mean loss."""
    model.train()
    total, criterion = 0.0, nn.CrossEntropyLoss()
    for images, labels in loader:
        optimiser.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(images)
    return total / len(loader.dataset)


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader[Any]) -> float:
    """The share of images that the network gets right."""
    model.eval()
    n_right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return n_right / len(loader.dataset)


def perform(run: Run, train: DataLoader[Any], test: DataLoader[Any], epochs: int) -> float:
    """Train and log one run; its test accuracy."""
    torch.manual_seed(run.seed)
    model = lenet(run.variant)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(run.params)
        for epoch in range(epochs):
            mlflow.log_metric("train/loss", train_epoch(model, optimiser, train), step=epoch + 1)
            reached = accuracy(model, test)
            mlflow.log_metric(TEST, reached, step=epoch + 1)
    return reached


if __name__ == "__main__":
    ASKED = asked()
    mlflow.set_experiment(EXPERIMENT)
    parts = {
        is_train: DataLoader(
            FashionMNIST(str(ASKED.data), train=is_train, transform=ToTensor()),
            batch_size=BATCH,
            shuffle=is_train,
            num_workers=2,
        )
        for is_train in (True, False)
    }
    for run in ASKED.runs:
        reached = perform(run, parts[True], parts[False], ASKED.epochs)
        print(f"{run.name}: {TEST} {reached:.4f}")
