"""A data set as one run sees it: on its device, split by the run's seed, normalised by its study.

Called by `jobs` and by whoever trains or evaluates one run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ablations import seeds
from ablations.data import Dataset, affine, split
from ablations.errors import SealedTestError
from ablations.plan import RunSpec


@dataclass(frozen=True)
class RunData:
    """A data set as one run sees it, on its device.

    Attributes:
        test: Test images and their labels; None for a trial, which is chosen by others.

    Shape:
        images (N, C, H, W) uint8; labels (N,) int64; train, validation: indices into images;
        scale, shift (C, 1, 1) floats, so that a network's input is `images * scale + shift`.
    """

    images: Tensor
    labels: Tensor
    test: tuple[Tensor, Tensor] | None
    train: Tensor
    validation: Tensor
    scale: Tensor
    shift: Tensor

    @property
    def test_images(self) -> Tensor:
        """The test images, (N, C, H, W) uint8.

        Raises:
            SealedTestError: This is the data of a trial.
        """
        return self._opened()[0]

    @property
    def test_labels(self) -> Tensor:
        """Their labels, (N,) int64; raises as `test_images` does."""
        return self._opened()[1]

    def _opened(self) -> tuple[Tensor, Tensor]:
        if self.test is None:
            raise SealedTestError(
                "a trial asked for the test images: recipes are chosen by validation images, and "
                "what was chosen by test images cannot be tested on them; use data.validation"
            )
        return self.test

    def inputs(self, pixels: Tensor) -> Tensor:
        """Raw pixels as the network sees them."""
        return pixels.to(self.scale.dtype) * self.scale + self.shift


def place(dataset: Dataset, run: RunSpec, device: torch.device) -> RunData:
    """The data of one run on `device`; what is there already is not copied."""
    rng = seeds.generator(run.root_seed, run.split_seed, "split")
    train, validation = split(dataset.train_labels, run.dataset.validation, rng)
    scale, shift = affine(dataset, run.dataset.normalise)
    return RunData(
        images=dataset.train_images.to(device),
        labels=dataset.train_labels.to(device),
        test=_test(dataset, device) if run.trial is None else None,
        train=train.to(device),
        validation=validation.to(device),
        scale=scale.reshape(-1, 1, 1).to(device),
        shift=shift.reshape(-1, 1, 1).to(device),
    )


def _test(dataset: Dataset, device: torch.device) -> tuple[Tensor, Tensor]:
    return dataset.test_images.to(device), dataset.test_labels.to(device)
