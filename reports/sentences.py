"""Results in words: one plain sentence a contrast, one a claim.

Called by `reports.contrasts` and `reports.claims`. Decides nothing: it says what the numbers and
the verdict it is given say. Numbers are fractions everywhere else; only here do accuracies turn
into percentage points. It never says "no difference".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.questions import Question
from reports.statistics.intervals import Interval
from reports.statistics.paired import PairedContrast
from reports.verdicts import Ruling


@dataclass(frozen=True)
class _RawDifference:
    """A difference as the metric has it, whichever direction is better."""

    estimate: float
    interval: Interval
    n_pairs: int


def is_fraction(metric: str) -> bool:
    """Whether a metric is a share of images, and its differences are percentage points."""
    return "accuracy" in metric or "consistency" in metric


def metric_name(metric: str) -> str:
    """`test/accuracy` as a person says it: `test accuracy`."""
    return metric.replace("/", " ").replace("_", " ")


def contrast_sentence(
    question: Question,
    numbers: PairedContrast,
    ruling: Ruling,
    *,
    seeds_for_verdict: int | None,
    estimate_with_failures: float | None,
) -> str:
    """What was found, by how much, how sure, and what to call it."""
    interval = numbers.ci_equivalence if ruling.verdict == "equivalent" else numbers.ci_adjusted
    if interval is None or numbers.estimate is None:
        return _too_few(question, numbers)
    if question.sign < 0:
        interval = interval.flipped()
    raw = _RawDifference(question.sign * numbers.estimate, interval, numbers.n_pairs)
    effect = _effect(question, raw, ruling)
    if not question.is_final:
        return f"not final: {effect}"
    if question.refusals:
        return f"{effect}: no verdict ({', '.join(one.code for one in question.refusals)})"
    return f"{effect}: {_judgement(question, ruling, seeds_for_verdict, estimate_with_failures)}"


def amount(value: float, metric: str, *, width: float, signed: bool = False) -> str:
    """A difference in the unit of a sentence: percentage points, or the metric's own.

    Args:
        value: In the metric's unit.
        metric: Its name.
        width: Of the interval it belongs to; two digits of it are worth printing.
        signed: Whether a plus sign is shown.
    """
    scale = 100.0 if is_fraction(metric) else 1.0
    digits = 1 - math.floor(math.log10(scale * width / 2)) if width > 0 else 2
    digits = min(max(digits, 1), 2 if is_fraction(metric) else 8)
    return f"{scale * value:{'+' if signed else ''}.{digits}f}"


def _effect(question: Question, raw: _RawDifference, ruling: Ruling) -> str:
    """`relu raises test accuracy by 12.3 points over control (95 % interval ...)`.

    Where no direction was established the difference and its interval carry signs.
    """
    spec, unit = question.spec, " points" if is_fraction(question.metric) else ""
    is_directed = ruling.verdict not in (None, "equivalent", "undecided")
    estimate, interval = raw.estimate, raw.interval
    verb, joint = "changes", "relative to"
    if is_directed and estimate > 0:
        verb, joint = "raises", "over"
    elif is_directed:
        verb, joint, estimate, interval = "lowers", "relative to", -estimate, interval.flipped()
    by, low, high = (
        amount(value, question.metric, width=interval.width, signed=not is_directed)
        for value in (estimate, interval.low, interval.high)
    )
    return (
        f"{spec.arm} {verb} {metric_name(question.metric)} by {by}{unit} {joint} {spec.control} "
        f"({_level(question, ruling)} {low} to {high}, {raw.n_pairs} paired seeds)"
    )


def _level(question: Question, ruling: Ruling) -> str:
    is_narrow = ruling.verdict == "equivalent" and question.n_looks == 1
    level = 100 * (1 - question.alpha * (2 if is_narrow else 1))
    return f"{level:g} % {'simultaneous ' if question.n_shares > 1 else ''}interval"


def _judgement(
    question: Question,
    ruling: Ruling,
    seeds_for_verdict: int | None,
    estimate_with_failures: float | None,
) -> str:
    if "extended_after_results" in ruling.flags:
        return (
            "undecided, because seeds were added after a verdict had been shown, and an interval "
            "that was looked at before no longer keeps its promise"
        )
    if "failures_decide" in ruling.flags and estimate_with_failures is not None:
        raw = question.sign * estimate_with_failures
        unit = " points" if is_fraction(question.metric) else ""
        return (
            f"undecided, because counting diverged runs as chance would make it "
            f"{amount(raw, question.metric, width=0.0, signed=True)}{unit} and change the verdict"
        )
    if ruling.verdict == "undecided":
        return _undecided(question, seeds_for_verdict)
    return _decided(question, ruling)


def _undecided(question: Question, seeds_for_verdict: int | None) -> str:
    n = "more than a million" if seeds_for_verdict is None else f"about {seeds_for_verdict}"
    return f"undecided; a verdict at the margin of {_margin(question)} would need {n} paired seeds"


def _decided(question: Question, ruling: Ruling) -> str:
    margin = _margin(question)
    if ruling.verdict == "equivalent":
        return f"equivalent within the margin of {margin}"
    word, _, is_small = str(ruling.verdict).partition("-but-")
    if question.direction is None:
        word = "greater" if word == "better" else "less"
    if is_small:
        return f"{word}, but by less than the margin of {margin}"
    if "size_uncertain" in ruling.flags:
        return f"{word}, though perhaps by less than the margin of {margin}"
    return f"{word}, beyond the margin of {margin}"


def _too_few(question: Question, numbers: PairedContrast) -> str:
    spec, n = question.spec, numbers.n_pairs
    prefix = "" if question.is_final else "not final: "
    shared = "no seed" if n == 0 else "1 seed" if n == 1 else f"{n} seeds"
    return (
        f"{prefix}{spec.arm} and {spec.control} finished together at {shared}, and a verdict on "
        f"{metric_name(question.metric)} needs at least 3"
    )


def _margin(question: Question) -> str:
    if is_fraction(question.metric):
        return f"{100 * question.margin:g} points"
    return f"{question.margin:g}"
