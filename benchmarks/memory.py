"""Memory of a study: of its workers and its driver while they train, and of a driver that goes on.

A process's own share is its PSS: what only it has, and its part of what several have. That the data
set is in memory once is seen from the mappings that processes share: each may hold all of it, and
their shares add up to one. The driver is then watched over a study of very short runs: how much it
grows over the last half of them. Linux only, by /proc.

    python benchmarks/memory.py --runs 2000 --out benchmarks/results/memory.json
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
from harness import ABLATIONS, environment, keep, provenance, started, write_study
from overhead import DIGITS, WORKERS

from ablations import data
from ablations.live import read_snapshot

MB = 1e6
LIMIT_SECONDS = 900.0
N_SAMPLES = 20
SETTLED_SECONDS = 2.0  # after a worker took its run, before it is looked at
LARGE = 1e6  # bytes of a mapping that may hold images
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ (?P<mode>\S{4}) \S+ \S+ \S+ *(?P<name>.*)$")
_AMOUNT = re.compile(r"^(?P<kind>\w+): +(?P<kb>\d+) kB$")


@dataclass(frozen=True)
class Held:
    """What one process has in memory, in bytes."""

    pss: float
    rss: float
    shared_pss: float
    shared_rss: float


def held(process: int) -> Held:
    """From `/proc`; shared are large mappings that other processes may write to or read."""
    whole: dict[str, float] = defaultdict(float)
    shared: dict[str, float] = defaultdict(float)
    mode, amounts = "", dict[str, float]()
    for line in [*Path(f"/proc/{process}/smaps").read_text().splitlines(), "0-0 ---p 0 0 0"]:
        if match := _MAPPING.match(line):
            for kind in ("Pss", "Rss"):
                whole[kind] += amounts.get(kind, 0.0)
                if mode.endswith("s") and amounts.get("Size", 0.0) >= LARGE:
                    shared[kind] += amounts.get(kind, 0.0)
            mode, amounts = match["mode"], {}
        elif match := _AMOUNT.match(line):
            amounts[match["kind"]] = 1024.0 * int(match["kb"])
    return Held(whole["Pss"], whole["Rss"], shared["Pss"], shared["Rss"])


def children(process: int) -> list[int]:
    """The processes that one has started and that are alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) == process and stat[0] != "Z":
                found.append(int(folder.name))
    return found


def is_worker(process: int) -> bool:
    """Whether it trains: the tracker of shared memory, which is a child too, does not."""
    command = Path(f"/proc/{process}/cmdline").read_bytes()
    return b"spawn_main" in command


def await_training(driver: Popen[bytes], folder: Path) -> None:
    """Come back when every worker has been at its run for a while.

    Raises:
        SystemExit: It was over before.
    """
    until = time.monotonic() + LIMIT_SECONDS
    while driver.poll() is None and time.monotonic() < until:
        snapshot = read_snapshot(folder / ".ablations")
        if snapshot and sum(one.epoch >= 1 for one in snapshot.at_work) == WORKERS:
            time.sleep(SETTLED_SECONDS)
            return
        time.sleep(0.1)
    raise SystemExit(f"no training was seen:\n{(folder / 'log.txt').read_text()}")


def while_training(folder: Path) -> dict[str, Any]:
    """Megabytes of the driver and of each worker in their second epoch, and of the data set."""
    file = write_study(
        folder, design="one-factor", factors={"activation": ["relu"]}, seeds=1,
        recipe={"epochs": 3, "batch_size": 256},
    )  # fmt: skip
    words = [*ABLATIONS, "run", file.name, "--no-report", "--workers", str(WORKERS)]
    with started(
        words, folder, environment(MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")
    ) as driver:
        await_training(driver, folder)
        workers = [child for child in children(driver.pid) if is_worker(child)]
        found = {process: held(process) for process in (driver.pid, *workers)}
    n_bytes = sum(one.numel() * one.element_size() for one in data.load("fashion-mnist").tensors)
    return {
        "dataset_mb": round(n_bytes / MB, 1),
        "shared_mb_in_all": round(sum(one.shared_pss for one in found.values()) / MB, 1),
        "driver": _megabytes(found[driver.pid]),
        "workers": [_megabytes(found[worker]) for worker in workers],
        "in_all_mb": round(sum(one.pss for one in found.values()) / MB, 1),
    }


def _megabytes(one: Held) -> dict[str, float]:
    return {f"{name}_mb": round(value / MB, 1) for name, value in vars(one).items()}


def growth(folder: Path, n_runs: int) -> dict[str, Any]:
    """How the driver's resident memory goes over `n_runs` very short runs."""
    file = write_study(folder, study="growth", seeds=n_runs // 2, **DIGITS)
    words = [*ABLATIONS, "run", file.name, "--no-report", "--workers", str(WORKERS)]
    samples: list[tuple[int, float]] = []
    until = time.monotonic() + LIMIT_SECONDS
    began = time.perf_counter()
    with started(
        words, folder, environment(MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")
    ) as driver:
        while driver.poll() is None and time.monotonic() < until:
            snapshot = read_snapshot(folder / ".ablations")
            due = samples[-1][0] + n_runs // N_SAMPLES if samples else 1
            if snapshot and snapshot.n_ended >= due:
                with suppress(OSError, StopIteration):
                    samples.append((snapshot.n_ended, resident(driver.pid)))
            time.sleep(0.05)
        code = driver.poll()
    if code != 0:
        raise SystemExit(f"exit code {code}:\n{(folder / 'log.txt').read_text()[-2000:]}")
    late = [sample for sample in samples if sample[0] >= n_runs / 2]
    slope = float(np.polyfit([n for n, _ in late], [mb for _, mb in late], 1)[0])
    return {
        "n_runs": n_runs,
        "seconds": round(time.perf_counter() - began, 1),
        "mb_a_thousand_runs": round(1000 * slope, 2),
        "median_mb": round(statistics.median(mb for _, mb in samples), 1),
        "samples": [{"n_ended": n, "rss_mb": round(mb, 1)} for n, mb in samples],
    }


def resident(process: int) -> float:
    """Megabytes of a process in memory, shared ones included."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024 / MB


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2000, help="over which the driver is watched")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    source = provenance()
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        training = while_training(Path(folder))
    for name, one in [("driver", training["driver"])] + [
        (f"worker {number}", one) for number, one in enumerate(training["workers"])
    ]:
        print(f"{name:<9} PSS {one['pss_mb']:,.0f} MB, of it shared {one['shared_pss_mb']:,.0f}")
    print(f"data set {training['dataset_mb']} MB, shared in all {training['shared_mb_in_all']} MB")
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        grown = growth(Path(folder), arguments.runs)
    print(
        f"driver over the last half of {grown['n_runs']:,} runs: "
        f"{grown['mb_a_thousand_runs']:+.2f} MB a thousand runs, at {grown['median_mb']:.0f} MB; "
        f"{grown['seconds']:.0f} s in all"
    )
    content = {"while_training": training, "driver_growth": grown, "provenance": source}
    keep(arguments.out, "memory", content)


if __name__ == "__main__":
    main()
