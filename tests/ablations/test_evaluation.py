"""Evaluation: numbers by hand, and the mode it leaves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from ablations import evaluation


class Fixed(nn.Module):
    """Logits that can be summed by hand: the first pixel is the logit of class 1, 0 of class 0."""

    def forward(self, inputs):
        if self.training:
            raise AssertionError("evaluated in training mode")
        first = inputs[:, 0, 0, 0]
        return torch.stack([torch.zeros_like(first), first], dim=1)


def test_evaluate_by_hand_counts_every_image_once(run, placed, monkeypatch):
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", 2)  # batches of 2 and 1
    pixels = torch.tensor([0, 255, 255], dtype=torch.uint8).reshape(3, 1, 1, 1)
    labels = torch.tensor([0, 1, 0])
    model = Fixed()
    found = evaluation.evaluate(model, placed(run()), pixels, labels, functional.cross_entropy)
    by_hand = [math.log(2), math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))]
    assert found.loss == pytest.approx(sum(by_hand) / 3, rel=1e-6)
    assert found.accuracy == 2 / 3
    assert found.n_examples == 3
    assert found.predictions.tolist() == [0, 1, 1]
    assert found.metrics("test") == {"test/loss": found.loss, "test/accuracy": found.accuracy}


@pytest.mark.parametrize("was_training", [True, False])
def test_evaluate_restores_the_mode(run, placed, was_training):
    data, model = placed(run()), Fixed().train(was_training)
    evaluation.evaluate(
        model, data, data.test_images, data.test_labels % 2, functional.cross_entropy
    )
    assert model.training is was_training


def test_evaluate_refuses_an_empty_split(run, placed):
    data = placed(run())
    nothing, labels = data.images[:0], data.labels[:0]
    with pytest.raises(ValueError, match="evaluate: needs at least one image, got none; check the"):
        evaluation.evaluate(Fixed(), data, nothing, labels, functional.cross_entropy)
