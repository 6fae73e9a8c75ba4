"""The loop that a person writes by hand once the data are in memory as floats; one torch thread.

`bare` and `launcher` train with it.
"""

from __future__ import annotations

from functools import cache

import torch
from task import BATCH, EVALUATION_BATCH, LEARNING_RATE, Asked, Run, lenet
from torch import Tensor, nn
from torch.nn import functional


@cache
def tensors(asked: Asked, part: str) -> tuple[Tensor, Tensor]:
    """Images as floats and labels, read once a process.

    Shape:
        (N, 1, 28, 28) float32; (N,) int64.
    """
    images, labels = asked.arrays(part)
    return torch.from_numpy(images).unsqueeze(1).float() / 255, torch.from_numpy(labels)


def begun(run: Run) -> tuple[nn.Sequential, torch.optim.Optimizer]:
    """The run's network before its first step, and its optimiser."""
    torch.manual_seed(run.seed)
    model = lenet(run.variant)
    return model, torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)


def train_epoch(
    model: nn.Module, optimiser: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> Tensor:
    """One pass over the images; the loss of its last batch."""
    for batch in torch.randperm(len(images)).split(BATCH):
        optimiser.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimiser.step()
    return loss.detach()


@torch.inference_mode()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images that the network gets right."""
    predicted = torch.cat([model(part).argmax(1) for part in images.split(EVALUATION_BATCH)])
    return (predicted == labels).float().mean().item()
