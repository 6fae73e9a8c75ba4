"""Results in words: one plain sentence a contrast, one a claim.

Called by `reports.contrasts` and `reports.claims`. Decides nothing: it says what the numbers and
the verdict it is given say. Numbers are fractions everywhere else; only here do accuracies turn
into percentage points. It never says "no difference".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.methods import ADDED_SHARE, Method, Pairs
from reports.questions import Question
from reports.statistics.intervals import MIN_FOR_INTERVAL, Interval
from reports.statistics.paired import PairedContrast
from reports.table import is_fraction
from reports.verdicts import Ruling


@dataclass(frozen=True)
class _RawDifference:
    """A difference as the metric has it, whichever direction is better."""

    estimate: float
    interval: Interval
    runs: str


def metric_name(metric: str) -> str:
    """`test/accuracy` as a person says it: `test accuracy`."""
    return metric.replace("/", " ").replace("_", " ")


def contrast_sentence(
    question: Question,
    pairs: Pairs,
    numbers: PairedContrast,
    ruling: Ruling,
    *,
    seeds_for_verdict: int | None,
    estimate_with_failures: float | None,
) -> str:
    """What was found, by how much, how sure, and what to call it."""
    interval = numbers.ci_equivalence if ruling.verdict == "equivalent" else numbers.ci_adjusted
    if interval is None or numbers.estimate is None:
        return _too_few(question, pairs)
    if question.sign < 0:
        interval = interval.flipped()
    is_equivalence = ruling.verdict == "equivalent"
    level = interval_words(question, pairs.method, is_equivalence=is_equivalence)
    raw = _RawDifference(question.sign * numbers.estimate, interval, _runs(pairs))
    effect = _effect(question, raw, level, ruling)
    if not question.is_final:
        return f"not final: {effect}"
    if question.refusals:
        return f"{effect}: no verdict ({', '.join(one.code for one in question.refusals)})"
    later = [look for look in question.looks if look > len(pairs.ended)]
    if ruling.verdict == "undecided" and pairs.method == "sequential" and later:
        return f"{effect}: undecided so far; the next look is at {later[0]} seeds"
    said = _judgement(question, pairs, ruling, seeds_for_verdict, estimate_with_failures)
    return f"{effect}: {said}"


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


def _effect(question: Question, raw: _RawDifference, level: str, ruling: Ruling) -> str:
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
    recipe = ", both tuned" if spec.comparison == "tuned" else ""
    if question.family == "secondary":
        recipe = ", both at the shared recipe"
    return (
        f"{spec.arm} {verb} {metric_name(question.metric)} by {by}{unit} {joint} {spec.control}"
        f"{recipe} ({level} {low} to {high}, {raw.runs})"
    )


def interval_words(question: Question, method: Method, *, is_equivalence: bool = False) -> str:
    """What an interval of a question is, with its level: `95 % simultaneous interval`."""
    spent = ADDED_SHARE if method == "anytime" else 1.0
    if is_equivalence and method in ("paired", "welch"):
        spent = 2.0  # two one-sided tests
    level = 100 * (1 - question.alpha * spent)
    kind = "simultaneous interval" if question.family_size > 1 else "interval"
    allowed = {
        "sequential": f" that allows for {len(question.looks)} looks",
        "anytime": " that allows for seeds added after a verdict was shown",
    }
    return f"{level:g} % {kind}{allowed.get(method, '')}"


def _runs(pairs: Pairs) -> str:
    if pairs.method == "welch":
        return f"{len(pairs.arm)} and {len(pairs.control)} runs that share no seed"
    return f"{len(pairs.seeds)} paired seeds"


def _judgement(
    question: Question,
    pairs: Pairs,
    ruling: Ruling,
    seeds_for_verdict: int | None,
    estimate_with_failures: float | None,
) -> str:
    if "failures_decide" in ruling.flags and estimate_with_failures is not None:
        raw = question.sign * estimate_with_failures
        unit = " points" if is_fraction(question.metric) else ""
        return (
            f"undecided, because counting diverged runs as chance would make it "
            f"{amount(raw, question.metric, width=0.0, signed=True)}{unit} and change the verdict"
        )
    if ruling.verdict == "undecided":
        return _undecided(question, pairs, seeds_for_verdict)
    return _decided(question, ruling)


def _undecided(question: Question, pairs: Pairs, seeds_for_verdict: int | None) -> str:
    if pairs.method != "paired":  # how many more it takes is known for the planned test alone
        return f"undecided at the margin of {_margin(question)}"
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


def _too_few(question: Question, pairs: Pairs) -> str:
    spec, n = question.spec, len(pairs.seeds)
    prefix = "" if question.is_final else "not final: "
    if pairs.method == "welch":
        return (
            f"{prefix}{spec.arm} and {spec.control} share no seed and finished {len(pairs.arm)} "
            f"and {len(pairs.control)} times, and a verdict on {metric_name(question.metric)} "
            f"needs 3 runs of each"
        )
    if pairs.method == "sequential" and not pairs.ended:
        return (
            f"{prefix}{spec.arm} and {spec.control} have not come to the first look, at "
            f"{question.looks[0]} seeds"
        )
    shared = "no seed" if n == 0 else "1 seed" if n == 1 else f"{n} seeds"
    wanted = "at least 3"
    if pairs.method == "anytime" and n >= MIN_FOR_INTERVAL:
        wanted = "more, now that seeds were added after one had been shown"
    return (
        f"{prefix}{spec.arm} and {spec.control} finished together at {shared}, and a verdict on "
        f"{metric_name(question.metric)} needs {wanted}"
    )


def _margin(question: Question) -> str:
    if is_fraction(question.metric):
        points = f"{100 * question.margin:g}"
        return f"{points} point{'' if points == '1' else 's'}"
    return f"{question.margin:g}"
