"""The contrasts that a plan asks for, and how strictly each is judged.

Called by `reports.analysis` and `reports.claims`. Knows the plan and nothing of what the runs gave:
family sizes are settled before any result is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ablations.history import shown_name
from reports.plan import AnalysisPlan, ClaimSpec, Comparison, ContrastSpec, Direction
from reports.results import Message


@dataclass(frozen=True)
class Question:
    """A contrast as the plan asks it.

    Attributes:
        family: `primary`; `secondary` for the shared recipe of a tuned study; `exploratory` for
            claims that were written after results.
        family_size: Planned contrasts that share alpha with this one.
        direction: None where nothing says which direction is better; differences then stay raw.
        seeds: Planned, in their order; empty where the runs decide.
        looks: Numbers of seeds after which the results are looked at, if more than once; those that
            were planned when its verdict was shown, if one was.
        shown: Seeds whose verdict a person has seen; None if no verdict was shown.
        refusals: Why no verdict may be given.
    """

    spec: ContrastSpec
    metric: str
    direction: Direction | None
    margin: float
    alpha: float
    family: str
    family_size: int
    seeds: tuple[int, ...] = ()
    looks: tuple[int, ...] = ()
    shown: frozenset[int] | None = None
    is_final: bool = True
    refusals: tuple[Message, ...] = ()

    @property
    def sign(self) -> int:
        """Turns raw differences into oriented ones, + being better."""
        return -1 if self.direction == "minimize" else 1

    @property
    def alpha_each(self) -> float:
        """What one contrast may spend, at all its looks together."""
        return self.alpha / self.family_size


def planned_questions(plan: AnalysisPlan, *, is_final: bool = True) -> tuple[Question, ...]:
    """The plan's contrasts, then those of its claims that are not among them."""
    specs = [*plan.contrasts]
    held = {_pair(spec) for spec in specs}
    for spec in (
        claimed_spec(claim, plan)
        for claim in plan.claims
        if _is_on_endpoint(claim, plan) and claim.written == "before"
    ):
        if _pair(spec) not in held:
            held.add(_pair(spec))
            specs.append(spec)
    return tuple(_question(spec, plan, is_final=is_final) for spec in specs)


def claimed_question(claim: ClaimSpec, plan: AnalysisPlan, *, is_final: bool = True) -> Question:
    """The contrast that a claim speaks of; of a statement, the runs that it needs.

    On another metric than the endpoint's nothing says which direction is better, so that the
    question is asked of the raw difference. A claim that was written after results is exploratory:
    it shares alpha with its like, unless its contrast was planned.
    """
    endpoint = plan.endpoint
    question = _question(claimed_spec(claim, plan), plan, is_final=is_final)
    own = _asked(claim, plan)
    late = set(_claimed_pairs(plan, "after_results")) - _planned_pairs(plan)
    return replace(
        question,
        metric=_metric(claim, plan),
        direction=endpoint.direction if _is_on_endpoint(claim, plan) else None,
        margin=endpoint.margin if claim.margin is None else claim.margin,
        family="exploratory" if own in late else "primary",
        family_size=len(late) if own in late else question.family_size,
    )


def claimed_spec(claim: ClaimSpec, plan: AnalysisPlan) -> ContrastSpec:
    """The planned contrast of a claim, or a new one in the primary family."""
    arm, control = claim.sides
    comparison = primary_comparison(plan)
    for spec in plan.contrasts:
        if (spec.arm, spec.control, spec.comparison) == (arm, control, comparison):
            return spec
    return ContrastSpec(claim.name, arm, control, comparison)


def primary_comparison(plan: AnalysisPlan) -> Comparison:
    """Tuned contrasts are primary where there are any."""
    return "tuned" if any(spec.comparison == "tuned" for spec in plan.contrasts) else "shared"


def _question(spec: ContrastSpec, plan: AnalysisPlan, *, is_final: bool) -> Question:
    endpoint = plan.endpoint
    name, shown = _shown(spec, plan)
    return Question(
        spec=spec,
        metric=endpoint.metric,
        direction=endpoint.direction,
        margin=endpoint.margin,
        alpha=endpoint.alpha,
        family="primary" if spec.comparison == primary_comparison(plan) else "secondary",
        family_size=_family_size(plan, spec.comparison),
        seeds=plan.seeds,
        looks=plan.shown_looks.get(name, plan.looks or ()),
        shown=shown,
        is_final=is_final,
    )


def _shown(spec: ContrastSpec, plan: AnalysisPlan) -> tuple[str, frozenset[int] | None]:
    """Seeds behind a verdict that was shown for this pair, under any name and either way round.

    With the name that it was shown under.
    """
    named = {shown_name(one.name, one.comparison): _pair(one) for one in plan.contrasts}
    own = shown_name(spec.name, spec.comparison)
    seeds = [
        (name, frozenset(held))
        for name, held in plan.shown.items()
        if name == own or named.get(name) == _pair(spec)
    ]
    return min(seeds, key=lambda one: len(one[1])) if seeds else ("", None)


def _family_size(plan: AnalysisPlan, comparison: Comparison) -> int:
    """Distinct questions: a contrast asked both ways round, or with two margins, is one."""
    asked = {
        (_pair(spec), plan.endpoint.metric)
        for spec in plan.contrasts
        if spec.comparison == comparison
    }
    if comparison == primary_comparison(plan):
        asked |= set(_claimed_pairs(plan, "before"))
    # Contrasts that were shown and then dropped still had their chance to be wrong.
    return len(asked) + (plan.n_gone if comparison == primary_comparison(plan) else 0)


def _planned_pairs(plan: AnalysisPlan) -> set[tuple[tuple[frozenset[str], str], str]]:
    """What was asked before the results: contrasts, and claims written then."""
    asked = {(_pair(spec), plan.endpoint.metric) for spec in plan.contrasts}
    return asked | set(_claimed_pairs(plan, "before"))


def _claimed_pairs(
    plan: AnalysisPlan, written: str
) -> Iterator[tuple[tuple[frozenset[str], str], str]]:
    for claim in plan.claims:
        if claim.written == written and claim.name:
            yield _asked(claim, plan)


def _asked(claim: ClaimSpec, plan: AnalysisPlan) -> tuple[tuple[frozenset[str], str], str]:
    sides, metric = claim.asks(plan.endpoint.metric)
    return (sides, claimed_spec(claim, plan).comparison), metric


def _metric(claim: ClaimSpec, plan: AnalysisPlan) -> str:
    if claim.statement is None:
        return claim.metric or plan.endpoint.metric
    return claim.statement.left.metric or claim.statement.right.metric


def _pair(spec: ContrastSpec) -> tuple[frozenset[str], str]:
    return frozenset((spec.arm, spec.control)), spec.comparison


def _is_on_endpoint(claim: ClaimSpec, plan: AnalysisPlan) -> bool:
    """Whether it is a contrast of the endpoint's metric, and so one of the report's contrasts."""
    return claim.statement is None and claim.metric in (None, plan.endpoint.metric)
