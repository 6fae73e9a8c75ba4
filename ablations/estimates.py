"""How long a plan will take, from what runs of this environment took before.

Pure; called by `preparation`. An estimate is of training alone: what a study pays once, and the
evaluation of each run, come on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean

from ablations.plan import Plan, RunSpec
from ablations.record import RunState, StoredRun

TRAINED_STATES = ("new", "elsewhere")


@dataclass(frozen=True)
class Known:
    """What is known of how fast training goes.

    Attributes:
        stored: What the store holds, of any study.
        cached: Multiply-accumulates a second by environment key and by those an image.
        measured: Images a second by arm, timed just now.
    """

    stored: Sequence[StoredRun] = ()
    cached: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """Seconds of training that are left, None if nothing says; and what they rest on.

    Attributes:
        sources: Of `measured`, `store`, `cached`, those that were used.
    """

    seconds: float | None
    sources: tuple[str, ...] = ()


def estimate(
    plan: Plan,
    states: Mapping[str, str],
    known: Known,
    env_key: Callable[[RunSpec], str],
    n_workers: int,
    later: Sequence[RunSpec] = (),
) -> Estimate:
    """Seconds until the runs that `run` would train now are trained.

    An arm takes what was measured just now; else what its own runs took on average; else what its
    multiply-accumulates take at the pace of the network that comes nearest to them, of the store
    or else of the cache, since small networks are slower for each of them than large ones.

    Args:
        plan: The plan.
        states: State of every planned run by key.
        known: Where paces are looked for.
        env_key: The environment a run would be trained in here.
        n_workers: How many are trained at a time.
        later: Runs that stand for trainings which are not worked out yet.

    Returns:
        No seconds if one of the runs has nothing to go by; 0.0 where nothing is left.
    """
    waiting = [run for run in plan.runs if states[run.run_key] in TRAINED_STATES] + [*later]
    if not waiting:
        return Estimate(0.0)
    here = {env_key(run) for run in plan.runs}
    stored = [
        run
        for run in known.stored
        if run.env_key in here and run.macs_per_second and run.state is RunState.FINISHED
    ]
    took = _of_arms(plan, stored)
    paces = [(run.n_macs, run.macs_per_second) for run in stored]

    def cost(run: RunSpec) -> tuple[float | None, str]:
        n_images = plan.arm(run.arm).n_images * run.recipe.epochs
        if run.arm in known.measured:
            return n_images / known.measured[run.arm], "measured"
        if took.get(run.arm):
            return took[run.arm], "store"
        if paces:
            return run.n_macs * n_images / _nearest(run, paces), "store"
        cached = known.cached.get(env_key(run))
        return (run.n_macs * n_images / _nearest(run, cached.items()) if cached else None), "cached"

    told = [cost(run) for run in waiting]
    costs = [seconds for seconds, _ in told if seconds is not None]
    if len(costs) < len(told):
        return Estimate(None)
    sources = tuple(sorted({source for _, source in told}))
    return Estimate(max(sum(costs) / n_workers, *costs), sources)


def _of_arms(plan: Plan, known: Iterable[StoredRun]) -> dict[str, float]:
    """What a run of each arm took on average, where any was trained here."""
    took: dict[str, list[float]] = {}
    by_key = {run.run_key: run.arm for run in plan.runs}
    for run in known:
        if run.run_key in by_key:
            took.setdefault(by_key[run.run_key], []).append(run.train_seconds)
    return {arm: mean(values) for arm, values in took.items()}


def _nearest(run: RunSpec, paces: Iterable[tuple[int, float]]) -> float:
    """The pace of the network whose size comes nearest to this one's."""
    size = math.log(max(run.n_macs, 1))
    return min(paces, key=lambda one: abs(math.log(max(one[0], 1)) - size))[1]
