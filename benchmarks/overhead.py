"""What a study costs beside its training: the start of the commands, the end, the tracking.

Commands are processes timed from start to exit. The first train step is the moment at which the
first run was taken up by a worker, as its record has it, less the moment before the command was
started. What tracking costs is timed in a driver whose `Tracker.add_run`, outbox and MLflow
together, is watched while two workers train.

    python benchmarks/overhead.py --rounds 5 --out benchmarks/results/overhead.json
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import (
    ABLATIONS,
    TWO_PROCESSES,
    Tracked,
    environment,
    keep,
    provenance,
    shown,
    spread,
    timed,
    tracked_runs,
    write_study,
)

from ablations.preparation import RunOptions
from ablations.record import RunRecord
from ablations.runner import run_study
from ablations.study_file import load_study
from ablations.tracking.tracker import Tracker

WORKERS = 2
DIGITS = {
    "dataset": {"name": "digits", "subset": 20},
    "control": {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1}},
    "design": "one-factor",
    "factors": {"activation": ["sigmoid", "relu"]},
    "recipe": {"epochs": 1, "batch_size": 10},
}
"""A study of the smallest runs there are, so that all else can be seen."""


def one_start(folder: Path) -> dict[str, float]:
    """Seconds of the commands before a study, of a study of two runs, and after it."""
    file = write_study(folder, design="one-factor", factors={"activation": ["relu"]}, seeds=1)
    environ = environment(MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")

    def seconds(*words: str) -> float:
        return timed([*ABLATIONS, *words], folder, environ).seconds

    found = {"help": seconds("--help"), "plan_without_store": seconds("plan", file.name)}
    ended = timed([*ABLATIONS, "run", file.name, "--no-report", *TWO_PROCESSES], folder, environ)
    runs = tracked_runs(folder / "mlflow.db")
    training = sum(run.metrics["cost/train_seconds"] for run in runs)
    return {
        **found,
        "first_step": (min(run.started_ms for run in runs) - ended.started_ms) / 1000,
        "after_last_run": (ended.ended_ms - max(run.ended_ms for run in runs)) / 1000,
        "run": ended.seconds,
        "train_a_run": training / len(runs),
        "beside_training_in_a_run": _beside(runs),
        "share_not_training": 1 - training / (WORKERS * ended.seconds),
        "nothing_to_do": seconds("run", file.name, "--no-report"),
        "plan_with_store": seconds("plan", file.name),
    }


def _beside(runs: list[Tracked]) -> float:
    """Seconds of a run, as recorded, that are not its training: set-up and evaluation."""
    return statistics.fmean(
        (run.ended_ms - run.started_ms) / 1000 - run.metrics["cost/train_seconds"] for run in runs
    )


def tracking(folder: Path, n_runs: int) -> dict[str, Any]:
    """Milliseconds that the driver spends on keeping a run, and of its processor in all."""
    spent: list[float] = []
    keeps = Tracker.add_run

    def watched(self: Tracker, study: str, trained: RunRecord, files: Mapping[str, bytes]) -> None:
        began = time.perf_counter()
        keeps(self, study, trained, files)
        spent.append(1000 * (time.perf_counter() - began))

    Tracker.add_run = watched  # type: ignore[method-assign]
    file = write_study(folder, study="tracking", seeds=n_runs // 2, **DIGITS)
    options = RunOptions(
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        work_dir=folder / "work",
        device="cpu",
        workers=WORKERS,
    )
    spec, processor = load_study(file), time.process_time()
    try:
        run_study(spec, options)
    finally:
        Tracker.add_run = keeps  # type: ignore[method-assign]
    processor = 1000 * (time.process_time() - processor)
    return {
        "n_runs": len(spent),
        "median_ms": round(statistics.median(spent), 1),
        "nine_in_ten_ms": round(statistics.quantiles(spent, n=10)[-1], 1),
        "driver_processor_ms_a_run": round(processor / len(spent), 1),
    }


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=100, help="in which tracking is timed")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    source, rounds = provenance(), []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
            rounds.append(one_start(Path(folder)))
    start = {name: spread([one[name] for one in rounds]) for name in rounds[0]}
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        tracked = tracking(Path(folder), arguments.runs)
    seconds = start["train_a_run"]["median"]
    tracked["share_of_training"] = round(tracked["median_ms"] / 1000 / seconds, 4)
    for name, found in start.items():
        print(f"{name:<26}{shown(found)}{'' if name.startswith('share') else ' s'}")
    print(
        f"keeping a run: {tracked['median_ms']} ms (nine in ten under "
        f"{tracked['nine_in_ten_ms']}), {tracked['share_of_training']:.1%} of its training"
    )
    content = {"seconds": start, "tracking": tracked, "provenance": source}
    keep(arguments.out, "overhead", content)


if __name__ == "__main__":
    main()
