"""What a reader must be told before believing a number: warnings and refusals.

Called by `reports.analysis` last, with what was found. Each has a stable code; a warning stands
beside the numbers, a refusal stands instead of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy import stats

from reports.plan import AnalysisPlan
from reports.questions import Question
from reports.results import ArmResult, Code, ContrastResult, Message
from reports.sentences import metric_name
from reports.statistics.intervals import MIN_FOR_INTERVAL
from reports.table import Cell, Outcomes, is_fraction

FEW_PAIRS = 5
SD_RATIO = 3.0
CEILING = 0.995
SKEWNESS = 1.0

_WORTH_A_RANGE = 3
_FLAGGED: Mapping[Code, str] = {
    "identical": "every pair gave exactly the same value; check that the arms differ",
    "no_spread": "every pair gave exactly the same difference; check that seeds differ",
    "extended_after_results": (
        "seeds were added after its verdict was shown; the test allows for that"
    ),
    "fragile": (
        "its verdict hangs on one seed, or on normal differences: without that seed, or by the "
        "exact sign-flip test, it would be another"
    ),
    "holm_only": "Holm's test finds a difference where the simultaneous interval does not",
}


def refusals(
    arms: Sequence[ArmResult],
    contrasts: Sequence[ContrastResult],
    questions: Sequence[Question],
) -> Iterator[Message]:
    """What is not computed, and why."""
    yield from dict.fromkeys(one for question in questions for one in question.refusals)
    for arm in arms:
        if 0 < len(arm.values) < MIN_FOR_INTERVAL:
            is_one = len(arm.values) == 1
            yield Message(
                "one_run" if is_one else "two_runs",
                f"{_label(arm)} has {'one finished run' if is_one else 'two finished runs'}: shown "
                f"as it is, without interval, test or rank",
                "arm",
                arm.name,
                arm.comparison,
            )
    for contrast in contrasts:
        if contrast.ci_adjusted is None:
            yield _without_interval(contrast)


def _without_interval(contrast: ContrastResult) -> Message:
    """Why a contrast has none."""
    where = f"{contrast.name} ({contrast.comparison}): no interval and no verdict"
    code: Code = "too_few_pairs"
    if contrast.method == "welch":
        code, why = "too_few_runs", "on fewer than 3 runs of an arm; add runs"
    elif contrast.method == "sequential" and not contrast.n_pairs:
        why = "before the first look"
    elif contrast.n_pairs < MIN_FOR_INTERVAL:
        why = (
            f"on {contrast.n_pairs} of the 3 pairs that they need; missing seeds: "
            f"{_listed(contrast.missing_pairs) or 'none, so add seeds'}"
        )
    else:
        why = (
            f"on {contrast.n_pairs} pairs: with seeds added after a verdict was shown an interval "
            "takes 6 at the least, and more in a family; add seeds"
        )
    return Message(code, f"{where} {why}", "contrast", contrast.name, contrast.comparison)


def warnings(
    plan: AnalysisPlan,
    arms: Sequence[ArmResult],
    contrasts: Sequence[ContrastResult],
    questions: Sequence[Question],
    outcomes: Outcomes,
) -> Iterator[Message]:
    """What to keep in mind while reading."""
    yield from _seed_warning(plan.seeds or {s for runs in outcomes.values() for s in runs})
    for arm in arms:
        for note in _arm_warnings(plan, arm, outcomes):
            yield replace(note, kind="arm", about=arm.name, comparison=arm.comparison)
    by_cell = {(arm.name, arm.comparison): arm for arm in arms}
    for contrast in contrasts:
        for note in _contrast_warnings(contrast, by_cell, plan):
            name, comparison = contrast.name, contrast.comparison
            yield replace(note, kind="contrast", about=name, comparison=comparison)
    yield from _unreachable(questions, contrasts)


def _seed_warning(held: Iterable[int]) -> Iterator[Message]:
    """Seeds that somebody may have picked."""
    seeds = sorted(held)
    if seeds and seeds != list(range(seeds[0], seeds[0] + len(seeds))):
        yield Message(
            "odd_seeds",
            f"seeds {_listed(seeds)} are not consecutive: say why these, or a reader may think "
            "that they were chosen for their results",
        )


def _arm_warnings(plan: AnalysisPlan, arm: ArmResult, outcomes: Outcomes) -> Iterator[Message]:
    metric = plan.endpoint.metric
    runs = outcomes.get((arm.name, arm.comparison), {})
    blank = [s for s, run in sorted(runs.items()) if run.state == "FINISHED" and run.value is None]
    if blank:
        yield Message(
            "endpoint_missing",
            f"{_label(arm)}: finished without a finite {metric_name(metric)} at seeds "
            f"{_listed(blank)}; these runs are in no number of this report",
        )
    if arm.recipe.get("deterministic") is False:
        yield Message(
            "nondeterministic",
            f"{_label(arm)}: trained with kernels that may round otherwise each time; "
            "`ablations replay` shows by how much the same seed moves",
        )
    if arm.n_failed:
        states = ", ".join(f"{n} {state}" for state, n in arm.failures.items())
        yield Message("failed_runs", f"{_label(arm)}: {states} of {len(runs)} runs")
    if arm.n_collapsed:
        yield Message(
            "collapsed_runs",
            f"{_label(arm)}: {arm.n_collapsed} of {arm.n_finished} finished runs stayed near "
            f"chance; the mean hides it, read the interquartile mean beside it",
        )
    if is_fraction(metric) and arm.median is not None and arm.median > CEILING:
        yield Message(
            "ceiling",
            f"{_label(arm)}: half of its runs are above {100 * CEILING:g} % "
            f"{metric_name(metric)}; compare error counts rather than points",
        )


def _contrast_warnings(
    contrast: ContrastResult, by_cell: Mapping[Cell, ArmResult], plan: AnalysisPlan
) -> Iterator[Message]:
    where = f"{contrast.name} ({contrast.comparison})"
    if MIN_FOR_INTERVAL <= contrast.n_pairs < FEW_PAIRS:
        yield Message(
            "few_pairs",
            f"{where}: {contrast.n_pairs} pairs; the interval leans on normal differences, "
            f"which so few cannot show",
        )
    arm, control = (by_cell[side, contrast.comparison] for side in (contrast.arm, contrast.control))
    ratio = _spread_ratio(arm, control)
    if ratio is not None and ratio > SD_RATIO:
        yield Message(
            "unequal_spread",
            f"{where}: one arm varies {_times(ratio)} as much over seeds as the other",
        )
    yield from _size_warnings(contrast, arm, control, where)
    yield from _skew_warning(contrast, arm, control, where)
    for side in (arm, control):
        is_lost = "DIVERGED" in side.failures or len(side.values) < side.n_finished
        if is_lost and plan.chance(side.name, plan.endpoint.metric) is None:
            yield Message(
                "chance_unknown",
                f"{where}: runs of {side.name!r} that came to no number count as the worst that "
                "was seen, because the value of a network that learnt nothing is not known; an "
                "AnalysisPlan can say it, by endpoint.chance or the data set's n_classes",
            )
    yield from (
        Message(flag, f"{where}: {text}")
        for flag, text in _FLAGGED.items()
        if flag in contrast.flags
    )


def _skew_warning(
    contrast: ContrastResult, arm: ArmResult, control: ArmResult, where: str
) -> Iterator[Message]:
    """Differences that a t interval may not fit; nothing is decided by it."""
    seeds = sorted(set(arm.values) & set(control.values))[: contrast.n_pairs]
    d = np.array([arm.values[seed] - control.values[seed] for seed in seeds])
    if contrast.ci is None or len(d) < FEW_PAIRS or not contrast.sd_difference:
        return
    skewness = float(stats.skew(d))
    if abs(skewness) > SKEWNESS:
        yield Message(
            "skewed_differences",
            f"{where}: the differences are skewed ({skewness:+.1f}); the t interval leans on their "
            "symmetry, so look at each seed's",
        )


def _size_warnings(
    contrast: ContrastResult, arm: ArmResult, control: ArmResult, where: str
) -> Iterator[Message]:
    """Differences that the networks' sizes, or the number of test images, may have made."""
    if "capacity_confounded" in contrast.flags and arm.n_parameters and control.n_parameters:
        yield Message(
            "capacity_confounded",
            f"{where}: {arm.n_parameters:,} parameters against {control.n_parameters:,}, so size "
            "may have made the difference; an arm matched in size would tell",
        )
    least = contrast.images_detectable
    is_directed = contrast.verdict not in (None, "equivalent", "undecided")
    if is_directed and least is not None and abs(contrast.estimate or 0.0) < least:
        yield Message(
            "below_test_noise",
            f"{where}: so many test images show a difference of {100 * least:.2f} points or more "
            "between two trained networks; this one may be luck of the images: read the interval "
            "for new images",
        )
    if contrast.method == "welch":
        yield Message(
            "unpaired_seeds",
            f"{where}: the arms share no seed, so what a seed does to both is not taken out; "
            "intervals are Welch's",
        )


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if math.isfinite(ratio) else "infinitely"


