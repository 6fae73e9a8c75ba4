"""Statements: two quantities and the relation they are said to be in, decided by numbers alone.

Called by `reports.claims`. Every relation is one or two conditions `a x left + b x right + c > 0`:
exact where both sides are counted, else with the interval that contrasts have, since such a sum is
a contrast of scaled runs. No relation, quantity or sentence has a way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ablations.claims import Quantity, Statement
from reports.methods import Method, Pairs, Runs, bounds_of, values_of
from reports.plan import AnalysisPlan
from reports.questions import Question
from reports.sentences import interval_words
from reports.statistics.intervals import MIN_FOR_INTERVAL, Interval
from reports.table import Outcome, Outcomes
from reports.verdicts import ClaimVerdict, Condition, decide_statement

Lost = tuple[float | None, float | None]
"""Values of left and right that stand for runs that came to none; None leaves the pair out."""

NOT_LOST: Lost = (None, None)


@dataclass(frozen=True)
class Term:
    """One condition: `left x L + right x R + constant`, above zero or not below it."""

    left: float
    right: float
    constant: float = 0.0
    is_strict: bool = False

    def counted(self, left: float, right: float) -> Fraction:
        """Its exact value."""
        parts = ((self.left, left), (self.right, right), (self.constant, 1.0))
        return sum((Fraction(factor) * Fraction(value) for factor, value in parts), Fraction(0))


def terms(statement: Statement, margin: float) -> tuple[Term, ...]:
    """What must hold for a statement to hold; `margin` is how far apart equal sides may be."""
    times = statement.times
    if statement.relation == "greater":
        return (Term(1.0, -times, is_strict=True),)
    if statement.relation == "less":
        return (Term(-1.0, times, is_strict=True),)
    if statement.relation == "within":
        factor = statement.factor or 1.0
        return Term(-1.0, factor * times), Term(factor, -times)
    return Term(1.0, -times, margin), Term(-1.0, times, margin)


@dataclass(frozen=True)
class Finding:
    """What became of a statement: a verdict, a sentence, and the numbers that they follow from."""

    verdict: ClaimVerdict | None
    sentence: str
    numbers: dict[str, Any]


def counted_finding(statement: Statement, margin: float) -> Finding:
    """What is decided without a run: exact, so never undecided."""
    left, right = statement.left.value or 0.0, statement.right.value or 0.0
    values = [(term, term.counted(left, right)) for term in terms(statement, margin)]
    verdict = decide_statement(
        [Condition(Interval(_sign(v), _sign(v)), term.is_strict) for term, v in values]
    )
    conditions = [_condition(term, float(value), None) for term, value in values]
    numbers = {**_said(statement, margin, left, right), "conditions": conditions}
    ratio = f", a ratio of {left / right:.4g}" if right else ""
    sentence = f"{_beside(statement, left, right)}{ratio}; {_wanted(statement, margin)}"
    return Finding(verdict, sentence, numbers)


def _sign(value: Fraction) -> float:
    return float((value > 0) - (value < 0))


def measured_finding(
    statement: Statement, question: Question, plan: AnalysisPlan, tables: Mapping[str, Outcomes]
) -> Finding:
    """What the runs say of a statement.

    Args:
        statement: With a mean over runs on one side at least.
        question: How strictly it is judged, and how far apart equal sides may be.
        plan: Knows what a run that learnt nothing comes to.
        tables: The outcomes of every arm, by metric.
    """
    margin = question.margin if statement.relation == "equal" else 0.0
    sides, wanted = _Sides(statement, question, plan, tables), terms(statement, margin)
    pairs = sides.pairs(wanted[0], NOT_LOST)
    found = [(term, *sides.judged(term, NOT_LOST, pairs.method)) for term in wanted]
    verdict = _verdict([(term, interval) for term, _, interval in found])
    flags: list[str] = [one.code for one in question.refusals]
    others = [sides.verdict(wanted, lost, pairs.method) for lost in sides.scenarios()]
    if verdict is not None and any(other != verdict for other in others):
        flags.append("failures_decide")
    numbers = {
        **_said(statement, margin, *sides.means(pairs)),
        "contrast": question.spec.name,
        "comparison": question.spec.comparison,
        "method": pairs.method,
        "n_pairs": len(pairs.seeds),
        "level": 1 - question.alpha_each,
        "conditions": [_condition(*one) for one in found],
        "judged": question.is_final and verdict is not None and not question.refusals,
        "flags": flags,
    }
    effect = _effect(statement, question, pairs, numbers)
    if not question.is_final:
        return Finding(None, effect, numbers)
    if open_because := _open_because(question, verdict, flags):
        return Finding("undecided", f"{effect}{open_because}", numbers)
    return Finding(verdict, effect, numbers)


def _open_because(question: Question, verdict: ClaimVerdict | None, flags: Sequence[str]) -> str:
    """What keeps a final study from a verdict, beside the intervals; empty for nothing."""
    if verdict is None:
        return f"; a verdict needs at least {MIN_FOR_INTERVAL} runs of each side"
    if question.refusals:
        return f": no verdict ({', '.join(one.code for one in question.refusals)})"
    if "failures_decide" in flags:
        return ", but counting runs that came to no number as chance, or as the worst, changes that"
    return ""


def _verdict(judged: Sequence[tuple[Term, Interval | None]]) -> ClaimVerdict | None:
    known = [Condition(one, term.is_strict) for term, one in judged if one is not None]
    return decide_statement(known) if len(known) == len(judged) else None


class _Sides:
    """The runs of both sides of a statement, scaled as a condition has them."""

    def __init__(
        self,
        statement: Statement,
        question: Question,
        plan: AnalysisPlan,
        tables: Mapping[str, Outcomes],
    ) -> None:
        self.statement, self.question, self.plan = statement, question, plan
        self.left, self.right = (
            self._runs(side, tables) for side in (statement.left, statement.right)
        )

    def _runs(self, side: Quantity, tables: Mapping[str, Outcomes]) -> Runs | None:
        if side.is_counted:
            return None
        return tables[side.metric].get((side.arm, self.question.spec.comparison), {})

    def pairs(self, term: Term, lost: Lost, method: Method | None = None) -> Pairs:
        """Values whose differences, left less right, are the condition but for its constants.

        A side that is counted is the same at each seed of the other.
        """
        left, right = self.left, self.right
        return values_of(
            self.question,
            _scaled(term.left, left) if left is not None else _zeros(right or {}),
            _scaled(-term.right, right) if right is not None else _zeros(left or {}),
            if_lost=(
                _times(term.left, lost[0]) if left is not None else 0.0,
                _times(-term.right, lost[1]) if right is not None else 0.0,
            ),
            method=method,
        )

    def judged(
        self, term: Term, lost: Lost, method: Method
    ) -> tuple[float | None, Interval | None]:
        """A condition's estimate and its simultaneous interval, if there are values for them."""
        pairs = self.pairs(term, lost, method)
        counted = [
            factor * side.value
            for factor, side in (
                (term.left, self.statement.left),
                (term.right, self.statement.right),
            )
            if side.value is not None
        ]
        shift = term.constant + sum(counted)
        adjusted = bounds_of(self.question, pairs).adjusted
        if not pairs.arm or not pairs.control:
            return None, None
        estimate = float(np.mean(pairs.arm) - np.mean(pairs.control)) + shift
        if adjusted is None:
            return estimate, None
        return estimate, Interval(adjusted.low + shift, adjusted.high + shift)

    def verdict(self, wanted: Sequence[Term], lost: Lost, method: Method) -> ClaimVerdict | None:
        """The verdict with runs that came to nothing counted as `lost`."""
        return _verdict([(term, self.judged(term, lost, method)[1]) for term in wanted])

    def scenarios(self) -> list[Lost]:
        """What to count lost runs as: chance where it is known, else the least and the greatest."""
        runs = [run for side in (self.left, self.right) for run in (side or {}).values()]
        values = [run.value for run in runs if run.value is not None]
        if not values or not any(run.is_lost for run in runs):
            return []
        sides = (self.statement.left, self.statement.right)
        chances = [self.plan.chance(side.arm, side.metric) for side in sides]
        stand_ins = (min(values), max(values))
        return list(
            dict.fromkeys(
                (
                    stand_in if chances[0] is None else chances[0],
                    stand_in if chances[1] is None else chances[1],
                )
                for stand_in in stand_ins
            )
        )

    def means(self, pairs: Pairs) -> tuple[float | None, float | None]:
        """The value of each side: counted, or its mean over the runs that are judged."""
        plain = self.pairs(Term(1.0, -1.0), NOT_LOST, pairs.method)
        found = zip(
            (self.statement.left, self.statement.right), (plain.arm, plain.control), strict=True
        )
        left, right = (
            side.value if side.is_counted else float(np.mean(values)) if values else None
            for side, values in found
        )
        return left, right


