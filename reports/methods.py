"""How a contrast is judged: which test its plan and its past allow, and the intervals of that test.

Called by `reports.contrasts`. Four methods, chosen by what was decided before the values were seen:

- `paired`: one look at the planned seeds, by Student's t of the differences;
- `sequential`: planned looks, by repeated confidence intervals;
- `anytime`: seeds were added after a verdict had been shown, by a confidence sequence;
- `welch`: a table whose arms share no seed, by Welch's t.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reports.questions import Question
from reports.statistics.anytime import (
    anytime_interval,
    anytime_p,
    anytime_sign_p,
    is_anytime_different,
    may_be_skewed,
)
from reports.statistics.intervals import MIN_FOR_INTERVAL, FloatArray, Interval
from reports.statistics.paired import (
    PairedContrast,
    differences,
    mean_interval,
    paired_contrast,
)
from reports.statistics.sequential import SequentialPlan
from reports.statistics.unpaired import UnpairedContrast, unpaired_contrast
from reports.table import Outcome
from reports.verdicts import Verdict, decide

ADDED_SHARE = 0.5
"""What a contrast may spend of its alpha once its verdict was shown and seeds were added.

The planned test may have been wrong already. With all of alpha a second time, 5.9 % of studies that
show a verdict at five seeds and grow to thirty are wrong at some time; with half of it, 5.3 %
(20,000 simulated studies).
"""

Method = Literal["paired", "sequential", "anytime", "welch"]
Runs = Mapping[int, Outcome]


@dataclass(frozen=True)
class Pairs:
    """Raw values of two arms.

    Attributes:
        seeds: That both have a value for, in the order in which they were planned and added.
        ended: Seeds at which both arms have ended, well or not; in that order too.
    """

    method: Method
    seeds: tuple[int, ...]
    arm: tuple[float, ...]
    control: tuple[float, ...]
    ended: tuple[int, ...] = ()

    def without(self, place: int) -> Pairs:
        """The same without the pair at that place."""
        return replace(
            self,
            seeds=self.seeds[:place] + self.seeds[place + 1 :],
            arm=self.arm[:place] + self.arm[place + 1 :],
            control=self.control[:place] + self.control[place + 1 :],
        )


@dataclass(frozen=True)
class Bounds:
    """The three intervals of a contrast; None where there are too few values for them."""

    ci: Interval | None = None
    adjusted: Interval | None = None
    equivalence: Interval | None = None

    def verdict(self, margin: float) -> Verdict | None:
        """What they say of a difference as large as `margin`."""
        if self.adjusted is None or self.equivalence is None:
            return None
        return decide(self.adjusted, self.equivalence, margin)


def values_of(
    question: Question,
    arm: Runs,
    control: Runs,
    *,
    if_lost: tuple[float | None, float | None] = (None, None),
    method: Method | None = None,
) -> Pairs:
    """The values that a question is answered by.

    Args:
        question: Says which seeds were planned, looked at and shown.
        arm: Outcomes by seed.
        control: Likewise.
        if_lost: Values that stand for a run of the arm, and of the control, that diverged or
            finished without a number; None leaves the pair out.
        method: That judges, where it is settled; by default what these values call for.
    """
    if not question.seeds and arm and control and not set(arm) & set(control):
        one, other = (
            [value for _, run in sorted(runs.items()) if (value := _value(run, chance)) is not None]
            for runs, chance in zip((arm, control), if_lost, strict=True)
        )
        return Pairs("welch", (), tuple(one), tuple(other))
    is_looked_at = _is_looked_at(question, set(arm) & set(control))
    shared = _in_order(question, set(arm) & set(control), shown_first=not is_looked_at)
    ended = [s for s in shared if "INTERRUPTED" not in (arm[s].state, control[s].state)]
    if is_looked_at:
        ended = ended[: _look_reached(question, ended)]
    pairs = [
        (seed, a, b)
        for seed in ended
        if (a := _value(arm[seed], if_lost[0])) is not None
        and (b := _value(control[seed], if_lost[1])) is not None
    ]
    seeds, ones, others = zip(*pairs, strict=True) if pairs else ((), (), ())
    settled = method or _method(question, seeds, is_looked_at=is_looked_at)
    return Pairs(settled, seeds, ones, others, tuple(ended))


def _method(question: Question, seeds: Sequence[int], *, is_looked_at: bool) -> Method:
    if is_looked_at:
        return "sequential"
    if question.shown is not None and not set(seeds) <= question.shown:
        return "anytime"
    return "paired"


def _is_looked_at(question: Question, held: Collection[int]) -> bool:
    """Whether its looks were planned: then going on to the next is no extension.

    Looks that were planned after a verdict had been shown at other seeds do not count, and seeds
    that were added after the last look are at none.
    """
    if not question.looks or question.shown is None or not question.seeds:
        return bool(question.looks)
    at_looks = [set(question.seeds[:look]) for look in question.looks]
    return question.shown in at_looks and set(held) <= at_looks[-1]


def _look_reached(question: Question, ended: Sequence[int]) -> int:
    """The look at which all of its planned seeds have ended; later seeds wait for the next."""
    planned = question.seeds or tuple(ended)
    n_whole = next(
        (n for n, seed in enumerate(planned) if seed not in ended), min(len(planned), len(ended))
    )
    return max((look for look in question.looks if look <= n_whole), default=0)


def _in_order(question: Question, seeds: set[int], *, shown_first: bool) -> list[int]:
    """As planned; where they were added, those behind the verdict that was shown first."""
    shown = (question.shown if shown_first else None) or frozenset()
    place = {seed: number for number, seed in enumerate(question.seeds)}
    return sorted(seeds, key=lambda s: (s not in shown, place.get(s, len(place)), s))


def _value(outcome: Outcome, if_lost: float | None) -> float | None:
    return if_lost if outcome.is_lost else outcome.value


def numbers_of(question: Question, pairs: Pairs) -> PairedContrast:
    """Everything the values say, + being better; intervals and p are those of the method."""
    arm, control = _oriented(question, pairs)
    if pairs.method == "welch":
        found = _welch(question, arm, control)
        return PairedContrast(
            n_pairs=0,
            estimate=found.estimate,
            ci=found.ci,
            ci_adjusted=found.ci_adjusted,
            ci_equivalence=found.ci_equivalence,
            p=found.p,
            p_equivalence=found.p_equivalence,
            win_probability=found.win_probability,
        )
    numbers = paired_contrast(
        arm,
        control,
        margin=question.margin,
        alpha=question.alpha,
        family_size=question.family_size,
    )
    if pairs.method == "paired" or numbers.ci is None:
        return numbers
    bounds = bounds_of(question, pairs)
    d = differences(arm, control)
    return replace(
        numbers,
        ci=bounds.ci,
        ci_adjusted=bounds.adjusted,
        ci_equivalence=bounds.equivalence,
        p=_anytime_p(d) if pairs.method == "anytime" else numbers.p,
        p_equivalence=None,  # it would be of a single look
    )


def bounds_of(question: Question, pairs: Pairs) -> Bounds:
    """The intervals of the method."""
    arm, control = _oriented(question, pairs)
    if pairs.method == "welch":
        found = _welch(question, arm, control)
        return Bounds(found.ci, found.ci_adjusted, found.ci_equivalence)
    d = differences(arm, control)
    if len(d) < MIN_FOR_INTERVAL:
        return Bounds()
    whole, each = question.alpha, question.alpha_each
    if pairs.method == "paired":
        levels = (1 - whole, 1 - each, 1 - 2 * each)
        return Bounds(*(mean_interval(d, level=level) for level in levels))
    if pairs.method == "anytime":
        adjusted = _anytime(d, ADDED_SHARE * each)
        return Bounds(_anytime(d, ADDED_SHARE * whole), adjusted, adjusted)
    adjusted = _repeated(question, pairs, d, each)
    return Bounds(_repeated(question, pairs, d, whole), adjusted, adjusted)


def is_verdict_kept(question: Question, pairs: Pairs, verdict: Verdict) -> bool:
    """Whether the verdict is the same without any one of the seeds, where intervals remain."""
    if pairs.method == "welch":
        less = [replace(pairs, arm=values) for values in _each_left_out(pairs.arm)]
        less += [replace(pairs, control=values) for values in _each_left_out(pairs.control)]
    else:
        n_pairs = len(pairs.seeds)
        less = [pairs.without(i) for i in range(n_pairs)] if n_pairs > MIN_FOR_INTERVAL else []
    others = (bounds_of(question, one).verdict(question.margin) for one in less)
    return all(other in (verdict, None) for other in others)


def _each_left_out(values: tuple[float, ...]) -> list[tuple[float, ...]]:
    if len(values) <= MIN_FOR_INTERVAL:
        return []
    return [values[:i] + values[i + 1 :] for i in range(len(values))]


def _oriented(question: Question, pairs: Pairs) -> tuple[FloatArray, FloatArray]:
    return question.sign * np.asarray(pairs.arm), question.sign * np.asarray(pairs.control)


def _welch(question: Question, arm: FloatArray, control: FloatArray) -> UnpairedContrast:
    return unpaired_contrast(
        arm,
        control,
        margin=question.margin,
        alpha=question.alpha,
        family_size=question.family_size,
    )


def _repeated(question: Question, pairs: Pairs, d: FloatArray, alpha: float) -> Interval | None:
    """The interval of the present look; a seed without a pair has its place all the same."""
    if not pairs.ended:
        return None
    by_seed = dict(zip(pairs.seeds, d.tolist(), strict=True))
    plan = SequentialPlan(question.looks, alpha, question.margin)
    return plan.interval([by_seed.get(seed) for seed in pairs.ended])


def _anytime_p(d: FloatArray) -> float:
    """Guarded like the interval: where skewness may have made the difference, signs count too."""
    p = anytime_p(d)
    return max(p, min(1.0, 2 * anytime_sign_p(d))) if may_be_skewed(d) else p


def level_of(question: Question, method: Method) -> float:
    """The p at which the ordinary t test of one contrast decides, as far as the method has one."""
    if method == "sequential":
        return SequentialPlan(question.looks, question.alpha_each, question.margin).nominal
    return question.alpha_each


def _anytime(d: FloatArray, alpha: float) -> Interval | None:
    """The confidence sequence, drawn out to zero where skewness may have made the difference."""
    interval = anytime_interval(d, level=1 - alpha)
    if interval is None or is_anytime_different(d, alpha=alpha):
        return interval
    return Interval(min(interval.low, 0.0), max(interval.high, 0.0))
