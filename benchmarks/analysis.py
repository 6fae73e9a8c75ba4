"""Seconds and memory of `reports.analyse` on a large study: 200 arms, 30 seeds, 10,000 test images.

The runs are made up; each keeps its answer to every image, as real ones do. Each round is a process
of its own, so that its memory is its own; making the table is not timed.

    python benchmarks/analysis.py --rounds 3 --out benchmarks/results/analysis.json
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from harness import environment, keep, provenance, shown, spread, timed

from reports.analysis import analyse
from reports.plan import AnalysisPlan, ArmFacts, ContrastSpec, Endpoint

MB = 1e6
CONTROL, METRIC = "control", "test/accuracy"


def made_study(
    n_arms: int, n_seeds: int, n_images: int
) -> tuple[pd.DataFrame, AnalysisPlan, dict[str, np.ndarray]]:
    """Runs that get nine images of ten, each others, and the plan that compares them."""
    rng = np.random.default_rng(0)
    names = [CONTROL, *(f"arm-{number}" for number in range(1, n_arms))]
    cells = [(arm, seed) for arm in names for seed in range(n_seeds)]
    examples = {f"{arm}/{seed}": rng.random(n_images) < 0.9 for arm, seed in cells}  # noqa: PLR2004
    rows = [
        {"run_key": key, "arm": arm, "seed": seed, METRIC: float(examples[key].mean())}
        for arm, seed in cells
        for key in [f"{arm}/{seed}"]
    ]
    plan = AnalysisPlan(
        control=CONTROL,
        factors={},
        endpoint=Endpoint(METRIC, "maximize", margin=0.005),
        contrasts=tuple(ContrastSpec(f"{arm} - {CONTROL}", arm, CONTROL) for arm in names[1:]),
        seeds=tuple(range(n_seeds)),
        arms=tuple(ArmFacts(arm, dataset={"name": "made", "n_classes": 10}) for arm in names),
    )
    return pd.DataFrame(rows), plan, examples


def once(n_arms: int, n_seeds: int, n_images: int) -> dict[str, float]:
    """Seconds of one analysis, and the most memory that this process ever had."""
    runs, plan, examples = made_study(n_arms, n_seeds, n_images)
    began = time.perf_counter()
    results = analyse(runs, plan, examples=examples)
    seconds = time.perf_counter() - began
    if len(results.contrasts) != n_arms - 1 or results.contrasts[0].new_images_ci is None:
        raise SystemExit("the analysis lacks contrasts, or their intervals for new images")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    return {"seconds": seconds, "peak_mb": peak}


def main() -> None:
    """Measure each round in a process of its own, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arms", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--once", action="store_true", help="one round in this process, as JSON")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    sizes = (arguments.arms, arguments.seeds, arguments.images)
    if arguments.once:
        print(json.dumps(once(*sizes)))
        return
    source, rounds = provenance(), []
    options = ("--arms", "--seeds", "--images")
    told = [word for pair in zip(options, map(str, sizes), strict=True) for word in pair]
    with tempfile.TemporaryDirectory(prefix="analysis-") as folder:
        for _ in range(arguments.rounds):
            words = [sys.executable, __file__, "--once", *told]
            ended = timed(words, Path(folder), environment(OMP_NUM_THREADS="1"))
            rounds.append(json.loads(ended.log.splitlines()[-1]))
    found = {key: spread([one[key] for one in rounds], 2) for key in rounds[0]}
    for key, one in found.items():
        print(f"{key:<8} {shown(one)}")
    study = {"arms": sizes[0], "seeds": sizes[1], "images": sizes[2]}
    keep(arguments.out, "analysis", {"study": study, **found, "provenance": source})


if __name__ == "__main__":
    main()
