"""What tuning may choose from: one axis a recipe key, as numbers between two ends or as a list.

Pure; part of `spec`. Knows nothing of samplers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ablations.errors import nearest
from ablations.strict import Strict, demand

NEAR_AN_END = 0.05
"""A chosen number this near to an end of its axis, of the whole axis, lies on its edge."""
Side = Literal["low", "high"]
Values = Mapping[str, Any]


class Axis(Strict):
    """The values of one recipe key: all between `low` and `high`, or those of a list.

    Attributes:
        log: Whether numbers are drawn evenly on a logarithmic scale.
        step: From `low` on, the distance between two numbers; None for any.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = Field(None, gt=0)
    values: tuple[Any, ...] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Axis:
        if self.values is not None:
            if self.model_fields_set != {"values"}:
                raise ValueError("takes a list of values or low and high, got both")
            if len(set(map(repr, self.values))) < len(self.values):
                raise ValueError(f"names a value twice: {list(self.values)}")
            return self
        if self.low is None or self.high is None:
            raise ValueError("needs low and high, or a list of values")
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic scale needs low > 0, got {self.low}")
        if self.log and self.step is not None:
            raise ValueError("step is of an even scale, got log: true; leave one of them out")
        return self

    @property
    def ends(self) -> tuple[Any, Any]:
        """The least and the greatest value; of a list its first and last."""
        return (self.values[0], self.values[-1]) if self.values else (self.low, self.high)

    def edge(self, value: object) -> Side | None:
        """The end at which a chosen value lies, if it does: what is best may lie beyond it.

        In a list only numbers in order have ends, and only of two or more.
        """
        if self.values is not None:
            return _edge_of_list(self.values, value)
        if not isinstance(value, int | float):
            return None
        low, high, place = (_scaled(number, log=self.log) for number in (*self.ends, value))
        share = (place - low) / (high - low)
        if share <= NEAR_AN_END:
            return "low"
        return "high" if share >= 1 - NEAR_AN_END else None


def _edge_of_list(values: tuple[Any, ...], value: object) -> Side | None:
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < len(values) or len(numbers) == 1 or value not in numbers:
        return None
    ordered = sorted(numbers)
    if value == ordered[0]:
        return "low"
    return "high" if value == ordered[-1] else None


def _scaled(number: float, *, log: bool) -> float:
    return math.log(number) if log else float(number)


Space = Annotated[
    dict[
        str,
        Annotated[
            Axis,
            BeforeValidator(lambda raw: {"values": raw} if isinstance(raw, list | tuple) else raw),
        ],
    ],
    Field(min_length=1),
]


def fitted(space: Mapping[str, Axis], model: type[BaseModel]) -> dict[str, Axis]:
    """The space with its values as `model` has them: `"1e-3"` of YAML is a number.

    Raises:
        ValueError: Names every key that `model` lacks, and every value it does not take.
    """
    problems, found = [], {}
    for key, axis in space.items():
        field = model.model_fields.get(key)
        if field is None:
            known = sorted(model.model_fields)
            told = f"{nearest(key, known)}(known: {', '.join(known)})"
            problems.append(f"unknown key {key!r} of a recipe; {told}")
            continue
        annotation: Any = Annotated[field.annotation, Field(), *field.metadata]
        kind = TypeAdapter[Any](annotation)
        try:
            taken = [kind.validate_python(value) for value in axis.values or axis.ends]
        except ValidationError as error:
            wrong = error.errors()[0]
            problems.append(f"{key}: {wrong['input']!r} will not do: {demand(wrong)}")
            continue
        kept = {"values": taken} if axis.values else {"low": taken[0], "high": taken[1]}
        if axis.step is not None:
            if isinstance(taken[0], int) and axis.step != int(axis.step):
                problems.append(f"{key}: is a whole number, and so must be its step: {axis.step:g}")
                continue
            # What no number of steps comes to is no end.
            n_steps = math.floor((taken[1] - taken[0]) / axis.step + 1e-9)
            if not n_steps:
                problems.append(f"{key}: a step of {axis.step:g} leads beyond high at once")
                continue
            kept["high"] = taken[0] + n_steps * axis.step
        found[key] = Axis.model_validate({**axis.model_dump(exclude_unset=True), **kept})
    if problems:
        raise ValueError("; ".join(problems))
    return found


def cells(space: Mapping[str, Axis]) -> list[dict[str, Any]]:
    """Every combination of the values of axes that are lists, the last axis fastest."""
    listed = [axis.values or () for axis in space.values()]
    return [dict(zip(space, values, strict=True)) for values in product(*listed)]


def corners(space: Mapping[str, Axis]) -> list[dict[str, Any]]:
    """Combinations that a recipe must take if it is to take them all: every axis' values in turn.

    Beside the ends of the other axes: keys of a recipe may clash, such as a momentum with Adam.
    """
    if all(axis.values is not None for axis in space.values()):
        return cells(space)
    found = []
    for key, axis in space.items():
        for end in (0, 1):
            beside = {other: one.ends[end] for other, one in space.items()}
            found += [{**beside, key: value} for value in axis.values or axis.ends]
    return found