def _scaled(factor: float, runs: Runs) -> Runs:
    return {
        seed: run._replace(value=None if run.value is None else factor * run.value)
        for seed, run in runs.items()
    }


def _zeros(runs: Runs) -> Runs:
    return {seed: Outcome("", "FINISHED", 0.0) for seed in runs}


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else factor * value


def _said(
    statement: Statement, margin: float, left: float | None, right: float | None
) -> dict[str, Any]:
    return {
        "left": {"quantity": statement.left.name, "value": left},
        "relation": statement.relation,
        "right": {"quantity": statement.right.name, "value": right},
        "factor": statement.factor,
        "times": statement.times,
        "margin": margin if statement.relation == "equal" else None,
    }


def _condition(term: Term, estimate: float | None, interval: Interval | None) -> dict[str, Any]:
    return {
        "left": term.left,
        "right": term.right,
        "constant": term.constant,
        "strict": term.is_strict,
        "estimate": estimate,
        "ci_adjusted": interval,
    }


def _beside(statement: Statement, left: float | None, right: float | None) -> str:
    sides = ((statement.left, left), (statement.right, right))
    said = [
        _number(value) if side.is_number else f"{side.name} is {_number(value)}"
        for side, value in sides
    ]
    return f"{said[0]}{' against ' if statement.right.is_number else ', '}{said[1]}"


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.6g}"


