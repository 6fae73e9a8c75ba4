"""Seconds of one grid of runs with this project, and with what else a person might use for it.

The grid: four LeNets (sigmoid or ReLU, max or average pooling) x 2 seeds x 1 epoch on all of
Fashion-MNIST, batches of 256, Adam, tested on 10,000 images, tracked in a fresh SQLite store of
MLflow. Each contestant is a process of its own, timed from start to exit: its imports, its
evaluation and its tracking count. Only `bare` neither evaluates nor tracks: it is the floor.
Contestants take turns, in another order each round; what counts is the ratio to ours within a
round. One that took more than twice as long as ours sits out the later rounds, unless `--stay`.

The accuracies are read from each contestant's store, or computed from the weights of `bare`, and
must be those of networks that have been trained, and agree.

    python benchmarks/grid.py --rounds 3 --out benchmarks/results/grid.json

Contestants that need more than this project's own libraries are told as "not installed" without
them. They are found in a folder of their own, so that nothing here changes:

    python -m pip install --target EXTRA --no-deps jax jaxlib ml_dtypes opt_einsum \
        lightning pytorch-lightning lightning-utilities torchmetrics skorch tabulate
    python benchmarks/grid.py --extra EXTRA
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import torch
from harness import (
    ABLATIONS,
    TWO_PROCESSES,
    Ended,
    environment,
    keep,
    provenance,
    shown,
    spread,
    timed,
    tracked_runs,
    write_study,
)

from ablations import data

HOME = Path(__file__).parent / "contestants"
sys.path.append(str(HOME))

from memory_loop import accuracy  # noqa: E402 (found in the folder of the contestants)
from task import TEST, VARIANTS, lenet  # noqa: E402

OURS, TOO_LONG = "ablations", 2.0
LEAST_ACCURACY = 0.7  # of a ReLU network after an epoch of 60,000 images
AGREEMENT = 0.06  # between the mean accuracies of two contestants after that
ALL_IMAGES = 60_000
LIMIT_SECONDS = 1800.0


@dataclass(frozen=True)
class Contestant:
    """A way to train the grid.

    Attributes:
        script: Its file; empty for ours.
        needs: What must be importable.
        libraries: Distributions whose versions are kept.
    """

    name: str
    script: str = ""
    needs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def is_installed(self, extra: Path | None) -> bool:
        """Whether everything it needs is here or in the folder `extra`."""
        places = [*sys.path, *([str(extra)] if extra else [])]
        return all(PathFinder.find_spec(name, places) for name in self.needs)


CONTESTANTS = (
    Contestant(OURS),
    Contestant("bare", "bare.py"),
    Contestant("launcher", "launcher.py"),
    Contestant("jax", "jax_scan.py", ("jax", "jaxlib"), ("jax", "jaxlib")),
    Contestant("skorch", "skorch_net.py", ("skorch", "joblib"), ("skorch", "joblib")),
    Contestant("lightning", "lightning_trainer.py", ("lightning",), ("lightning",)),
    Contestant("notes", "notes.py", ("torchvision",)),
)


@dataclass(frozen=True)
class Grid:
    """How much is trained."""

    n_images: int
    epochs: int
    seeds: int

    @property
    def n_trained(self) -> int:
        """Images that are trained on, counted in each run and epoch."""
        return len(VARIANTS) * self.seeds * self.epochs * self.n_images


class Bench:
    """A folder with the data as contestants read them, and one folder for each start of one."""

    def __init__(self, home: Path, grid: Grid, extra: Path | None) -> None:
        self.home, self.grid, self.extra = home, grid, extra
        self.data = home / "data"
        self._write_data()
        self.n_started = 0

    def _write_data(self) -> None:
        """As arrays, and as the files that torchvision reads."""
        raw, n = data.load("fashion-mnist"), self.grid.n_images
        folder = self.data / "FashionMNIST" / "raw"
        folder.mkdir(parents=True)
        parts = {
            ("train", "train"): (raw.train_images[:n, 0], raw.train_labels[:n]),
            ("test", "t10k"): (raw.test_images[:, 0], raw.test_labels),
        }
        for (name, stem), (images, labels) in parts.items():
            np.save(self.data / f"{name}_images.npy", images.numpy())
            np.save(self.data / f"{name}_labels.npy", labels.numpy())
            for kind, tensor in (("images-idx3", images), ("labels-idx1", labels)):
                array = tensor.numpy().astype(np.uint8)
                sizes = np.asarray(array.shape, ">u4").tobytes()
                start = bytes([0, 0, 8, array.ndim])
                (folder / f"{stem}-{kind}-ubyte").write_bytes(start + sizes + array.tobytes())

    def warm(self, entered: Sequence[Contestant]) -> None:
        """Load every library once, so that nobody pays for a disk that has not been read."""
        names = ["torch", "mlflow", *(name for one in entered for name in one.needs)]
        words = [sys.executable, "-c", f"import {', '.join(names)}"]
        timed(words, self.home, environment(self.extra))

    def start(self, contestant: Contestant) -> tuple[Ended, Path]:
        """Time one contestant in an empty folder; what it left is there."""
        self.n_started += 1
        folder = self.home / f"{self.n_started}-{contestant.name}"
        folder.mkdir()
        if contestant.script:
            words = [sys.executable, str(HOME / contestant.script), "--data", str(self.data)]
            words += ["--epochs", str(self.grid.epochs), "--seeds", str(self.grid.seeds)]
        else:
            words = [*ABLATIONS, "run", self._study(folder).name, "--no-report", *TWO_PROCESSES]
        store = f"sqlite:///{folder / 'mlflow.db'}"
        environ = environment(self.extra, MLFLOW_TRACKING_URI=store)
        return timed(words, folder, environ, limit_seconds=LIMIT_SECONDS), folder

    def _study(self, folder: Path) -> Path:
        grid = self.grid
        dataset: dict[str, object] = {"name": "fashion-mnist"}
        if grid.n_images < ALL_IMAGES:
            dataset |= {"subset": grid.n_images}
        recipe = {"optimizer": "adam", "epochs": grid.epochs, "batch_size": 256}
        return write_study(folder, dataset=dataset, seeds=grid.seeds, recipe=recipe)

    def accuracies(self, folder: Path) -> dict[str, float]:
        """The test accuracy of every run, from the store or from the weights.

        Raises:
            SystemExit: Some run is missing.
        """
        store = folder / "mlflow.db"
        found = dict(self._tracked(store) if store.exists() else self._evaluated(folder))
        wanted = {f"{name} s{seed}" for name in VARIANTS for seed in range(self.grid.seeds)}
        if found.keys() != wanted:
            raise SystemExit(f"{folder.name}: runs must be {sorted(wanted)}, got {sorted(found)}")
        return found

    def _tracked(self, store: Path) -> Iterator[tuple[str, float]]:
        for run in tracked_runs(store):
            if run.status == "FINISHED" and TEST in run.metrics:
                yield run.name, run.metrics[TEST]

    def _evaluated(self, folder: Path) -> Iterator[tuple[str, float]]:
        images = torch.from_numpy(np.load(self.data / "test_images.npy")).unsqueeze(1).float() / 255
        labels = torch.from_numpy(np.load(self.data / "test_labels.npy"))
        for file in sorted((folder / "weights").glob("*.pt")):
            name = unquote(file.stem)
            model = lenet(name.rpartition(" ")[0])
            model.load_state_dict(torch.load(file, weights_only=True))
            yield name, accuracy(model, images, labels)


def by_variant(accuracies: Mapping[str, float]) -> dict[str, float]:
    """Mean test accuracy of each variant over its seeds."""
    return {
        variant: round(
            statistics.fmean(
                value for name, value in accuracies.items() if name.rpartition(" ")[0] == variant
            ),
            4,
        )
        for variant in VARIANTS
    }


def doubts(found: Mapping[str, Mapping[str, float]], grid: Grid) -> list[str]:
    """What says that a contestant did not do the same work; judged where an epoch is whole.

    By the ReLU networks: after an epoch, those with sigmoids may be on their first plateau still.
    """
    if grid.n_images * grid.epochs < ALL_IMAGES:
        return []
    texts = []
    for variant in (name for name in VARIANTS if "relu" in name):
        reached = {name: means[variant] for name, means in found.items()}
        texts += [
            f"{name}: {variant} reached {value:.3f}, at least {LEAST_ACCURACY} was expected"
            for name, value in reached.items()
            if value < LEAST_ACCURACY
        ]
        apart = max(reached.values()) - min(reached.values())
        if apart > AGREEMENT:
            texts.append(f"{variant}: contestants are {apart:.3f} apart: {reached}")
    return texts


def rounds_of(
    bench: Bench, entered: Sequence[Contestant], n_rounds: int, *, stay: bool
) -> tuple[list[dict[str, float]], dict[str, dict[str, float]]]:
    """Seconds of each contestant by round, and its accuracies by variant."""
    seconds: list[dict[str, float]] = []
    means: dict[str, dict[str, float]] = {}
    present = list(entered)
    for number in range(n_rounds):
        turn = number % len(present)
        this: dict[str, float] = {}
        for contestant in present[turn:] + present[:turn]:
            ended, folder = bench.start(contestant)
            this[contestant.name] = ended.seconds
            means[contestant.name] = by_variant(bench.accuracies(folder))
            print(f"round {number + 1}: {contestant.name:<10} {ended.seconds:7.1f} s", flush=True)
        seconds.append(this)
        if not stay and OURS in this:
            present = [one for one in present if this[one.name] <= TOO_LONG * this[OURS]]
    return seconds, means


def told(seconds: Sequence[Mapping[str, float]], name: str, grid: Grid) -> dict[str, Any]:
    """The numbers of one contestant; its ratios are to ours in the same round."""
    own = [this[name] for this in seconds if name in this]
    ratios = [this[name] / this[OURS] for this in seconds if name in this and OURS in this]
    return {
        "seconds": spread(own, 2),
        "images_per_second": round(grid.n_trained / statistics.median(own)),
        **({"ratio_to_ours": spread(ratios)} if ratios else {}),
    }


def print_table(rows: Mapping[str, Any]) -> None:
    """Seconds and ratios, a row a contestant."""
    print(f"{'':<11}{'seconds':>24}{'ratio to ours':>24}{'images/s':>10}  rounds")
    for name, row in rows.items():
        if "seconds" not in row:
            print(f"{name:<11}{row['state']:>24}")
            continue
        ratio = shown(row["ratio_to_ours"]) if "ratio_to_ours" in row else ""
        n_rounds, rate = len(row["seconds"]["rounds"]), row["images_per_second"]
        print(f"{name:<11}{shown(row['seconds'], 1):>24}{ratio:>24}{rate:>10,}  {n_rounds}")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [contestant.name for contestant in CONTESTANTS]
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--images", type=int, default=ALL_IMAGES)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--contestants", nargs="+", choices=names, default=names)
    parser.add_argument("--stay", action="store_true", help="the slow ones in every round too")
    extra = os.environ.get("BENCH_EXTRA")
    parser.add_argument(
        "--extra",
        type=Path,
        default=Path(extra) if extra else None,
        help="a folder with further libraries; BENCH_EXTRA by default",
    )
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    return parser.parse_args()


def main() -> None:
    """Let them take turns; print the table, write it down; 1 if the work was not the same."""
    arguments = parsed()
    extra = arguments.extra.resolve() if arguments.extra else None
    grid = Grid(arguments.images, arguments.epochs, arguments.seeds)
    asked = [one for one in CONTESTANTS if one.name in arguments.contestants]
    entered = [one for one in asked if one.is_installed(extra)]
    source = provenance(extra, [name for one in entered for name in one.libraries])
    with tempfile.TemporaryDirectory(prefix="grid-") as home:
        bench = Bench(Path(home), grid, extra)
        bench.warm(entered)
        seconds, means = rounds_of(bench, entered, arguments.rounds, stay=arguments.stay)
    rows: dict[str, Any] = {one.name: {"state": "not installed"} for one in asked}
    for name, accuracies in means.items():
        rows[name] = {**told(seconds, name, grid), "test_accuracy": accuracies}
    print_table(rows)
    wrong = doubts(means, grid)
    content = {"grid": vars(grid), "contestants": rows, "doubts": wrong, "provenance": source}
    keep(arguments.out, "grid", content)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
