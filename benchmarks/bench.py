"""Every benchmark, one after the other, and one table of what they found beside what is wanted.

Each is a process of its own that writes its numbers to `benchmarks/results/`; how long each takes
is told. Three quarters of an hour on two cores.

    python benchmarks/bench.py [--quick] [--only grid memory]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import ROOT, environment

RESULTS = ROOT / "benchmarks" / "results"
Found = Mapping[str, Any]
PARTS = {
    "grid": ("--rounds", "2"),
    "throughput": ("--rounds", "2"),
    "overhead": ("--rounds", "3"),
    "memory": ("--runs", "2000"),
    "planning": ("--rounds", "2"),
    "step": ("--rounds", "2"),
    "launches": (),
    "analysis": ("--rounds", "3"),
    "reporting": ("--rounds", "2"),
}
QUICK = {
    "grid": ("--rounds", "1", "--images", "2000", "--seeds", "1"),
    "throughput": ("--rounds", "1", "--images", "2000", "--epochs", "2", "--long-seeds", "0"),
    "overhead": ("--rounds", "1", "--runs", "20"),
    "memory": ("--runs", "100"),
    "planning": ("--rounds", "1"),
    "step": ("--rounds", "1"),
    "launches": (),
    "analysis": ("--rounds", "1", "--arms", "20"),
    "reporting": ("--rounds", "1", "--runs", "60"),
}
FLOOR = "bare"


def of_grid(found: Found) -> Iterator[tuple[str, float, str]]:
    """Ours against the best of the others, who evaluate and track as it does."""
    ratios = {
        name: one["ratio_to_ours"]["median"]
        for name, one in found["contestants"].items()
        if "ratio_to_ours" in one and name not in ("ablations", FLOOR)
    }
    absent = [name for name, one in found["contestants"].items() if "ratio_to_ours" not in one]
    if ratios:
        best = min(ratios, key=lambda name: ratios[name])
        without = f" (without {', '.join(absent)})" if absent else ""
        yield f"grid, {best} over ours{without}", ratios[best], "at least 2"


def of_throughput(found: Found) -> Iterator[tuple[str, float, str]]:
    """The study against bare loops and, where it is installed, JAX; then what is not training."""
    for name in ("bare", "jax"):
        for key, ratio in found.get(f"ratio_to_{name}", {}).items():
            yield f"longer study over {name}, {key}", ratio["median"], "at least 1"
    if "long" in found:
        seconds, share = found["long"]["seconds"], found["long"]["not_training"]
        yield f"of {seconds:.0f} s not training", share, "under 0.1 in ten minutes"


def of_overhead(found: Found) -> Iterator[tuple[str, float, str]]:
    """Start-up."""
    wanted = {"help": "under 0.5", "plan_with_store": "under 6", "first_step": "under 8"}
    shown = {"first_step": "first run begun"}
    for name, goal in wanted.items():
        yield f"{shown.get(name, name)}, seconds", found["seconds"][name]["median"], goal
    yield "keeping a run, ms", found["tracking"]["median_ms"], ""


def of_memory(found: Found) -> Iterator[tuple[str, float, str]]:
    """Megabytes."""
    training = found["while_training"]
    copies = training["shared_mb_in_all"] / training["dataset_mb"]
    yield "copies of the data set in memory", copies, "1"
    yield "worker, PSS in MB", max(one["pss_mb"] for one in training["workers"]), "under 700"
    yield "driver, PSS in MB", training["driver"]["pss_mb"], ""
    grown = found["driver_growth"]["mb_a_thousand_runs"]
    yield "driver's growth, MB a thousand runs", grown, "0"


def of_planning(found: Found) -> Iterator[tuple[str, float, str]]:
    """A large plan."""
    for row in found["shapes"]:
        yield f"plan of {row['shape']}, seconds", row["median_seconds"], "under 2"


def of_step(found: Found) -> Iterator[tuple[str, float, str]]:
    """The step as the project takes it, over PyTorch's."""
    for network in found["networks"]:
        (ours,) = (row for row in network["ideas"] if row["idea"] == "both")
        levels = ", ".join(network["levels"].values()) or "sigmoid, max"
        yield f"step over PyTorch's, {levels}", ours["ratio"], ""


def of_launches(found: Found) -> Iterator[tuple[str, float, str]]:
    """Of a stack of 32."""
    (row,) = (one for one in found["stacks"] if one["stack"] == 32)  # noqa: PLR2004
    yield "launches a run-step, stack of 32", row["a_run"], "at most 4"


def of_analysis(found: Found) -> Iterator[tuple[str, float, str]]:
    """Of 200 arms, 30 seeds and 10,000 images."""
    yield "analysis of 200 arms, seconds", found["seconds"]["median"], "under 10"
    yield "analysis of 200 arms, peak MB", found["peak_mb"]["max"], "under 2,000"


def of_reporting(found: Found) -> Iterator[tuple[str, float, str]]:
    """The whole command, by the number of runs."""
    for size in found["sizes"]:
        goal = found["goal_seconds"][str(size["n_runs"])]
        for kind, one in (("file", size["local"]), ("server", size["served"])):
            wanted = f"under {goal:.0f}" if kind == "file" else ""
            text = f"report of {size['n_runs']:,} runs in a {kind}, seconds"
            yield text, one["command_seconds"]["median"], wanted


LINES: Mapping[str, Callable[[Found], Iterator[tuple[str, float, str]]]] = {
    "grid": of_grid,
    "throughput": of_throughput,
    "overhead": of_overhead,
    "memory": of_memory,
    "planning": of_planning,
    "step": of_step,
    "launches": of_launches,
    "analysis": of_analysis,
    "reporting": of_reporting,
}


def main() -> int:
    """Run them, print the table; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="see that they work; keeps nothing")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    failed: list[str] = []
    took: dict[str, float] = {}
    lines: list[tuple[str, float, str]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        folder = Path(home) if arguments.quick else RESULTS
        for name in arguments.only:
            print(f"== {name}", flush=True)
            out, began = folder / f"{name}.json", time.perf_counter()
            options = (QUICK if arguments.quick else PARTS)[name]
            words = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *options]
            code = subprocess.run([*words, "--out", str(out)], env=environment(), check=False)
            took[name] = time.perf_counter() - began
            if code.returncode:
                failed.append(name)
            else:
                lines += LINES[name](json.loads(out.read_text(encoding="utf-8")))
    print(f"\n{'':<42}{'found':>10}  wanted")
    for text, value, wanted in lines:
        print(f"{text:<42}{value:>10,.2f}  {wanted}")
    print("took", ", ".join(f"{name} {seconds:.0f} s" for name, seconds in took.items()))
    if failed:
        print("failed:", ", ".join(failed))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
