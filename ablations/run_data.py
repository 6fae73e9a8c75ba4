"""A data set as one run sees it: on its device, split by the run's seed, normalised by its study.

Called by `jobs` and by whoever trains or evaluates one run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ablations import seeds
from ablations.data import Dataset, affine, split
from ablations.plan import RunSpec


@dataclass(frozen=True)
class RunData:
    """A data set as one run sees it, on its device.

    Shape:
        images (N, C, H, W) uint8; labels (N,) int64; train, validation: indices into images;
        scale, shift (C, 1, 1) floats, so that a network's input is `images * scale + shift`.
    """

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    train: Tensor
    validation: Tensor
    scale: Tensor
    shift: Tensor

    def inputs(self, pixels: Tensor) -> Tensor:
        """Raw pixels as the network sees them."""
        return pixels.to(self.scale.dtype) * self.scale + self.shift


def place(dataset: Dataset, run: RunSpec, device: torch.device) -> RunData:
    """The data of one run on `device`; what is there already is not copied."""
    rng = seeds.generator(run.root_seed, run.seed, "split")
    train, validation = split(dataset.train_labels, run.dataset.validation, rng)
    scale, shift = affine(dataset, run.dataset.normalise)
    return RunData(
        images=dataset.train_images.to(device),
        labels=dataset.train_labels.to(device),
        test_images=dataset.test_images.to(device),
        test_labels=dataset.test_labels.to(device),
        train=train.to(device),
        validation=validation.to(device),
        scale=scale.reshape(-1, 1, 1).to(device),
        shift=shift.reshape(-1, 1, 1).to(device),
    )
