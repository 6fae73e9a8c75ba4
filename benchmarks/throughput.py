"""Images a second of a longer study, against two bare eager loops and JAX in the same minutes.

All are processes timed from start to exit, in alternation, and the ratio within a round is what
counts. The study pays for everything it does: start, evaluation, records and MLflow. The bare loops
pay for start and steps, and nothing else; JAX, if it is installed, for its compiler, evaluation and
tracking. `whole` counts every second; `steady` counts only the seconds of training that each
reports of itself (JAX without its compiler), on both cores.

Then one study of about ten minutes, alone: what of it is not training.

    python benchmarks/throughput.py --epochs 5 --rounds 3 --out benchmarks/results/throughput.json
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grid import ALL_IMAGES, CONTESTANTS, OURS, Bench, Grid
from harness import Ended, keep, provenance, shown, spread, tracked_runs

BARE, JAX = "bare", "jax"
PROCESSES = {OURS: 2, BARE: 2, JAX: 1}  # that train at a time; JAX's one uses both cores
_TRAINED = re.compile(r"([\d.]+) s of training")


def trained_seconds(ended: Ended, folder: Path) -> list[float]:
    """The seconds of training of each run, as its worker reports them."""
    if printed := _TRAINED.findall(ended.log):
        return [float(seconds) for seconds in printed]
    return [run.metrics["cost/train_seconds"] for run in tracked_runs(folder / "mlflow.db")]


def one_round(bench: Bench, name: str) -> dict[str, float]:
    """The numbers of one contestant, started once."""
    contestant = next(one for one in CONTESTANTS if one.name == name)
    ended, folder = bench.start(contestant)
    bench.accuracies(folder)  # refuses a study that lacks runs
    training = sum(trained_seconds(ended, folder)) / PROCESSES[name]
    return {
        "seconds": ended.seconds,
        "whole": bench.grid.n_trained / ended.seconds,
        "steady": bench.grid.n_trained / training,
        "not_training": 1 - training / ended.seconds,
    }


def summary(rounds: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """Spreads of each, and of the ratios of the study to the others."""
    others = [name for name in rounds if name != OURS]
    return {
        name: {key: spread([one[key] for one in found], 4) for key in found[0]}
        for name, found in rounds.items()
    } | {
        f"ratio_to_{name}": {
            key: spread(
                [
                    ours[key] / other[key]
                    for ours, other in zip(rounds[OURS], rounds[name], strict=True)
                ]
            )
            for key in ("whole", "steady")
        }
        for name in others
    }


def in_turn(bench: Bench, names: Sequence[str], n_rounds: int) -> dict[str, list[dict[str, float]]]:
    """The numbers of each contestant by round."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(n_rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            rounds[name].append(one_round(bench, name))
        told = [f"{name} {rounds[name][-1]['whole']:,.0f}" for name in names]
        print(f"round {number + 1}, images/s: {', '.join(told)}", flush=True)
    return rounds


def main() -> None:
    """Measure in turn, print the table and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=ALL_IMAGES)
    parser.add_argument("--seeds", type=int, default=2, help="runs: four times as many")
    parser.add_argument("--long-seeds", type=int, default=14, help="of the study alone; 0: none")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    extra = Path(os.environ["BENCH_EXTRA"]) if "BENCH_EXTRA" in os.environ else None
    entered = [one for one in CONTESTANTS if one.name in PROCESSES and one.is_installed(extra)]
    source = provenance(extra, [name for one in entered for name in one.libraries])
    grid = Grid(arguments.images, arguments.epochs, arguments.seeds)
    long = Grid(arguments.images, arguments.epochs, arguments.long_seeds)
    with tempfile.TemporaryDirectory(prefix="throughput-") as home:
        bench = Bench(Path(home), grid, extra)
        bench.warm(entered)
        found = summary(in_turn(bench, [one.name for one in entered], arguments.rounds))
        if long.seeds:
            bench.grid = long
            found["long"] = {"grid": vars(long), **one_round(bench, OURS)}
    for key in ("whole", "steady"):
        for name in (one.name for one in entered):
            ratio = shown(found[f"ratio_to_{name}"][key]) if name != OURS else "1"
            print(f"{key:<7}{name:<10} {shown(found[name][key], 0)}, ours over it {ratio}")
    print(f"share of the study that is not training: {shown(found[OURS]['not_training'])}")
    if long.seeds:
        share, seconds = found["long"]["not_training"], found["long"]["seconds"]
        print(f"the same of one that takes {seconds:.0f} s: {share:.3f}")
    keep(arguments.out, "throughput", {"grid": vars(grid), **found, "provenance": source})


if __name__ == "__main__":
    main()
