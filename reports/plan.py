"""What was decided before the runs: control, contrasts, margin, claims.

Built by the command line from a study (or by hand, for runs trained elsewhere), stored as JSON
with the study, and read by `reports.analysis`. Needs no run keys and knows nothing of MLflow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal, cast, get_args

from ablations.claims import (
    CONTRAST_SIGN,
    Claim,
    Expectation,
    Relation,
    Statement,
    statement_from,
)
from ablations.errors import nearest
from ablations.history import ClaimPast, Deviation
from ablations.spec import Acceptable
from reports.errors import PlanError
from reports.statistics.intervals import MIN_FOR_INTERVAL

Comparison = Literal["shared", "tuned"]
Direction = Literal["maximize", "minimize"]

MAX_ALPHA = 0.5


@dataclass(frozen=True)
class Endpoint:
    """The metric of record and the smallest difference in it that matters.

    Attributes:
        margin: In the metric's own unit (0.005 of an accuracy is half a percentage point); it has
            no default, because nothing but the question can say what matters.
        alpha: Error rate of a whole family of contrasts.
        chance: Value of a network that learnt nothing; by default 1 / n_classes of the arm's
            data set, for accuracies.
    """

    metric: str
    direction: Direction
    margin: float
    alpha: float = 0.05
    chance: float | None = None

    def problems(self) -> Iterator[str]:
        """What is wrong with it, a sentence each."""
        if self.chance is not None and not math.isfinite(self.chance):
            yield (
                f"endpoint.chance: a finite number was expected, got {self.chance!r}; give the "
                f"value of a network that learnt nothing, or leave it out"
            )
        if self.direction not in ("maximize", "minimize"):
            yield (
                f"endpoint.direction: a direction was expected, got {self.direction!r}; "
                f"name one (allowed: maximize, minimize)"
            )
        if not (math.isfinite(self.margin) and self.margin > 0):
            yield (
                f"endpoint.margin: a finite number > 0 was expected, got {self.margin!r}; "
                f"give the smallest difference that matters"
            )
        if not 0 < self.alpha < MAX_ALPHA:
            yield (
                f"endpoint.alpha: a number between 0 and {MAX_ALPHA} was expected, "
                f"got {self.alpha!r}; 0.05 is usual"
            )


@dataclass(frozen=True)
class ContrastSpec:
    """One planned comparison: `arm` minus `control`, at the shared or at tuned recipes."""

    name: str
    arm: str
    control: str
    comparison: Comparison = "shared"


@dataclass(frozen=True)
class ClaimSpec(Claim):
    """A claim, and when it was written.

    Attributes:
        written: `after_results` where numbers of the study had been seen.
        former: What it said when they were seen, if it was edited since; else empty.
    """

    written: Literal["before", "after_results"] = "before"
    former: str = ""

    @classmethod
    def planned(cls, plain: Mapping[str, Any], past: ClaimPast) -> ClaimSpec:
        """A claim as `plan.json` has it, and what the study's history says of it."""
        return cls(
            **{key: plain[key] for key in ("text", "contrast", "expect", "metric", "margin")},
            statement=statement_from(plain["statement"]),
            written="after_results" if past.is_late else "before",
            former=past.former,
        )


