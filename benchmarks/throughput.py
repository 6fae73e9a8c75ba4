"""Images a second of a whole study, against two bare eager loops beside it in the same minutes.

Rounds of the two alternate, since the machine's speed drifts; the ratio of each round is what
counts. The study pays for everything it does: start, evaluation, records and MLflow. The bare loops
pay for nothing but their steps.

    python benchmarks/throughput.py --rounds 3 --seeds 2
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional

from ablations import data
from ablations.options import RunOptions
from ablations.runner import run_study
from ablations.spec import StudySpec
from ablations.study_file import parse_study

BATCH = 256


def study(n_seeds: int) -> StudySpec:
    """The notes' network and its ReLU form, one epoch each."""
    return parse_study(
        {
            "study": "throughput",
            "dataset": "fashion-mnist",
            "control": "lenet",
            "factors": {"activation": ["sigmoid", "relu"]},
            "seeds": n_seeds,
            "recipe": {"epochs": 1, "batch_size": BATCH},
            "endpoint": {"margin": 0.005},
        }
    )


def bare_epoch(activation: str, images: Tensor, labels: Tensor) -> None:
    """One epoch as a person would write it, the data already in memory as floats."""
    torch.set_num_threads(1)
    act = nn.Sigmoid if activation == "sigmoid" else nn.ReLU
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5), act(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5), act(), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(256, 120), act(), nn.Linear(120, 84), act(), nn.Linear(84, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    for batch in torch.randperm(len(images)).split(BATCH):
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimiser.step()


def bare_round(images: Tensor, labels: Tensor, n_epochs: int) -> float:
    """Images a second of `n_epochs` bare epochs in each of two processes, their start left out."""
    context = mp.get_context("fork")
    started = time.perf_counter()
    workers = [
        context.Process(target=_bare_worker, args=(kind, images, labels, n_epochs))
        for kind in ("sigmoid", "relu")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return 2 * n_epochs * len(images) / (time.perf_counter() - started)


def _bare_worker(kind: str, images: Tensor, labels: Tensor, n_epochs: int) -> None:
    for _ in range(n_epochs):
        bare_epoch(kind, images, labels)


def study_round(n_seeds: int, n_images: int) -> float:
    """Images a second of the study, everything included."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        options = RunOptions(
            tracking_uri=f"sqlite:///{folder}/mlflow.db",
            work_dir=Path(folder) / "work",
            device="cpu",
            workers=2,
        )
        records = run_study(study(n_seeds), options)
        return len(records) * n_images / (time.perf_counter() - started)


def main() -> None:
    """Measure in turn and print each round's ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=2, help="runs of the study: twice as many")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    raw = data.load("fashion-mnist")
    images, labels = raw.train_images.float() / 255, raw.train_labels
    ratios = []
    for number in range(1, arguments.rounds + 1):
        bare = bare_round(images, labels, arguments.seeds)
        whole = study_round(arguments.seeds, len(images))
        ratios.append(whole / bare)
        print(
            f"round {number}: bare {bare:,.0f} images/s, study {whole:,.0f}, ratio {ratios[-1]:.2f}"
        )
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
