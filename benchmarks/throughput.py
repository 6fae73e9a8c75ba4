"""Images a second of a longer study, against two bare eager loops beside it in the same minutes.

Both are processes timed from start to exit, in alternation, and the ratio within a round is what
counts. The study pays for everything it does: start, evaluation, records and MLflow. The bare loops
pay for start and steps, and nothing else. `whole` counts every second; `steady` counts only the
seconds of training that the workers themselves report, twice the images of one process a second.

    python benchmarks/throughput.py --epochs 5 --rounds 3 --out benchmarks/results/throughput.json
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grid import ALL_IMAGES, CONTESTANTS, OURS, Bench, Grid
from harness import Ended, keep, provenance, shown, spread, tracked_runs

BARE, PROCESSES = "bare", 2
_TRAINED = re.compile(r"([\d.]+) s of training")


def trained_seconds(ended: Ended, folder: Path) -> list[float]:
    """The seconds of training of each run, as its worker reports them."""
    store = folder / "mlflow.db"
    if store.exists():
        return [run.metrics["cost/train_seconds"] for run in tracked_runs(store)]
    return [float(seconds) for seconds in _TRAINED.findall(ended.log)]


def one_round(bench: Bench, name: str) -> dict[str, float]:
    """The numbers of one contestant, started once."""
    contestant = next(one for one in CONTESTANTS if one.name == name)
    ended, folder = bench.start(contestant)
    bench.accuracies(folder)  # refuses a study that lacks runs
    training, n_images = sum(trained_seconds(ended, folder)), bench.grid.n_trained
    return {
        "seconds": ended.seconds,
        "whole": n_images / ended.seconds,
        "steady": PROCESSES * n_images / training,
        "not_training": 1 - training / (PROCESSES * ended.seconds),
    }


def summary(rounds: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """Spreads of both, and of the ratios of the study to the bare loops."""
    pairs = list(zip(rounds[OURS], rounds[BARE], strict=True))
    return {
        name: {key: spread([one[key] for one in found], 4) for key in found[0]}
        for name, found in rounds.items()
    } | {
        "ratio": {
            key: spread([ours[key] / bare[key] for ours, bare in pairs])
            for key in ("whole", "steady")
        }
    }


def main() -> None:
    """Measure in turn, print the table and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=ALL_IMAGES)
    parser.add_argument("--seeds", type=int, default=1, help="runs: four times as many")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    source, grid = provenance(), Grid(arguments.images, arguments.epochs, arguments.seeds)
    rounds: dict[str, list[dict[str, float]]] = {OURS: [], BARE: []}
    with tempfile.TemporaryDirectory(prefix="throughput-") as home:
        bench = Bench(Path(home), grid, None)
        bench.warm(())
        for number in range(arguments.rounds):
            for name in (OURS, BARE) if number % 2 else (BARE, OURS):
                rounds[name].append(one_round(bench, name))
            whole = [rounds[name][-1]["whole"] for name in (BARE, OURS)]
            print("round {}: bare {:,.0f} images/s, study {:,.0f}".format(number + 1, *whole))
    found = summary(rounds)
    for key in ("whole", "steady"):
        bare, ours = (shown(found[name][key], 0) for name in (BARE, OURS))
        print(f"{key:<7} bare {bare}, study {ours}, ratio {shown(found['ratio'][key])}")
    print(f"share of the study that is not training: {shown(found[OURS]['not_training'])}")
    keep(arguments.out, "throughput", {"grid": vars(grid), **found, "provenance": source})


if __name__ == "__main__":
    main()
