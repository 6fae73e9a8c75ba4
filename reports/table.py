"""The run table and the curve table: their schema, checked where they come in.

`reports.collect` builds both from MLflow; a user may build them from anything. `reports.analysis`
reads them only through here. Knows nothing of MLflow or of statistics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, NamedTuple

import pandas as pd

from ablations.errors import nearest
from reports.errors import DuplicateRunError, TableError, UnknownMetricError

STATES = ("FINISHED", "DIVERGED", "OOM", "KILLED", "TIMEOUT", "FAILED", "INTERRUPTED")
FAILURES = ("DIVERGED", "OOM", "KILLED", "TIMEOUT", "FAILED")
"""INTERRUPTED is none of them: such a run resumes by itself and counts as not yet trained."""

COMPARISONS = ("shared", "tuned")
LARGEST = 2**62
"""A seed or an epoch beyond it would not survive as an integer of 64 bits."""

RUN_COLUMNS = ("run_key", "arm", "comparison", "seed", "state")
CURVE_COLUMNS = ("arm", "comparison", "seed", "epoch")

FACT_COLUMNS = ("epochs", "trials", "split", "selected_on", "device")
"""What a table may say of how a run was made, so that unequal ones are not compared unnoticed."""

Cell = tuple[str, str]
"""An arm and the recipe it is compared at."""


class Outcome(NamedTuple):
    """What one run came to; `value` is None unless it finished and was measured."""

    run_key: str
    state: str
    value: float | None

    @property
    def is_lost(self) -> bool:
        """Whether it was trained and came to no number: it diverged, or measured none."""
        return self.state == "DIVERGED" or (self.state == "FINISHED" and self.value is None)


Outcomes = Mapping[Cell, Mapping[int, Outcome]]


class RunFacts(NamedTuple):
    """How a run that finished was made; None where the table does not say.

    Attributes:
        epochs: It was trained for.
        trials: That its recipe was tuned with.
        split: Names the images that it was scored on; the same for the runs of a pair.
        selected_on: The images by which its weights were chosen, `test` being a mistake.
        device: That it was trained on.
    """

    epochs: object = None
    trials: object = None
    split: object = None
    selected_on: object = None
    device: object = None


Facts = Mapping[Cell, Mapping[int, RunFacts]]


def validated_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """A copy of `runs` in a fixed order, with every required column, or an error.

    `arm` and `seed` are required. Where a column is missing, a row is at the `shared` recipe, is
    FINISHED, and is named by its arm and seed: a table of numbers trained elsewhere will do.

    Raises:
        TableError: A column is missing or holds what it must not.
        DuplicateRunError: Two rows for one arm, comparison and seed; pairs would count twice.
    """
    table = _with_defaults(runs)
    _require_members(table, "state", STATES)
    _require_members(table, "comparison", COMPARISONS)
    repeated = table[table.duplicated(["arm", "comparison", "seed"], keep=False)]
    if len(repeated):
        rows = repeated.sort_values(["arm", "comparison", "seed", "run_key"])
        first, second = (str(key) for key in rows["run_key"].iloc[:2])
        arm, comparison, seed = (rows[name].iloc[0] for name in ("arm", "comparison", "seed"))
        raise DuplicateRunError(
            f"run table: one row per arm, comparison and seed was expected, got two for arm "
            f"{arm!r}, {comparison}, seed {seed}: runs {first!r} and {second!r}; keep one",
            (first, second),
        )
    # One training may be an arm's at both recipes: where tuning chose what it had anyway.
    twice = table[table.duplicated(["run_key", "comparison"], keep=False)]
    if len(twice):
        key = sorted(map(str, twice["run_key"]))[0]
        raise DuplicateRunError(
            f"run table: one row per run was expected, got two with the key {key!r}; a run counts "
            f"once, keep one",
            (key, key),
        )
    return table.sort_values(["arm", "comparison", "seed"], ignore_index=True)


def validated_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """A copy of `curves` in a fixed order, or an error.

    Raises:
        TableError: A column is missing, holds what it must not, or an epoch comes twice.
    """
    table = _with_integer(_with_text(curves, "curve table"), "seed", "curve table")
    table = _with_integer(table, "epoch", "curve table")
    if len(table) and table["epoch"].min() < 1:
        raise TableError(
            f"curve table: epochs must be numbered from 1, got {table['epoch'].min()}; add 1"
        )
    repeated = table[table.duplicated(list(CURVE_COLUMNS), keep=False)]
    if len(repeated):
        row = repeated.sort_values(list(CURVE_COLUMNS)).iloc[0]
        raise TableError(
            f"curve table: one row per run and epoch was expected, got two for arm "
            f"{row['arm']!r}, {row['comparison']}, seed {row['seed']}, epoch {row['epoch']}; "
            f"keep one"
        )
    return table.sort_values(list(CURVE_COLUMNS), ignore_index=True)


def metrics(table: pd.DataFrame) -> list[str]:
    """Names of the metric columns, sorted: those with a slash."""
    return sorted(str(name) for name in table.columns if "/" in str(name))


def outcomes(table: pd.DataFrame, metric: str) -> dict[Cell, dict[int, Outcome]]:
    """The runs of every arm by seed, with their value of `metric`.

    Args:
        table: From `validated_runs`.
        metric: Name of a column.

    Raises:
        UnknownMetricError: There is no such column.
        TableError: A value of the column is not a number.
    """
    if metric not in table.columns and (table["state"] != "FINISHED").all():
        table = table.assign(**{metric: None})  # runs that all failed have measured nothing
    if metric not in table.columns:
        known = metrics(table)
        raise UnknownMetricError(
            f"run table: a column for the metric {metric!r} was expected, got none; "
            f"{nearest(metric, known)}name a metric of the runs (allowed: {', '.join(known)})"
        )
    cells: dict[Cell, dict[int, Outcome]] = {}
    columns = (table[name].tolist() for name in (*RUN_COLUMNS, metric))
    for key, arm, comparison, seed, state, raw in zip(*columns, strict=True):
        value = as_number(raw, f"run {key!r}: {metric}") if state == "FINISHED" else None
        if value is not None and is_fraction(metric) and not 0 <= value <= 1:
            raise TableError(
                f"run {key!r}: {metric} must be a fraction between 0 and 1, got {value!r}; "
                f"divide per cents by 100"
            )
        cells.setdefault((arm, comparison), {})[int(seed)] = Outcome(key, state, value)
    return cells


def run_facts(table: pd.DataFrame) -> dict[Cell, dict[int, RunFacts]]:
    """How the finished runs of every arm were made, by seed.

    Args:
        table: From `validated_runs`.
    """
    absent = [None] * len(table)
    columns = [_present(table[name]) if name in table.columns else absent for name in FACT_COLUMNS]
    found: dict[Cell, dict[int, RunFacts]] = {}
    identity = (table[name].tolist() for name in ("arm", "comparison", "seed", "state"))
    for (arm, comparison, seed, state), told in zip(
        zip(*identity, strict=True), zip(*columns, strict=True), strict=True
    ):
        if state == "FINISHED":
            found.setdefault((arm, comparison), {})[int(seed)] = RunFacts(*told)
    return found


def _present(column: pd.Series[Any]) -> list[object]:
    """The values of a column, None where there is none: a float column keeps its NaN."""
    return [None if pd.isna(value) else value for value in column.tolist()]


def is_fraction(metric: str) -> bool:
    """Whether a metric is a share of images, and its differences are percentage points."""
    return "accuracy" in metric or "consistency" in metric


def as_number(raw: object, where: str) -> float | None:
    """`raw` as a finite float; None where it is missing, NaN or infinite.

    Raises:
        TableError: `raw` is not a number at all.
    """
    if raw is None or raw is pd.NA:
        return None
    if not isinstance(raw, Real):
        raise TableError(f"{where}: a number was expected, got {raw!r}; convert the column")
    value = float(raw)
    return value if math.isfinite(value) else None


def _with_defaults(runs: pd.DataFrame) -> pd.DataFrame:
    table = _with_integer(_with_text(runs, "run table"), "seed", "run table")
    if "state" not in table.columns:
        table["state"] = "FINISHED"
    if "run_key" not in table.columns:
        names = zip(table["arm"], table["comparison"], table["seed"], strict=True)
        table["run_key"] = [f"{arm}/{comparison}/{seed}" for arm, comparison, seed in names]
    return table


def _with_text(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """A copy whose `arm` is text and whose `comparison` is there."""
    _require_columns(table, ("arm", "seed"), where)
    table = table.copy()
    if "comparison" not in table.columns:
        table["comparison"] = "shared"
    for raw in table["arm"]:
        if not isinstance(raw, str):
            raise TableError(f"{where}: arm must be a name, got {raw!r}; write it as text")
    return table


def _with_integer(table: pd.DataFrame, column: str, where: str) -> pd.DataFrame:
    _require_columns(table, (column,), where)
    for raw in table[column]:
        is_whole = isinstance(raw, Real) and math.isfinite(raw) and float(raw).is_integer()
        if not is_whole or abs(raw) > LARGEST:
            raise TableError(f"{where}: {column} must be an integer, got {raw!r}; number the runs")
    table[column] = table[column].astype("int64")
    return table


def _require_columns(table: pd.DataFrame, names: Iterable[str], where: str) -> None:
    held = sorted(str(name) for name in table.columns)
    for name in names:
        if name not in held:
            raise TableError(
                f"{where}: a column {name!r} was expected, got {held}; {nearest(name, held)}add it"
            )


def _require_members(table: pd.DataFrame, column: str, allowed: tuple[str, ...]) -> None:
    strange = sorted({repr(raw) for raw in table[column] if raw not in allowed})
    if strange:
        raise TableError(
            f"run table: {column} must be one of the known ones, got {', '.join(strange)}; "
            f"correct it (allowed: {', '.join(sorted(allowed))})"
        )
