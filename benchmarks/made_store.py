"""A stored study for `reporting`: a real plan and a real store, and made-up runs.

What a run came to is made up, and kept as real ones keep it, by the driver's own tracker: record,
curves, probe, the answers to 10,000 test images. Weights are left out, since no report reads them.

    python benchmarks/made_store.py FOLDER N_RUNS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from planning import FACTS

from ablations import devices
from ablations.outcomes import packed_answers
from ablations.plan import RunSpec, make_plan
from ablations.probe_cards import MOST_PIXELS, ProbeSpec
from ablations.probes import probe_key
from ablations.record import EXAMPLES_FILE, Measurement, RunRecord, RunState, now_ms
from ablations.study_file import parse_study
from ablations.tracking.tracker import Tracker
from lenet_variants import measure

STUDY = "reporting"
N_IMAGES, N_EPOCHS = 10_000, 5
FACTORS = {
    "activation": ["sigmoid", "relu"],
    "pooling": ["max", "avg"],
    "channels": [[4, 8], [6, 16], [8, 16], [12, 32], [16, 32]],
}
N_ARMS = 20


def make_store(folder: Path, n_runs: int) -> None:
    """A store in `folder` with every run of a grid of 20 arms."""
    spec = parse_study(
        {
            "study": STUDY,
            "question": "How fast is a report?",
            "dataset": "fashion-mnist",
            "control": "lenet",
            "design": "grid",
            "factors": FACTORS,
            "seeds": n_runs // N_ARMS,
            "recipe": {"epochs": N_EPOCHS},
            "endpoint": {"margin": 0.005},
            "probes": ["shift"],
        }
    )
    plan = make_plan(spec, {spec.dataset.name: FACTS}, measure)
    tracker = Tracker(f"sqlite:///{folder / 'mlflow.db'}", folder / ".ablations")
    tracker.open_study(plan)
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=N_IMAGES).astype(np.int16)
    level = {arm.name: 0.85 + 0.005 * number for number, arm in enumerate(plan.arms)}
    hardness = rng.normal(size=N_IMAGES)
    for run in plan.runs:
        noisy = hardness + rng.normal(scale=0.5, size=N_IMAGES)
        correct = noisy < np.quantile(noisy, level[run.arm] + rng.normal(scale=0.003))
        predicted = np.where(correct, labels, (labels + 1) % 10).astype(np.int16)
        examples = {EXAMPLES_FILE: packed_answers(predicted, labels)}
        tracker.add_run(STUDY, made_record(run, float(correct.mean()), rng), examples)
    tracker.close_study(STUDY, "FINISHED")


SHIFT = ProbeSpec("shift")


def made_record(run: RunSpec, accuracy: float, rng: np.random.Generator) -> RunRecord:
    """The record of a run that came to this accuracy."""
    epochs = np.arange(1, N_EPOCHS + 1)
    accuracies = accuracy - 0.3 / epochs + rng.normal(scale=0.005, size=N_EPOCHS)
    seconds = rng.uniform(3.0, 4.0, size=N_EPOCHS).tolist()
    clock = now_ms()
    pixels = range(MOST_PIXELS + 1)
    shifts = {f"probe/shift/accuracy_{n}": accuracy * 0.8**n for n in pixels}
    shifts |= {f"probe/shift/consistency_{n}": 0.8**n for n in pixels[1:]}
    return RunRecord(
        run_key=run.run_key,
        state=RunState.FINISHED,
        arm=run.arm,
        comparison=run.comparison,
        seed=run.seed,
        spec=run.to_dict(),
        environment=devices.environment(torch.device("cpu")),
        started_ms=clock - round(1000 * sum(seconds)),
        finished_ms=clock,
        metrics={
            "train/loss": float(1 - accuracies[-1]),
            "train/accuracy": float(accuracies[-1]),
            "test/loss": 1.1 * (1 - accuracy),
            "test/accuracy": accuracy,
            "cost/train_seconds": sum(seconds),
            "cost/epoch_seconds": sum(seconds) / N_EPOCHS,
            "cost/images_per_second": 60_000 * N_EPOCHS / sum(seconds),
            "cost/evaluation_seconds": 0.5,
            "cost/peak_memory_bytes": 5e8,
            "cost/latency_1_seconds": 3e-4,
            "cost/latency_256_seconds": 1e-2,
            "cost/stack_size": 1.0,
        },
        curves={
            "train/loss": (1 - accuracies).tolist(),
            "train/accuracy": accuracies.tolist(),
        },
        epoch_seconds=seconds,
        measurements=(Measurement("shift", probe_key(run.run_key, SHIFT), shifts, clock),),
    )


if __name__ == "__main__":
    make_store(Path(sys.argv[1]), int(sys.argv[2]))
