"""What the runs cost: `costs.json`, kept apart from results because clocks differ between runs.

Called by the command line beside `analyse`, on the same table. Numbers are comparable only within
one device, which therefore stands with each of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.plan import AnalysisPlan
from reports.table import as_number, validated_runs

COSTS = (
    "train_seconds",
    "epoch_seconds",
    "images_per_second",
    "evaluation_seconds",
    "peak_memory_bytes",
    "latency_1_seconds",
    "latency_256_seconds",
    "stack_size",
)


def costs(runs: pd.DataFrame, plan: AnalysisPlan) -> dict[str, Any]:
    """Cost of every run, and mean, minimum and maximum over the finished runs of every arm.

    A cost that was not measured is None. Runs of all states are listed: a run that diverged has
    cost its time too.

    Args:
        runs: The run table; costs are its columns `cost/...`.
        plan: For the arms' sizes and their order.

    Raises:
        TableError: The table breaks its schema.
    """
    rows = _rows(validated_runs(runs), plan)
    cells = dict.fromkeys((row["arm"], row["comparison"]) for row in rows)
    return {
        "device": sorted({row["device"] for row in rows if row["device"]}),
        "arms": [_arm(cell, rows, plan) for cell in cells],
        "runs": rows,
    }


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


def _arm(cell: tuple[str, str], rows: list[dict[str, Any]], plan: AnalysisPlan) -> dict[str, Any]:
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
    }


def _summary(measured: list[float | None]) -> dict[str, float | None]:
    values = [value for value in measured if value is not None]
    if not values:
        return {"mean": None, "min": None, "max": None}
    return {"mean": float(np.mean(values)), "min": min(values), "max": max(values)}