def _wanted(statement: Statement, margin: float) -> str:
    """The relation of the first side to the second: `claimed: more than 10 times as much`."""
    times = "" if statement.times == 1 else f"{statement.times:g} times as much"
    if statement.relation == "within":
        said = f"within a factor of {statement.factor:g}{times and f' of {times}'}"
    elif statement.relation == "equal":
        said = f"{times or 'the same'}{f', within {_number(margin)}' if margin else ''}"
    else:
        more = "more" if statement.relation == "greater" else "less"
        said = f"{more}{times and f' than {times}'}"
    return f"claimed: {said}"


def _effect(
    statement: Statement, question: Question, pairs: Pairs, numbers: Mapping[str, Any]
) -> str:
    """Both sides, what was claimed, and by how much the nearest limit is kept."""
    beside = _beside(statement, numbers["left"]["value"], numbers["right"]["value"])
    said = f"{beside}; {_wanted(statement, numbers['margin'] or 0.0)}"
    known = [one for one in numbers["conditions"] if one["estimate"] is not None]
    if not known:
        return said
    nearest = min(known, key=lambda one: float(one["estimate"]))
    interval, estimate = nearest["ci_adjusted"], nearest["estimate"]
    if interval is None:
        return f"{said}; {estimate:+.4g} from that limit"
    words = interval_words(question, pairs.method)
    runs = f"{len(pairs.seeds)} seeds" if pairs.method != "welch" else "no common seeds"
    low, high = (f"{bound:+.4g}" for bound in interval)
    return f"{said}; {estimate:+.4g} from that limit ({words} {low} to {high}, {runs})"
