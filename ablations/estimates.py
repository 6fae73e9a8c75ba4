"""How long a plan will take, from what runs of this environment took before.

Pure; called by the runner. An estimate is of training alone: what a study pays once, and the
evaluation of each run, come on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean

from ablations.plan import Plan, RunSpec
from ablations.record import StoredRun

TRAINED_STATES = ("new", "elsewhere")


def estimated_seconds(
    plan: Plan,
    states: Mapping[str, str],
    stored: Sequence[StoredRun],
    env_key: Callable[[RunSpec], str],
    n_workers: int,
) -> float | None:
    """Seconds until the runs that `run` would train now are trained.

    An arm takes what its own runs took on average; one that has none here takes what its
    multiply-accumulates take at the pace of the stored run that comes nearest to them, since small
    networks are slower for each of them than large ones.

    Args:
        plan: The plan.
        states: State of every planned run by key.
        stored: What the store holds, of any study.
        env_key: The environment a run would be trained in here.
        n_workers: How many are trained at a time.

    Returns:
        None where nothing was ever trained in this environment; 0.0 where nothing is left.
    """
    waiting = [run for run in plan.runs if states[run.run_key] in TRAINED_STATES]
    if not waiting:
        return 0.0
    here = {env_key(run) for run in plan.runs}
    known = [run for run in stored if run.env_key in here and run.macs_per_second]
    if not known:
        return None
    seconds = _of_arms(plan, known)
    costs = [
        seconds.get(run.arm) or _at_the_nearest_pace(run, plan.arm(run.arm).n_images, known)
        for run in waiting
    ]
    return max(sum(costs) / n_workers, *costs)


def _of_arms(plan: Plan, known: Iterable[StoredRun]) -> dict[str, float]:
    """What a run of each arm took on average, where any was trained here."""
    took: dict[str, list[float]] = {}
    by_key = {run.run_key: run.arm for run in plan.runs}
    for run in known:
        if run.run_key in by_key:
            took.setdefault(by_key[run.run_key], []).append(run.train_seconds)
    return {arm: mean(values) for arm, values in took.items()}


def _at_the_nearest_pace(run: RunSpec, n_images: int, known: Sequence[StoredRun]) -> float:
    size = math.log(max(run.n_macs, 1))
    nearest = min(known, key=lambda one: abs(math.log(max(one.n_macs, 1)) - size))
    return run.n_macs * n_images * run.recipe.epochs / nearest.macs_per_second
