"""Claims: sentences with a relation, as a study file says them and as a plan holds them.

`ClaimSpec` and its parts are read from the file; `quantities` finds what they speak of and makes
`Claim`s of them, which `plan.json` keeps and `reports` judges. Nothing here is computed or run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from ablations.strict import Strict

Count = Literal["n_parameters", "n_macs", "n_connections", "n_activations", "n_bytes"]
QuantityName = Literal[
    "n_parameters",
    "n_macs",
    "n_connections",
    "n_activations",
    "n_bytes",
    "growth",
    "mean",
    "number",
]
Relation = Literal["less", "greater", "equal", "within"]
Expectation = Literal["greater", "less", "equivalent"]

COUNTS: tuple[Count, ...] = get_args(Count)
CONTRAST_SIGN = " - "
"""Stands between the two arms of a contrast, so no arm's name may hold it."""
_NETWORK = {"arm", "variant", "levels", "input", "n_classes"}
_KEYS: dict[str, set[str]] = {
    **{name: {"args", "layer", *_NETWORK} for name in COUNTS},
    "growth": {"args", "of", "layer", *_NETWORK},
    "mean": {"args", "arm", "metric"},
    "number": {"value"},
}
_CALL = re.compile(r"\s*(?P<name>\w+)\s*\((?P<args>.*)\)\s*", re.DOTALL)
_MOST_CHANNELS = 4
_LARGEST_SIDE = 100_000

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


def _written_out(raw: Any) -> Any:
    """A number or `NAME(ARGS)` as the mapping that it is short for."""
    if isinstance(raw, int | float):
        return {"quantity": "number", "value": raw}
    if not isinstance(raw, str):
        return raw
    call = _CALL.fullmatch(raw)
    if call:
        return {"quantity": call["name"], "args": call["args"].strip()}
    hint = "; between { and } a text with a comma needs quotes" if "(" in raw else ""
    raise ValueError(f"must be a number, NAME(ARGUMENTS) or a mapping, got {raw!r}{hint}")


def _shape(raw: Any) -> Any:
    """`3x1000x1000` as a list; one that has its channels last is refused, not turned."""
    if isinstance(raw, str) and re.fullmatch(r"\d+x\d+x\d+", raw):
        raw = [int(part) for part in raw.split("x")]
    if not isinstance(raw, list | tuple) or not all(isinstance(part, int) for part in raw):
        raise ValueError(f"must be CHANNELSxHEIGHTxWIDTH such as 3x1000x1000, got {raw!r}")
    if len(raw) == len("chw") and min(raw[:2]) > _MOST_CHANNELS >= raw[2]:
        given = "x".join(map(str, raw))
        turned = "x".join(map(str, (raw[2], *raw[:2])))
        raise ValueError(f"must begin with the channels: write {turned}, got {given}")
    return raw


Side = Annotated[int, Field(ge=1, le=_LARGEST_SIDE)]


class QuantitySpec(Strict):
    """One side of a statement: a number, a count, a growth exponent or a mean over runs.

    Attributes:
        args: The arguments of the short form `NAME(ARGS)`, told apart once arms are known.
        arm: By default the control.
        variant: A network that is no arm of the study, with its `levels`.
        input: Of the network that is counted, (channels, height, width); by default the arm's.
        n_classes: Its outputs; by default the arm's.
        of: The count whose growth is meant.
    """

    quantity: QuantityName
    args: str | None = None
    value: float | None = None
    arm: str | None = None
    variant: str | None = None
    levels: dict[str, Any] = {}
    layer: str | None = None
    metric: str | None = None
    of: Count | None = None
    input: Annotated[tuple[Side, Side, Side], BeforeValidator(_shape)] | None = None
    n_classes: int | None = Field(None, ge=1, le=_LARGEST_SIDE)

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> QuantitySpec:
        given = {key for key in self.model_fields_set if getattr(self, key) is not None}
        strange = sorted(given - {"quantity"} - _KEYS[self.quantity])
        if strange:
            allowed = ", ".join(sorted(_KEYS[self.quantity] - {"args"}))
            raise ValueError(f"{self.quantity} takes no {strange[0]!r} (it takes: {allowed})")
        if self.args is not None and given != {"quantity", "args"}:
            raise ValueError("must give its arguments in brackets, or by name, not both")
        if self.arm is not None and self.variant is not None:
            raise ValueError("must name an arm or a variant, not both")
        if self.levels and self.variant is None:
            raise ValueError("must name the variant whose levels these are")
        required = {"growth": "of", "mean": "metric", "number": "value", "n_activations": "layer"}
        key = required.get(self.quantity)
        if self.args is None and key and key not in given:
            raise ValueError(f"{self.quantity} must be given its {key!r}")
        return self


Quantified = Annotated[QuantitySpec, BeforeValidator(_written_out)]


class StatementSpec(Strict):
    """`left` in a `relation` to `right`, or to `times` it; `factor` belongs to `within`."""

    left: Quantified
    relation: Relation
    right: Quantified
    factor: float | None = Field(None, ge=1)
    times: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _factor_of_within(self) -> StatementSpec:
        if (self.relation == "within") != (self.factor is not None):
            raise ValueError(
                f"factor belongs to the relation 'within', which needs it; got relation "
                f"{self.relation!r} and factor {self.factor!r}"
            )
        return self