@dataclass(frozen=True)
class ArmFacts:
    """What is known of an arm without training it.

    Attributes:
        dataset: At least `name`; `n_classes` gives chance level.
        changes: Levels that differ from the control's.
        growth: Size by input: `{input: [c, h, w], n_parameters, n_macs, activation_bytes}` each.
        megapixel: For a photograph: `{input, n_outputs, n_parameters, parameter_bytes, n_macs}`.
        control: The arm it is compared with, its own name if it is that arm; by default the
            plan's control.
        family: The architectures its variant is one of.
        matched_to: The arm whose size it was given, if any.
        tuned_recipe: The whole recipe that tuning chose for it; empty where none was.
    """

    name: str
    variant: str = ""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    levels: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    n_parameters: int | None = None
    n_macs: int | None = None
    n_connections: int | None = None
    growth: tuple[Mapping[str, Any], ...] = ()
    megapixel: Mapping[str, Any] = field(default_factory=dict)
    control: str = ""
    family: str = ""
    matched_to: str | None = None
    tuned_recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AnalysisPlan:
    """All that `analyse` needs besides the runs.

    Attributes:
        control: Name of the arm that the others are compared with, if their facts name no other.
        factors: Levels of every factor; a factor is also a column of the run table.
        contrasts: Planned comparisons; their number sets the width of simultaneous intervals.
        seeds: Planned for every arm; empty means whatever the table holds.
        looks: Numbers of seeds after which the results are looked at, if more than once.
        arms: Facts of every arm, in the order of the report; empty: arms come from the table.
        history: Earlier states of this plan, as stored.
        deviations: What changed after a verdict had been shown.
        n_gone: Contrasts whose verdict was shown and that are asked no more; they share alpha.
        accepted: Reasons for no verdict that are overruled; the report says so at its top.
        shown: By contrast, the seeds whose verdict a person has already seen.
        shown_looks: By contrast of `shown`, the looks that were planned when it was; by default the
            present ones.

    Raises:
        PlanError: With every contradiction found.
    """

    control: str
    factors: Mapping[str, list[Any]]
    endpoint: Endpoint
    contrasts: tuple[ContrastSpec, ...]
    claims: tuple[ClaimSpec, ...] = ()
    seeds: tuple[int, ...] = ()
    looks: tuple[int, ...] | None = None
    study: str = ""
    question: str = ""
    arms: tuple[ArmFacts, ...] = ()
    design: str = "arms"
    digest: str = ""
    history: tuple[Mapping[str, Any], ...] = ()
    shown: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    shown_looks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    accepted: tuple[Acceptable, ...] = ()
    n_gone: int = 0

    def __post_init__(self) -> None:
        problems = (
            *self.endpoint.problems(),
            *self._contrast_problems(),
            *self._claim_problems(),
            *self._name_problems(),
            *self._seed_problems(),
            *self._acceptance_problems(),
            *self._look_problems(),
        )
        if problems:
            raise PlanError(problems)

    def facts(self, arm: str) -> ArmFacts:
        """What is known of `arm`; an arm that the plan does not describe has a name only."""
        return next((facts for facts in self.arms if facts.name == arm), ArmFacts(arm))

    def control_of(self, arm: str) -> str:
        """The arm that `arm` is compared with; its own name if it is that arm."""
        return self.facts(arm).control or self.control

    def chance(self, arm: str, metric: str) -> float | None:
        """Value of `metric` for an arm that learnt nothing, where that is known."""
        if metric == self.endpoint.metric and self.endpoint.chance is not None:
            return self.endpoint.chance
        n_classes = self.facts(arm).dataset.get("n_classes")
        return 1 / n_classes if n_classes and "accuracy" in metric else None

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values; `from_dict` reads it back equal."""
        return cast(dict[str, Any], json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> AnalysisPlan:
        """A plan from what `to_dict` gave.

        Raises:
            PlanError: A key is missing or unknown, or the plan contradicts itself.
        """
        try:
            return cls(
                **{
                    **raw,
                    "endpoint": Endpoint(**raw["endpoint"]),
                    "contrasts": tuple(ContrastSpec(**item) for item in raw["contrasts"]),
                    "claims": tuple(_claim(item) for item in raw.get("claims", ())),
                    "seeds": tuple(raw.get("seeds", ())),
                    "looks": tuple(raw["looks"]) if raw.get("looks") else None,
                    "arms": tuple(_facts(item) for item in raw.get("arms", ())),
                    "history": tuple(raw.get("history", ())),
                    "deviations": tuple(Deviation(*one) for one in raw.get("deviations", ())),
                    "accepted": tuple(raw.get("accepted", ())),
                    "shown": {k: tuple(v) for k, v in raw.get("shown", {}).items()},
                    "shown_looks": {k: tuple(v) for k, v in raw.get("shown_looks", {}).items()},
                }
            )
        except (KeyError, TypeError) as error:
            raise PlanError((f"a stored plan was expected, got {error}; store it anew",)) from error

    def _contrast_problems(self) -> Iterator[str]:
        held: set[tuple[str, str]] = set()
        for contrast in self.contrasts:
            if contrast.arm == contrast.control:
                yield (
                    f"contrast {contrast.name!r}: two arms were expected, got {contrast.arm!r} "
                    f"twice; name another control"
                )
            key = (contrast.name, contrast.comparison)
            if key in held:
                yield (
                    f"contrast {contrast.name!r}: one at the {contrast.comparison} recipe was "
                    f"expected, got two; drop one"
                )
            held.add(key)

    def _claim_problems(self) -> Iterator[str]:
        for claim in self.claims:
            where = f"claim {claim.text!r}"
            if (claim.statement is None) == (not claim.contrast):
                yield f"{where}: a contrast or a statement was expected; give the one or the other"
            elif claim.statement is None:
                yield from _contrasted_problems(where, claim)
            else:
                yield from _statement_problems(where, claim.statement)
            if claim.margin is not None and not (math.isfinite(claim.margin) and claim.margin > 0):
                yield (
                    f"{where}: a margin > 0 was expected, got {claim.margin!r}; give "
                    f"the smallest difference that matters, or leave the endpoint's"
                )

    def _seed_problems(self) -> Iterator[str]:
        if len(set(self.seeds)) != len(self.seeds):
            yield f"seeds: every seed once was expected, got {list(self.seeds)}; drop the repeated"
        if not all(isinstance(seed, int) for seed in self.seeds):
            yield f"seeds: integers were expected, got {list(self.seeds)}; number the runs"

    def _look_problems(self) -> Iterator[str]:
        looks = self.looks or ()
        steps = pairwise(looks)
        if looks and (looks[0] < MIN_FOR_INTERVAL or any(a >= b for a, b in steps)):
            yield (
                f"looks: numbers of seeds that increase from {MIN_FOR_INTERVAL} or more were "
                f"expected, got {list(looks)}; write them as [5, 10, 15, 20]"
            )
        elif looks and self.seeds and looks[-1] != len(self.seeds):
            yield (
                f"looks: the last was expected to be at all {len(self.seeds)} seeds, got "
                f"{looks[-1]}; plan as many seeds as the last look has"
            )

    def _acceptance_problems(self) -> Iterator[str]:
        allowed = get_args(Acceptable)
        for code in self.accepted:
            if code not in allowed:
                yield (
                    f"accepted: a reason for no verdict was expected, got {code!r}; "
                    f"{nearest(code, allowed)}name one (allowed: {', '.join(allowed)})"
                )

    def _name_problems(self) -> Iterator[str]:
        """Names that `arms`, where given, does not hold."""
        known = sorted(facts.name for facts in self.arms)
        if not known:
            return
        named = [("control", self.control)]
        named += [(f"control of {f.name!r}", f.control) for f in self.arms if f.control]
        named += [
            (f"contrast {c.name!r}", side) for c in self.contrasts for side in (c.arm, c.control)
        ]
        named += [(f"claim {c.text!r}", side) for c in self.claims if c.name for side in c.sides]
        for where, name in named:
            if name not in known:
                yield (
                    f"{where}: the name of an arm was expected, got {name!r}; "
                    f"{nearest(name, known)}name an arm of the study (allowed: {', '.join(known)})"
                )


def _contrasted_problems(where: str, claim: Claim) -> Iterator[str]:
    if not all(claim.sides) or claim.sides[0] == claim.sides[1]:
        yield (
            f"{where}: a contrast of two arms was expected, got "
            f"{claim.contrast!r}; write it as 'ARM{CONTRAST_SIGN}CONTROL'"
        )
    if claim.expect not in get_args(Expectation):
        yield (
            f"{where}: a relation was expected, got {claim.expect!r}; "
            f"name one (allowed: equivalent, greater, less)"
        )


def _statement_problems(where: str, statement: Statement) -> Iterator[str]:
    if statement.relation not in get_args(Relation):
        yield (
            f"{where}: a relation was expected, got {statement.relation!r}; name one "
            f"(allowed: {', '.join(sorted(get_args(Relation)))})"
        )
    if (statement.relation == "within") != (statement.factor is not None):
        yield (
            f"{where}: a factor was expected with the relation 'within' alone, got "
            f"{statement.relation!r} and {statement.factor!r}; give or drop it"
        )
    for side in (statement.left, statement.right):
        if (side.value is None) != bool(side.arm and side.metric):
            yield (
                f"{where}: a value, or an arm and a metric, were expected of {side.name!r}, got "
                f"{side.value!r}, {side.arm!r} and {side.metric!r}; give the one or the other"
            )


def _facts(raw: Mapping[str, Any]) -> ArmFacts:
    return ArmFacts(**{**raw, "growth": tuple(raw.get("growth", ()))})


def _claim(raw: Mapping[str, Any]) -> ClaimSpec:
    return ClaimSpec(**{**raw, "statement": statement_from(raw.get("statement"))})
