"""Sections of a report beside the endpoint: learning curves, probes, and what went wrong.

Called by `reports.analysis`, on tables that `reports.table` has validated. Descriptive only: no
verdict rests on what is here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from reports.arms import chance_of, collapsed
from reports.looks import look_path
from reports.methods import level_of
from reports.plan import AnalysisPlan
from reports.questions import Question
from reports.statistics.descriptives import describe
from reports.table import Cell, Outcomes, as_number, metrics, outcomes

Curve = list[float | None]
GROWING = ("n_parameters", "n_macs", "activation_bytes")
"""What is counted by image size."""


def curve_section(
    curves: pd.DataFrame, table: pd.DataFrame, cells: Sequence[Cell]
) -> list[dict[str, Any]]:
    """Every metric of every arm by epoch: each seed, and median, minimum, maximum per epoch.

    Runs that finished or diverged are shown; the band is of those that finished, so that it does
    not change its members from one epoch to the next.
    """
    states = {
        (arm, comparison, seed): state
        for arm, comparison, seed, state in zip(
            *(table[name].tolist() for name in ("arm", "comparison", "seed", "state")), strict=True
        )
    }
    section = []
    for (arm, comparison), metric in ((cell, name) for cell in cells for name in metrics(curves)):
        values = _curves_by_seed(curves, (arm, comparison), metric)
        shown = {
            seed: curve
            for seed, curve in values.items()
            if states.get((arm, comparison, seed)) in ("FINISHED", "DIVERGED")
        }
        finished = [shown[s] for s in shown if states[arm, comparison, s] == "FINISHED"]
        if shown:
            entry = {"arm": arm, "comparison": comparison, "metric": metric, "values": shown}
            section.append({**entry, **_band(finished)})
    return section


def failure_section(
    table: pd.DataFrame, plan: AnalysisPlan, cells: Sequence[Cell]
) -> list[dict[str, Any]]:
    """Every run that something went wrong with, arms in the report's order, then by seed.

    Such a run failed, diverged, collapsed (`state` is COLLAPSED here), finished without the
    endpoint, or says what a probe could not measure. `message` is what it says itself, paths cut to
    file names; `epoch` is where it diverged.
    """
    by_cell = outcomes(table, plan.endpoint.metric)
    told = {row["run_key"]: row for row in table.to_dict("records")}
    entries = []
    for cell in cells:
        runs = by_cell.get(cell, {})
        values = {seed: run.value for seed, run in runs.items() if run.value is not None}
        lost = collapsed(values, chance_of(cell[0], plan))
        for seed, run in sorted(runs.items()):
            row = told[run.run_key]
            message = _without_folders(row.get("message"))
            state = "COLLAPSED" if seed in lost else run.state
            if state == "INTERRUPTED" or (
                state == "FINISHED" and run.value is not None and not message
            ):
                continue
            epoch = as_number(row.get("diverged_epoch"), f"run {run.run_key!r}: diverged_epoch")
            entries.append(
                {
                    "arm": cell[0],
                    "comparison": cell[1],
                    "seed": seed,
                    "state": state,
                    "epoch": None if epoch is None else int(epoch),
                    "value": run.value,
                    "message": message,
                }
            )
    return entries


def _without_folders(message: object) -> str:
    """A message with paths cut to file names: where a study was run is not in its results."""
    text = message if isinstance(message, str) else ""
    return re.sub(r"""(?<![\w:/])(?:[A-Za-z]:)?[\\/](?:[^\s\\/:'"]+[\\/])*(?=[^\s\\/])""", "", text)


def sequential_section(
    plan: AnalysisPlan, questions: Sequence[Question], outcomes: Outcomes
) -> dict[str, Any] | None:
    """Every contrast at each look that it has come to; None where no looks are planned.

    `estimate` is biased outward where a contrast stopped because it was large;
    `estimate_at_first_look` is not, and less precise.
    """
    looked_at = [question for question in questions if question.looks]
    if not plan.looks:
        return None
    return {
        "looks": plan.looks,
        "contrasts": [
            {
                "name": question.spec.name,
                "comparison": question.spec.comparison,
                "nominal": level_of(question, "sequential"),
                "path": [asdict(step) for step in look_path(plan, question, outcomes)],
            }
            for question in looked_at
        ],
    }


def probe_section(
    table: pd.DataFrame, plan: AnalysisPlan, cells: Sequence[Cell]
) -> dict[str, list[dict[str, Any]]]:
    """Every `probe/NAME/METRIC` column by NAME, and how the arms grow with the input size."""
    section: dict[str, list[dict[str, Any]]] = {"shift": []}
    for column in metrics(table):
        prefix, _, rest = column.partition("/")
        probe, _, metric = rest.partition("/")
        if prefix == "probe" and metric:
            section.setdefault(probe, []).extend(_probe_entries(table, plan, cells, column))
    section["image_size"] = [
        {
            "arm": facts.name,
            "growth": list(facts.growth),
            "exponents": {count: growth_exponent(facts.growth, count) for count in GROWING},
            "megapixel": dict(facts.megapixel) or None,
        }
        for facts in plan.arms
        if facts.growth
    ]
    return section


def growth_exponent(growth: Sequence[Mapping[str, Any]], count: str) -> float | None:
    """By which power of the pixels a count grows, from the smallest image to the largest.

    The slope between the two ends on logarithmic axes: 1 for what is proportional to the pixels, 0
    for what does not depend on them. None where a count is not known, or 0.
    """
    first, last = growth[0], growth[-1]
    low, high = first.get(count), last.get(count)
    n_pixels = [math.prod(step["input"][1:]) for step in (first, last)]
    if not low or not high or n_pixels[0] == n_pixels[1]:
        return None
    return math.log(high / low) / math.log(n_pixels[1] / n_pixels[0])


def _probe_entries(
    table: pd.DataFrame, plan: AnalysisPlan, cells: Sequence[Cell], column: str
) -> list[dict[str, Any]]:
    by_cell, entries = outcomes(table, column), []
    for cell in cells:
        runs = sorted(by_cell.get(cell, {}).items())
        values = {seed: run.value for seed, run in runs if run.value is not None}
        if values:
            summary = describe(values.values(), level=1 - plan.endpoint.alpha)
            entries.append(
                {
                    "arm": cell[0],
                    "comparison": cell[1],
                    "metric": column.split("/", 2)[2],
                    "values": values,
                    "mean": summary.mean,
                    "sd": summary.sd,
                    "ci": summary.ci,
                }
            )
    return entries


def _curves_by_seed(curves: pd.DataFrame, cell: Cell, metric: str) -> dict[int, Curve]:
    """Values by epoch, 1 first; an epoch without one is None, a curve without any is left out."""
    rows = curves[(curves["arm"] == cell[0]) & (curves["comparison"] == cell[1])]
    by_seed: dict[int, Curve] = {}
    for seed, group in rows.groupby("seed", sort=True):
        curve: Curve = [None] * int(group["epoch"].max())
        for epoch, raw in zip(group["epoch"].tolist(), group[metric].tolist(), strict=True):
            curve[epoch - 1] = as_number(raw, f"curve table: {metric} of arm {cell[0]!r}")
        if any(value is not None for value in curve):
            by_seed[int(str(seed))] = curve
    return by_seed


def _band(finished: list[Curve]) -> dict[str, Curve]:
    """Pointwise median, minimum and maximum over the runs that have a value at that epoch."""
    band: dict[str, Curve] = {"median": [], "low": [], "high": []}
    for epoch in range(max((len(curve) for curve in finished), default=0)):
        at_epoch = [curve[epoch] for curve in finished if epoch < len(curve)]
        known = [value for value in at_epoch if value is not None]
        band["median"].append(float(np.median(known)) if known else None)
        band["low"].append(min(known, default=None))
        band["high"].append(max(known, default=None))
    return band