class ClaimSpec(Strict):
    """A sentence, and either a contrast with what is expected of it, or a statement.

    Attributes:
        contrast: `ARM - CONTROL`.
        expect: Speaks of the raw metric: a greater loss is greater.
        metric: Of the contrast; by default the endpoint's.
        margin: By default the endpoint's; of a statement, how far apart equal sides may be.
    """

    text: Text
    contrast: str | None = None
    expect: Expectation | None = None
    metric: str | None = None
    margin: float | None = Field(None, gt=0)
    statement: StatementSpec | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> ClaimSpec:
        if (self.contrast is None) == (self.statement is None):
            both = "neither" if self.contrast is None else "both"
            raise ValueError(f"must have a contrast or a statement, got {both}")
        if (self.contrast is None) != (self.expect is None):
            raise ValueError(
                "expect belongs to a contrast, which needs it (allowed: equivalent, greater, less)"
            )
        if self.statement is None:
            return self
        if self.metric is not None:
            raise ValueError("metric belongs to a contrast; a statement says mean(ARM, METRIC)")
        if self.margin is not None and self.statement.relation != "equal":
            raise ValueError(
                f"margin belongs to the relation 'equal', got {self.statement.relation!r}"
            )
        return self


@dataclass(frozen=True)
class Quantity:
    """One side of a statement, found.

    Attributes:
        name: All that it is, as text: `n_parameters(control, conv2)`.
        value: Of what is counted; None for a mean over runs.
        arm: Whose runs; empty for what is counted.
        metric: Of those runs.
    """

    name: str
    value: float | None = None
    arm: str = ""
    metric: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is one that the study file gives."""
        return "(" not in self.name

    @property
    def is_counted(self) -> bool:
        """Whether it is known without a run."""
        return not self.metric


@dataclass(frozen=True)
class Statement:
    """Two quantities and the relation they are said to be in; see `StatementSpec`."""

    left: Quantity
    relation: Relation
    right: Quantity
    factor: float | None = None
    times: float = 1.0

    @property
    def is_counted(self) -> bool:
        """Whether it is decided without a run, and so exactly."""
        return self.left.is_counted and self.right.is_counted

    @property
    def words(self) -> str:
        """What it says, but for the margin: `n_parameters(a) greater 10 x n_parameters(b)`."""
        times = "" if self.times == 1 else f"{self.times:g} x "
        factor = "" if self.factor is None else f" a factor of {self.factor:g} of"
        return f"{self.left.name} {self.relation}{factor} {times}{self.right.name}"


@dataclass(frozen=True)
class Claim:
    """What is claimed, and of what; see `ClaimSpec`."""

    text: str
    contrast: str = ""
    expect: Expectation | None = None
    metric: str | None = None
    margin: float | None = None
    statement: Statement | None = None

    @property
    def sides(self) -> tuple[str, str]:
        """The names of the arm and of its control; of a statement, the arms whose runs it takes.

        One arm beside a number stands on both sides; empty where no run is needed.
        """
        if self.statement is not None:
            left, right = self.statement.left.arm, self.statement.right.arm
            return left or right, right or left
        arm, _, control = self.contrast.partition(CONTRAST_SIGN)
        return arm.strip(), control.strip()

    @property
    def name(self) -> str:
        """Of the contrast of its sides; empty where no run is needed."""
        return self.contrast or CONTRAST_SIGN.join(filter(None, self.sides))

    def asks(self, endpoint: str) -> tuple[frozenset[str], str]:
        """What tells the question of its runs from others: two arms and a metric, as of a contrast.

        A statement that compares otherwise (two metrics, a multiple, an arm with a number) has a
        question of its own.

        Args:
            endpoint: The metric of contrasts that name none.
        """
        one = self.statement
        if one is None:
            return frozenset(self.sides), self.metric or endpoint
        is_plain = one.times == 1 and one.factor in (None, 1)
        if is_plain and one.left.metric == one.right.metric:
            return frozenset(self.sides), one.left.metric
        return frozenset((one.left.name, one.right.name)), f"{one.times:g} times, {one.factor}"

    @property
    def said(self) -> str:
        """The relation in words, without the sentence."""
        if self.statement is not None:
            text = self.statement.words
        else:
            on = f" in {self.metric}" if self.metric else ""
            text = f"{self.contrast}: {self.expect}{on}"
        return text if self.margin is None else f"{text}, margin {self.margin:g}"

    @property
    def digest(self) -> str:
        """Identity of what is claimed: moves with the words, the relation or the margin."""
        said: list[Any] = [self.text, self.contrast, self.expect, self.metric, self.margin]
        if self.statement is not None:
            one = self.statement
            said += [one.left.name, one.relation, one.right.name, one.factor, one.times]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The claim as it stands in `plan.json`."""
        found = {"name": self.name, "sides": list(self.sides), "said": self.said}
        return {**asdict(self), **found, "digest": self.digest}


def claim_from(raw: Mapping[str, Any]) -> Claim:
    """The claim that `Claim.to_dict` wrote."""
    own = {one.name: raw[one.name] for one in fields(Claim)}
    return Claim(**{**own, "statement": statement_from(raw["statement"])})


def statement_from(raw: Mapping[str, Any] | None) -> Statement | None:
    """The statement whose fields these are, as `plan.json` has them."""
    if raw is None:
        return None
    return Statement(**{**raw, "left": Quantity(**raw["left"]), "right": Quantity(**raw["right"])})
