"""The table of how recipes were searched for, and what was chosen.

Called by `page`, `text` and `latex`, like `tables`; copies and formats, and computes no statistic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.figures.units import spoken, unit_of
from reports.render import numbers
from reports.render.tables import Cell, Document, Head, Table, words

MARKS = {"low": "lower end", "high": "upper end"}


def tuning_table(results: Document) -> Table | None:
    """A row a tuned arm: its trials, what was chosen, and how much each key mattered."""
    tuning = results["tuning"]
    if not tuning:
        return None
    unit = unit_of(tuning["metric"])
    keys = list(tuning["space"])
    shares = any(arm["importance"] for arm in tuning["arms"])
    heads = (
        Head("arm", is_number=False),
        Head("trials"),
        Head("diverged"),
        Head("repeated"),
        Head(f"best {spoken(tuning['metric'])}{' (%)' if unit.of_values else ''}"),
        *(Head(key) for key in keys),
        *(Head(f"importance of {key}") for key in keys if shares),
    )
    rows = tuple(_row(arm, tuning["metric"], keys, has_shares=shares) for arm in tuning["arms"])
    return Table(caption(tuning), heads, rows)


def caption(tuning: Mapping[str, Any]) -> str:
    """What was done alike for all arms."""
    text = (
        f"Each arm's recipe, chosen by {spoken(tuning['metric'])} over {tuning['n_trials']} trials "
        f"of the sampler {tuning['sampler']}: {'; '.join(map(_axis, tuning['space'].items()))}. "
        "The test images were closed to them."
    )
    if any(arm["importance"] for arm in tuning["arms"]):
        way = tuning["importance"]
        text += (
            f" Importance is the share of a key in the variance over the space ({way['evaluator']},"
            f" seed {way['seed']}), within one arm."
        )
    return text


def _axis(item: tuple[str, Mapping[str, Any]]) -> str:
    key, axis = item
    if axis["values"] is not None:
        return f"{key} of {', '.join(map(_number, axis['values']))}"
    scale = ", on a logarithmic scale" if axis["log"] else ""
    return f"{key} from {_number(axis['low'])} to {_number(axis['high'])}{scale}"


def _row(
    arm: Mapping[str, Any], metric: str, keys: list[str], *, has_shares: bool
) -> tuple[Cell, ...]:
    importance = arm["importance"] or {}
    return (
        words(arm["arm"]),
        *(_count(arm[name]) for name in ("n_completed", "n_diverged", "n_repeats")),
        Cell(numbers.value(arm["value"], unit_of(metric)), arm["value"]),
        *(_chosen(arm, key) for key in keys),
        *(_share(importance.get(key)) for key in keys if has_shares),
    )


def _count(number: int) -> Cell:
    return Cell(str(number), number)


def _chosen(arm: Mapping[str, Any], key: str) -> Cell:
    if arm["chosen"] is None:
        return Cell(numbers.MISSING)
    value = arm["chosen"][key]
    edge = f" ({MARKS[arm['edges'][key]]})" if key in arm["edges"] else ""
    return Cell(_number(value) + edge, value if isinstance(value, int | float) else str(value))


def _share(share: float | None) -> Cell:
    return Cell(numbers.MISSING if share is None else f"{100 * share:.0f} %", share)


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
