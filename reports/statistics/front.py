"""Which arms no other beats at both cost and value: the Pareto set.

Called where costs stand beside results. By the numbers as they are: an arm may owe its place to
luck, which intervals and verdicts judge and this does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Direction = Literal["maximize", "minimize"]


def on_front(
    costs: Sequence[float | None],
    values: Sequence[float | None],
    *,
    direction: Direction = "maximize",
) -> list[bool]:
    """Whether each point is in the Pareto set: none costs at most as much and is at least as good.

    Points that are alike in both are all in it or all out. A point without a cost or a value is
    out, and beats nobody.

    Args:
        costs: Less is better.
        values: One a cost.
        direction: Whether the larger or the smaller value is better.

    Raises:
        ValueError: There are more of one than of the other.

    Example:
        >>> on_front([1, 2, 3], [0.8, 0.7, 0.9])
        [True, False, True]
    """
    sign = 1 if direction == "maximize" else -1
    points = [
        None if cost is None or value is None else (cost, -sign * value)
        for cost, value in zip(costs, values, strict=True)
    ]
    known = [point for point in points if point is not None]
    return [
        point is not None and not any(_beats(other, point) for other in known) for point in points
    ]


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]
