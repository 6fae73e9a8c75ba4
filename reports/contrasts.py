"""One contrast: from the outcomes of two arms to numbers, flags and a verdict.

Called by `reports.analysis` for planned contrasts and by `reports.claims` for claimed ones. Works
on outcomes by seed, never on a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reports.images import Examples, ImageNoise, image_noise
from reports.methods import (
    ADDED_SHARE,
    Bounds,
    Pairs,
    Runs,
    is_verdict_kept,
    level_of,
    numbers_of,
    values_of,
)
from reports.plan import AnalysisPlan, ArmFacts
from reports.questions import Question
from reports.results import ContrastResult
from reports.sentences import contrast_sentence
from reports.statistics.multiplicity import holm
from reports.statistics.paired import PairedContrast
from reports.statistics.power import minimum_detectable, seeds_needed
from reports.table import Outcomes, is_fraction
from reports.verdicts import Ruling, Verdict, is_size_uncertain

CAPACITY_FACTOR = 1.1
"""Arms whose parameter counts differ by more than this factor differ in capacity as well."""


def answer(
    question: Question,
    plan: AnalysisPlan,
    outcomes: Outcomes,
    *,
    examples: Examples | None = None,
) -> ContrastResult:
    """Everything the runs say about one contrast; Holm's p is added by `with_holm`.

    Args:
        question: What to compare, and how strictly.
        plan: For the arms' facts and the planned seeds.
        outcomes: Of every arm, for the question's metric.
        examples: Correctness per test image, for the interval over new images.
    """
    spec = question.spec
    arm = outcomes.get((spec.arm, spec.comparison), {})
    control = outcomes.get((spec.control, spec.comparison), {})
    pairs = values_of(question, arm, control)
    numbers = numbers_of(question, pairs)
    scored = _with_failures(question, plan, pairs, numbers, (arm, control))
    findings = _Findings(
        pairs=pairs,
        numbers=numbers,
        ruling=_ruling(question, plan, pairs, numbers, scored),
        resolution=_resolution(question, pairs, numbers),
        estimate_with_failures=scored[0].estimate if scored else None,
        relative_error_reduction=_relative_error_reduction(question.metric, pairs),
        images=image_noise(question, pairs, arm, control, examples or {}),
        missing_pairs=_missing(plan, pairs, arm, control),
    )
    return _result(question, plan.facts(spec.arm).dataset.get("name"), findings)


def with_holm(
    answers: Sequence[ContrastResult], questions: Sequence[Question]
) -> list[ContrastResult]:
    """The answers with Holm's p within each family, and the flag `holm_only`.

    Holm's test is sharper than the intervals at 1 - alpha / m, which decide the verdict; where it
    alone finds a difference, the flag says so.
    """
    adjusted: dict[int, float | None] = {}
    for family in sorted({question.family for question in questions}):
        members = [i for i, question in enumerate(questions) if question.family == family]
        size = questions[members[0]].family_size
        spent = [_spent(answers[i], questions[i]) for i in members]
        adjusted.update(zip(members, holm(spent, family_size=max(size, len(members))), strict=True))
    return [_with_holm(result, adjusted[i], questions[i].alpha) for i, result in enumerate(answers)]


def with_matched(answers: Sequence[ContrastResult], plan: AnalysisPlan) -> list[ContrastResult]:
    """The answers, those that size may explain with the name of the one that it cannot.

    That is the contrast, with the same control, of an arm that was given the control's size: of the
    same family as the confounded arm, and, where that is the control's own family, with everything
    changed that the confounded arm changes.
    """
    return [
        replace(one, matched=_matched(one, answers, plan))
        if "capacity_confounded" in one.flags
        else one
        for one in answers
    ]


def _matched(
    confounded: ContrastResult, answers: Sequence[ContrastResult], plan: AnalysisPlan
) -> str | None:
    arm, control = plan.facts(confounded.arm), plan.facts(confounded.control)
    for other in answers:
        match = plan.facts(other.arm)
        if "capacity_confounded" in other.flags:  # itself, or a match that missed its target
            continue
        is_asked_alike = (other.control, other.comparison, other.family) == (
            confounded.control,
            confounded.comparison,
            confounded.family,
        )
        is_kin = arm.family != "" and match.family == arm.family
        is_same_change = (
            arm.family != control.family or arm.changes.items() <= match.changes.items()
        )
        if is_asked_alike and match.matched_to == control.name and is_kin and is_same_change:
            return other.name
    return None


def _spent(result: ContrastResult, question: Question) -> float | None:
    """p, at several looks times their number: any of them could have been the one.

    After seeds were added, over the share of alpha that is left.
    """
    if result.p is None:
        return None
    factor = {"sequential": len(question.looks), "anytime": 1 / ADDED_SHARE}.get(result.method, 1)
    return min(1.0, factor * result.p)


def _with_failures(
    question: Question,
    plan: AnalysisPlan,
    pairs: Pairs,
    numbers: PairedContrast,
    runs: tuple[Runs, Runs],
) -> list[PairedContrast]:
    """The contrast with runs that were lost scored as chance; empty where nothing was measured.

    Where chance is not known they count as the worst run of both arms, since they were no better;
    where nothing says which is worse, once as the least and once as the greatest. With looks, runs
    after the one that was reached do not count.
    """
    is_looked_at = pairs.method == "sequential"
    both = [
        run
        for side in runs
        for seed, run in side.items()
        if not is_looked_at or seed in pairs.ended
    ]
    if not any(run.is_lost for run in both):
        return [numbers]
    values = [run.value for run in both if run.value is not None]
    if not values:
        return []
    worst = [max(values)] if question.sign < 0 else [min(values)]
    if question.direction is None:
        worst = [min(values), max(values)]
    spec = question.spec
    known = [plan.chance(side, question.metric) for side in (spec.arm, spec.control)]
    scored = []
    for value in worst:
        if_lost = [value if chance is None else chance for chance in known]
        found = values_of(question, *runs, if_lost=(if_lost[0], if_lost[1]), method=pairs.method)
        scored.append(numbers_of(question, found))
    return scored


def _verdict(numbers: PairedContrast, margin: float) -> Verdict | None:
    return Bounds(numbers.ci, numbers.ci_adjusted, numbers.ci_equivalence).verdict(margin)


def _ruling(
    question: Question,
    plan: AnalysisPlan,
    pairs: Pairs,
    numbers: PairedContrast,
    scored: Sequence[PairedContrast],
) -> Ruling:
    """The verdict of the decision table, unless something forbids or overrules it."""
    flags = list(_standing_flags(question, plan, numbers))
    if pairs.method == "anytime":
        flags.append("extended_after_results")
    may_judge = question.is_final and not question.refusals
    verdict = _verdict(numbers, question.margin) if may_judge else None
    if verdict is None or numbers.ci_adjusted is None:
        return Ruling(None, tuple(flags))
    if is_size_uncertain(verdict, numbers.ci_adjusted, question.margin):
        flags.append("size_uncertain")
    if _is_fragile(question, pairs, numbers, verdict):
        flags.append("fragile")
    if any(_verdict(one, question.margin) != verdict for one in scored):
        flags.append("failures_decide")
    return Ruling("undecided" if "failures_decide" in flags else verdict, tuple(flags))


def _standing_flags(
    question: Question, plan: AnalysisPlan, numbers: PairedContrast
) -> tuple[str, ...]:
    """Flags that need no verdict."""
    flags = []
    if _is_capacity_confounded(plan.facts(question.spec.arm), plan.facts(question.spec.control)):
        flags.append("capacity_confounded")
    if numbers.ci is not None and numbers.sd == 0:
        flags.append("identical" if numbers.estimate == 0 else "no_spread")
    return tuple(flags)


def _is_capacity_confounded(arm: ArmFacts, control: ArmFacts) -> bool:
    if not arm.n_parameters or not control.n_parameters:
        return False
    small, large = sorted((arm.n_parameters, control.n_parameters))
    return large > CAPACITY_FACTOR * small


def _is_fragile(
    question: Question, pairs: Pairs, numbers: PairedContrast, verdict: Verdict
) -> bool:
    """Whether the verdict hangs on normality or on one seed.

    The exact sign-flip test is asked only where its smallest possible p is small enough to agree
    (at n = 5 it never reaches 0.05).
    """
    asks = pairs.method in ("paired", "sequential")
    is_disputed = asks and _is_disputed(numbers, level_of(question, pairs.method))
    return is_disputed or not is_verdict_kept(question, pairs, verdict)


def _is_disputed(numbers: PairedContrast, level: float) -> bool:
    """Whether t and sign-flip disagree at `level`, which the latter can reach."""
    p, exact, floor = numbers.p, numbers.p_sign_flip, numbers.sign_flip_floor
    if p is None or exact is None or floor is None or floor > level:
        return False
    return (p <= level) != (exact <= level)


@dataclass(frozen=True)
class _Resolution:
    """What the spread allows to see, at 80 % power and the simultaneous level.

    Attributes:
        difference: The smallest that these pairs show.
        seeds_for_margin: Pairs that show a difference as small as the margin.
        seeds_for_verdict: Pairs that bring a verdict whatever the difference is. The hardest one
            is half the margin, which must be told both from zero and from the margin.
    """

    difference: float | None = None
    seeds_for_margin: int | None = None
    seeds_for_verdict: int | None = None


def _resolution(question: Question, pairs: Pairs, numbers: PairedContrast) -> _Resolution:
    """Of the test that judges; added seeds and arms without common ones have no such number."""
    if numbers.ci is None or numbers.sd is None or pairs.method in ("anytime", "welch"):
        return _Resolution()
    sd, alpha = numbers.sd, level_of(question, pairs.method)
    return _Resolution(
        difference=minimum_detectable(sd, numbers.n_pairs, alpha=alpha),
        seeds_for_margin=seeds_needed(sd, question.margin, alpha=alpha),
        seeds_for_verdict=seeds_needed(sd, question.margin / 2, alpha=alpha),
    )


@dataclass(frozen=True)
class _Findings:
    """What is known of a contrast once it has been judged."""

    pairs: Pairs
    numbers: PairedContrast
    ruling: Ruling
    resolution: _Resolution
    estimate_with_failures: float | None
    relative_error_reduction: float | None
    images: ImageNoise
    missing_pairs: tuple[int, ...]


def _result(question: Question, dataset: str | None, found: _Findings) -> ContrastResult:
    spec, numbers = question.spec, found.numbers
    return ContrastResult(
        name=spec.name,
        arm=spec.arm,
        control=spec.control,
        dataset=dataset,
        family=question.family,
        comparison=spec.comparison,
        method=found.pairs.method,
        estimate=numbers.estimate,
        ci=numbers.ci,
        ci_adjusted=numbers.ci_adjusted,
        ci_equivalence=numbers.ci_equivalence,
        p=numbers.p,
        p_adjusted=None,
        p_sign_flip=numbers.p_sign_flip,
        p_equivalence=numbers.p_equivalence,
        margin=question.margin,
        sd_difference=numbers.sd,
        correlation=numbers.correlation,
        hedges_dz=numbers.hedges_dz,
        win_probability=numbers.win_probability,
        win_probability_ci=numbers.win_probability_ci,
        relative_error_reduction=found.relative_error_reduction,
        new_images_ci=found.images.ci,
        images_detectable=found.images.detectable,
        estimate_with_failures=found.estimate_with_failures,
        verdict=found.ruling.verdict,
        flags=found.ruling.flags,
        n_pairs=numbers.n_pairs,
        missing_pairs=found.missing_pairs,
        minimum_detectable=found.resolution.difference,
        seeds_for_margin=found.resolution.seeds_for_margin,
        seeds_for_verdict=found.resolution.seeds_for_verdict,
        matched=None,
        sentence=contrast_sentence(
            question,
            found.pairs,
            numbers,
            found.ruling,
            seeds_for_verdict=found.resolution.seeds_for_verdict,
            estimate_with_failures=found.estimate_with_failures,
        ),
    )


def _missing(plan: AnalysisPlan, pairs: Pairs, arm: Runs, control: Runs) -> tuple[int, ...]:
    """Seeds without a pair; with looks only those up to the look that was reached."""
    wanted = set(pairs.ended) if plan.looks else set(plan.seeds) | set(arm) | set(control)
    return tuple(sorted(wanted - set(pairs.seeds)))


def _relative_error_reduction(metric: str, pairs: Pairs) -> float | None:
    """Share of the control's errors that the arm avoids; of accuracies only."""
    if not is_fraction(metric) or not pairs.arm or not pairs.control:
        return None
    control_error, arm_error = 1 - np.mean(pairs.control), 1 - np.mean(pairs.arm)
    return float((control_error - arm_error) / control_error) if control_error > 0 else None


def _with_holm(result: ContrastResult, p: float | None, alpha: float) -> ContrastResult:
    is_clear = result.ci_adjusted is not None and (
        result.ci_adjusted.low > 0 or result.ci_adjusted.high < 0
    )
    is_asked = result.verdict is not None and result.method in ("paired", "welch")
    is_holm_only = is_asked and p is not None and p <= alpha and not is_clear
    flags = (*result.flags, "holm_only") if is_holm_only else result.flags
    return replace(result, p_adjusted=p, flags=flags)
