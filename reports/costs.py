"""What the runs cost: `costs.json`, kept apart from results because clocks differ between runs.

Called by the command line beside `analyse`, on the same table. Numbers are comparable only within
one device, which therefore stands with each of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.plan import AnalysisPlan
from reports.statistics.front import on_front
from reports.table import Cell, as_number, metrics, outcomes, validated_runs

COSTS = (
    "train_seconds",
    "epoch_seconds",
    "images_per_second",
    "evaluation_seconds",
    "probe_seconds",
    "peak_memory_bytes",
    "latency_1_seconds",
    "latency_256_seconds",
    "stack_size",
)

FRONTS = ("n_parameters", "n_macs", "train_seconds", "latency_1_seconds")
"""The costs for which the Pareto set is told: counts hold anywhere, times on one device."""


def costs(runs: pd.DataFrame, plan: AnalysisPlan) -> dict[str, Any]:
    """Cost of every planned run, and mean, minimum and maximum over the finished runs of every arm.

    A cost that was not measured is None. Runs of all states are listed: a run that diverged has
    cost its time too. An arm's `fronts` are the costs for which no arm on its data set has at most
    its mean cost and at least its mean of the endpoint; times of several devices have none.

    Args:
        runs: The run table; costs are its columns `cost/...`.
        plan: For the arms' sizes and their order.

    Raises:
        TableError: The table breaks its schema.
        UnknownMetricError: The endpoint is no column.
    """
    table = _planned(validated_runs(runs), plan)
    rows = _rows(table, plan)
    cells = dict.fromkeys((row["arm"], row["comparison"]) for row in rows)
    devices = sorted({row["device"] for row in rows if row["device"]})
    steps = _steps(table)
    arms = [_arm(cell, rows, plan, steps) for cell in cells]
    fronts = _fronts(arms, _means(table, plan), plan, n_devices=len(devices))
    return {
        "device": devices,
        "arms": [arm | {"fronts": held} for arm, held in zip(arms, fronts, strict=True)],
        "runs": rows,
    }


def _planned(table: pd.DataFrame, plan: AnalysisPlan) -> pd.DataFrame:
    """The runs that the report's other numbers are of."""
    named = {facts.name for facts in plan.arms}
    is_planned = table["seed"].isin(plan.seeds) if plan.seeds else table["seed"].notna()
    if named:
        is_planned &= table["arm"].isin(named)
    return table[is_planned]


def _means(table: pd.DataFrame, plan: AnalysisPlan) -> dict[Cell, float]:
    """Mean of the endpoint by arm and recipe; one run alone is not ranked, and has none."""
    by_cell = outcomes(table, plan.endpoint.metric) if len(table) else {}
    values = {
        cell: [run.value for run in runs.values() if run.value is not None]
        for cell, runs in by_cell.items()
    }
    return {cell: float(np.mean(held)) for cell, held in values.items() if len(held) > 1}


def _fronts(
    arms: list[dict[str, Any]], means: dict[Cell, float], plan: AnalysisPlan, *, n_devices: int
) -> list[list[str]]:
    """For each arm the costs at which it is in the Pareto set of its data set."""
    held: list[list[str]] = [[] for _ in arms]
    controls = [plan.control_of(arm["arm"]) for arm in arms]
    for cost in FRONTS:
        if cost.endswith("seconds") and n_devices > 1:
            continue
        for control in dict.fromkeys(controls):
            places = [place for place, own in enumerate(controls) if own == control]
            costs = [_mean_cost(arms[place][cost]) for place in places]
            values = [means.get((arms[at]["arm"], arms[at]["comparison"])) for at in places]
            front = on_front(costs, values, direction=plan.endpoint.direction)
            for place, is_on in zip(places, front, strict=True):
                held[place] += [cost] if is_on else []
    return held


def _mean_cost(cost: float | dict[str, float | None] | None) -> float | None:
    """The mean of a measured cost; a count as it is."""
    return cost["mean"] if isinstance(cost, dict) else cost


def _rows(table: pd.DataFrame, plan: AnalysisPlan) -> list[dict[str, Any]]:
    """One dict a run, arms in the plan's order."""
    order = {facts.name: i for i, facts in enumerate(plan.arms)}
    rows = [
        {
            "arm": raw["arm"],
            "comparison": raw["comparison"],
            "seed": int(raw["seed"]),
            "device": raw["device"] if isinstance(raw.get("device"), str) else None,
            "state": raw["state"],
            **{cost: as_number(raw.get(f"cost/{cost}"), f"cost/{cost}") for cost in COSTS},
        }
        for raw in table.to_dict("records")
    ]
    return sorted(
        rows,
        key=lambda row: (
            row["comparison"],
            order.get(row["arm"], len(order)),
            row["arm"],
            row["seed"],
        ),
    )


def _arm(
    cell: Cell,
    rows: list[dict[str, Any]],
    plan: AnalysisPlan,
    steps: dict[Cell, list[dict[str, Any]]],
) -> dict[str, Any]:
    finished = [
        row for row in rows if (row["arm"], row["comparison"], row["state"]) == (*cell, "FINISHED")
    ]
    facts = plan.facts(cell[0])
    return {
        "arm": cell[0],
        "comparison": cell[1],
        "n_parameters": facts.n_parameters,
        "n_macs": facts.n_macs,
        "n_connections": facts.n_connections,
        "n_finished": len(finished),
        **{cost: _summary([row[cost] for row in finished]) for cost in COSTS},
        "image_size": steps.get(cell, []),
    }


def _steps(table: pd.DataFrame) -> dict[Cell, list[dict[str, Any]]]:
    """By arm, what the probe `image_size` measured of a training step, from small to large images.

    `{size: [height, width], step_seconds, step_peak_bytes}`, a number None where it is not known.
    """
    found: dict[Cell, dict[tuple[int, int], dict[str, Any]]] = {}
    columns = [name for name in metrics(table) if name.startswith("cost/image_size/")]
    for raw in table.to_dict("records"):
        sizes = found.setdefault((raw["arm"], raw["comparison"]), {})
        for column in columns:
            measure, _, size = column.rpartition("/")[2].rpartition("_")
            value = as_number(raw[column], column)
            if value is not None:
                height, width = map(int, size.split("x"))
                empty = {"size": [height, width], "step_seconds": None, "step_peak_bytes": None}
                sizes.setdefault((height, width), empty)[measure] = value
    return {cell: [sizes[size] for size in sorted(sizes)] for cell, sizes in found.items()}


def _summary(measured: list[float | None]) -> dict[str, float | None]:
    values = [value for value in measured if value is not None]
    if not values:
        return {"mean": None, "min": None, "max": None}
    return {"mean": float(np.mean(values)), "min": min(values), "max": max(values)}
