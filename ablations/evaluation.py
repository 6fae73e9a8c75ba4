"""A network's loss and accuracy over a whole split, in large batches and in eval mode.

Called after every epoch for the validation images, and at the end of a run for the test images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ablations.plan import RunSpec
from ablations.pooling import QuickPooling
from ablations.recipes import Loss, evaluation_loss, precise, sum_dtype
from ablations.run_data import RunData

EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Evaluation:
    """Mean loss (nats an example for cross entropy) and accuracy over `n_examples` images."""

    loss: float
    accuracy: float
    n_examples: int
    predictions: Tensor

    def metrics(self, split_name: str) -> dict[str, float]:
        """Named as they are stored."""
        return {f"{split_name}/loss": self.loss, f"{split_name}/accuracy": self.accuracy}


def evaluate_test(model: nn.Module, run: RunSpec, data: RunData) -> Evaluation:
    """On the test images; beside the probes, the only place that reads them."""
    with precise(run.recipe):
        loss = evaluation_loss(run.recipe)
        return evaluate(model, data, data.test_images, data.test_labels, loss)


@torch.inference_mode()
def evaluate(
    model: nn.Module, data: RunData, images: Tensor, labels: Tensor, loss: Loss
) -> Evaluation:
    """Mean loss and accuracy over every image, in eval mode; the former mode is restored.

    Shape:
        images (N, C, H, W) raw pixels; labels (N,); predictions (N,) class indices.

    Raises:
        ValueError: There are no images.
    """
    if not len(images):
        raise ValueError("evaluate: needs at least one image, got none; check the split")
    was_training = model.training
    model.eval()
    loss_sum = torch.zeros((), dtype=sum_dtype(images.device), device=images.device)
    predictions = []
    for start in range(0, len(images), EVALUATION_BATCH):
        batch = slice(start, start + EVALUATION_BATCH)
        with QuickPooling():
            logits = model(data.inputs(images[batch]))
        loss_sum += loss(logits, labels[batch]) * len(logits)
        predictions.append(logits.argmax(dim=1))
    model.train(was_training)
    predicted = torch.cat(predictions)
    n_right = (predicted == labels).sum()
    n = len(images)
    return Evaluation(loss_sum.item() / n, n_right.item() / n, n, predicted)
