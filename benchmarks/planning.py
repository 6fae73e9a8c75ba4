"""Seconds to plan 2,000 runs: arms, keys and counts, and the state of each run in a full store.

Of its own: imports, the data and the store's answer are left out, and the seconds are those of the
processor, since planning is one thread and other programs must not count; seconds of the clock
stand beside them. A study may have many networks or many seeds, so there are two shapes, with
another network in every arm. `first` is the first plan in the process, with all that is loaded and
remembered by it.

    python benchmarks/planning.py --rounds 5 --out benchmarks/results/planning.json
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from harness import keep, provenance

from ablations.arms import DataFacts
from ablations.devices import environment
from ablations.plan import make_plan, run_states
from ablations.record import RunState, StoredRun
from ablations.spec import StudySpec
from ablations.study_file import parse_study
from lenet_variants import measure

GOAL_SECONDS = 2.0
FACTORS = {
    "40 arms x 50 seeds": {
        "activation": ["sigmoid", "relu"],
        "channels": [[4, 8], [6, 16], [8, 16], [12, 32], [16, 32]],
        "hidden": [[64], [84], [120, 84], [240, 120]],
    },
    "400 arms x 5 seeds": {
        "activation": ["sigmoid", "relu", "tanh", "gelu"],
        "pooling": ["max", "avg"],
        "channels": [[4, 8], [6, 16], [8, 16], [12, 32], [16, 32]],
        "hidden": [[120, 84], *([width, width // 2] for width in range(60, 150, 10))],
    },
}
FACTS = DataFacts("0" * 64, 60_000, (1, 28, 28), 10, lambda _: ())


@dataclass(frozen=True)
class Timed:
    """Seconds of the processor for the plan and for the states of its runs, and of the clock."""

    plan: float
    states: float
    clock: float


def study(shape: str) -> StudySpec:
    """A grid of that shape."""
    n_seeds = int(shape.split()[-2])
    return parse_study(
        {
            "study": "planning",
            "dataset": "fashion-mnist",
            "control": "lenet",
            "design": "grid",
            "factors": FACTORS[shape],
            "seeds": n_seeds,
            "endpoint": {"margin": 0.005},
        }
    )


def full_store(spec: StudySpec, env_key: str) -> list[StoredRun]:
    """Every run of the study, finished here."""
    runs = make_plan(spec, {spec.dataset.name: FACTS}, measure).runs
    return [
        StoredRun(str(number), spec.study, run.run_key, env_key, 1, RunState.FINISHED)
        for number, run in enumerate(runs)
    ]


def one_round(spec: StudySpec, stored: list[StoredRun], env_key: str) -> Timed:
    """Plan once, and look every run up."""
    clock, started = time.perf_counter(), time.process_time()
    plan = make_plan(spec, {spec.dataset.name: FACTS}, measure)
    planned = time.process_time()
    states = run_states({run.run_key: env_key for run in plan.runs}, stored)
    ended = time.process_time()
    if set(states.values()) != {"done"} or len(states) != len(stored):
        raise SystemExit("not every run was found in the store")
    return Timed(planned - started, ended - planned, time.perf_counter() - clock)


def measured(shape: str, n_rounds: int) -> dict[str, Any]:
    """The numbers of one shape."""
    spec, env_key = study(shape), environment(torch.device("cpu")).env_key
    started = time.process_time()
    stored = full_store(spec, env_key)
    first = time.process_time() - started
    rounds = [one_round(spec, stored, env_key) for _ in range(n_rounds)]
    seconds = {
        "first": first,
        "median": statistics.median(one.plan + one.states for one in rounds),
        "states_median": statistics.median(one.states for one in rounds),
        "clock_median": statistics.median(one.clock for one in rounds),
    }
    told = {f"{name}_seconds": round(value, 4) for name, value in seconds.items()}
    return {"shape": shape, "n_runs": len(stored), **told}


def main() -> None:
    """Measure every shape, print it and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    source = provenance()
    found = [measured(shape, arguments.rounds) for shape in FACTORS]
    for row in found:
        print(
            f"{row['shape']}: {row['median_seconds']:.2f} s (first {row['first_seconds']:.2f}, "
            f"states {row['states_median_seconds']:.3f}; by the clock "
            f"{row['clock_median_seconds']:.2f}); goal {GOAL_SECONDS:.0f} s"
        )
    content = {"goal_seconds": GOAL_SECONDS, "rounds": arguments.rounds, "shapes": found}
    keep(arguments.out, "planning", {**content, "provenance": source})
    if any(row["median_seconds"] > GOAL_SECONDS for row in found):
        sys.exit("slower than the goal")


if __name__ == "__main__":
    main()
