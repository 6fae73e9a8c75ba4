"""What a probe is given, and the sample of images that it looks at.

Called by every module of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ablations.data import permuted_order, probed_sample, stratified
from ablations.evaluation import EVALUATION_BATCH
from ablations.plan import RunSpec
from ablations.pooling import QuickPooling
from ablations.programs import Weights
from ablations.run_data import RunData

CPU_BATCH = 100
"""A third faster than 1,000 for a LeNet, whose first maps then stay in the caches."""


@dataclass(frozen=True)
class Probed:
    """A trained run, as a probe looks at it.

    Attributes:
        model: In eval mode, with its trained weights; a probe leaves it as it is.
        n_images: At most so many images are looked at.
        kept: Its weights after some of the epochs before the last, by their number.
    """

    run: RunSpec
    model: nn.Module
    data: RunData
    n_images: int = 0
    kept: Mapping[int, Weights] = field(default_factory=dict)

    def test_sample(self) -> tuple[Tensor, Tensor]:
        """Test images and their labels: each class in proportion, the same for all runs.

        Shape:
            (n, C, H, W) raw pixels; (n,) int64.
        """
        chosen = self.test_indices()
        return self.data.test_images[chosen], self.data.test_labels[chosen]

    def test_indices(self) -> Tensor:
        """Where the sample of `test_sample` lies among the test images: (n,) int64, ascending."""
        data = self.data
        return probed_sample(data.test_labels.cpu(), self.n_images).to(data.test_images.device)

    def training_sample(self) -> tuple[Tensor, Tensor]:
        """Training images and labels, likewise; without the images a run holds out."""
        data = self.data
        labels = data.labels.index_select(0, data.train)
        n = min(self.n_images, len(labels))
        chosen = stratified(labels.cpu(), n, np.random.default_rng(0)).to(data.train.device)
        return data.images.index_select(0, data.train[chosen]), labels[chosen]

    def pixel_order(self) -> npt.NDArray[np.int64]:
        """At each place of a flattened image of this arm, which pixel it was before a permutation.

        Returns:
            (H * W,) int64; ascending where the arm permutes nothing.
        """
        run, (height, width) = self.run, self.data.test_images.shape[2:]
        digest = run.identity["data"]["digest"]
        return permuted_order(digest, run.dataset.permutation, (height, width))

    def predict(self, images: Tensor) -> Tensor:
        """The class that the network takes each image for."""
        return torch.cat([self.logits(batch).argmax(dim=1) for batch in batches(images)])

    def logits(self, images: Tensor) -> Tensor:
        """Class scores of raw pixels, in one pass."""
        with QuickPooling():
            scores: Tensor = self.model(self.data.inputs(images))
        return scores


def batches(images: Tensor) -> tuple[Tensor, ...]:
    """Images in batches: all at once, but on a CPU as many as its caches hold."""
    return torch.split(images, CPU_BATCH if images.device.type == "cpu" else EVALUATION_BATCH)


def share(flags: Tensor) -> float:
    """The fraction that is true."""
    return flags.sum().item() / flags.numel()
