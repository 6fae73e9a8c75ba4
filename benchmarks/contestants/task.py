"""What every contestant of the grid is given: the runs, the data, the network, the names to log.

Each contestant is a process of its own, started in an empty folder with `MLFLOW_TRACKING_URI` set.
It trains every run of `asked()` on the data in `--data` and logs each as `Run.name` with `TEST`.
Nothing here imports a library that not every contestant needs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import nn

BATCH, LEARNING_RATE, EVALUATION_BATCH = 256, 0.001, 1000
TEST = "test/accuracy"
EXPERIMENT = "grid"
PROCESSES = 2
VARIANTS = {
    "control": ("sigmoid", "max"),
    "activation=relu": ("relu", "max"),
    "pooling=avg": ("sigmoid", "avg"),
    "activation=relu,pooling=avg": ("relu", "avg"),
}

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """One training of one variant."""

    variant: str
    seed: int

    @property
    def name(self) -> str:
        """As it is logged."""
        return f"{self.variant} s{self.seed}"

    @property
    def params(self) -> dict[str, object]:
        """What is logged beside the numbers."""
        activation, pooling = VARIANTS[self.variant]
        fixed = {"optimizer": "adam", "learning_rate": LEARNING_RATE, "batch_size": BATCH}
        return {"activation": activation, "pooling": pooling, "seed": self.seed, **fixed}


@dataclass(frozen=True)
class Asked:
    """What one contestant is to do."""

    data: Path
    epochs: int
    seeds: int

    @property
    def runs(self) -> list[Run]:
        """Every run: the seeds of one variant side by side."""
        return [Run(variant, seed) for variant, seed in product(VARIANTS, range(self.seeds))]

    def arrays(self, part: str) -> tuple[Images, Labels]:
        """Images and labels of `train` or `test`.

        Shape:
            (N, 28, 28) uint8; (N,) int64.
        """
        return np.load(self.data / f"{part}_images.npy"), np.load(self.data / f"{part}_labels.npy")


def asked() -> Asked:
    """From the command line."""
    parser = argparse.ArgumentParser(description="One contestant of benchmarks/grid.py.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    return Asked(arguments.data, arguments.epochs, arguments.seeds)


def lenet(variant: str) -> nn.Sequential:
    """The network as a person would write it in PyTorch."""
    from torch import nn  # noqa: PLC0415 (not every contestant has it)

    activation, pooling = VARIANTS[variant]
    act = nn.Sigmoid if activation == "sigmoid" else nn.ReLU
    pool = nn.MaxPool2d if pooling == "max" else nn.AvgPool2d
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), act(), pool(2, 2),
        nn.Conv2d(6, 16, 5), act(), pool(2, 2),
        nn.Flatten(), nn.Linear(256, 120), act(), nn.Linear(120, 84), act(), nn.Linear(84, 10),
    )  # fmt: skip