def _spread_ratio(arm: ArmResult, control: ArmResult) -> float | None:
    if arm.ci is None or control.ci is None or arm.sd is None or control.sd is None:
        return None
    small, large = sorted((arm.sd, control.sd))
    return large / small if small else math.inf if large else None


def _unreachable(
    questions: Sequence[Question], contrasts: Sequence[ContrastResult]
) -> Iterator[Message]:
    """One note a family whose exact test cannot reach its level at these seeds."""
    for family in sorted({question.family for question in questions}):
        members = [
            (question, contrast.n_pairs)
            for question, contrast in zip(questions, contrasts, strict=True)
            if question.family == family
            and contrast.n_pairs >= MIN_FOR_INTERVAL
            and contrast.method == "paired"
        ]
        if not members:
            continue
        level = members[0][0].alpha_each
        n = max(n_pairs for _, n_pairs in members)
        needed = next(k for k in range(2, 1100) if 2.0 ** (1 - k) <= level)
        if n < needed:
            yield Message(
                "no_exact_test",
                f"{family} family: with {n} pairs the exact sign-flip test cannot reach "
                f"{level:.4g}; it needs {needed} pairs, so verdicts rest on the t interval alone",
            )


def _label(arm: ArmResult) -> str:
    return f"arm {arm.name!r}" + (" (tuned)" if arm.comparison == "tuned" else "")


def _listed(seeds: Sequence[int]) -> str:
    """`0 to 4, 7`: seeds in as few words as they need."""
    groups: list[list[int]] = [[seed] for seed in seeds[:1]]
    for before, seed in pairwise(seeds):
        if seed == before + 1:
            groups[-1].append(seed)
        else:
            groups.append([seed])
    return ", ".join(
        f"{group[0]} to {group[-1]}" if len(group) >= _WORTH_A_RANGE else ", ".join(map(str, group))
        for group in groups
    )
