"""Claims of a study, each judged by its contrast or by the numbers of its statement.

Called by `reports.analysis`. A claim's verdict follows from numbers that stand beside it, so a
report can never contradict itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations.claims import Statement
from reports.contrasts import answer
from reports.gate import Gate
from reports.plan import AnalysisPlan, ClaimSpec
from reports.questions import Question, claimed_question
from reports.results import ClaimResult, ContrastResult
from reports.statements import Finding, counted_finding, measured_finding
from reports.table import outcomes
from reports.verdicts import decide_claim

FIGURE = "claims"
"""The figure that draws claims, by its name in the report."""


def judged_claim(
    claim: ClaimSpec, plan: AnalysisPlan, table: pd.DataFrame, gate: Gate, *, is_final: bool
) -> ClaimResult:
    """What became of one claim; what needs runs has no verdict (None) until the study is final.

    Raises:
        UnknownMetricError: The claim names a metric that the runs do not have.
    """
    if claim.statement is None:
        found = _contrasted(claim, plan, table, gate, is_final=is_final)
    elif claim.statement.is_counted:
        found = counted_finding(claim.statement, claim.margin or 0.0)
    else:
        question = gate.asked(claimed_question(claim, plan, is_final=is_final))
        by_metric = {name: outcomes(table, name) for name in _metrics(claim.statement)}
        found = measured_finding(claim.statement, question, plan, by_metric)
    return ClaimResult(
        text=claim.text,
        verdict=found.verdict,
        sentence=f"{found.verdict or 'not final'}: {found.sentence}",
        numbers=found.numbers,
        written=claim.written,
        former=claim.former or None,
        digest=claim.digest,
        figure=FIGURE if _is_drawn(found.numbers) else None,
    )


def _is_drawn(numbers: Mapping[str, Any]) -> bool:
    """Whether a figure shows more than the sentence does.

    Of what came to nothing there is nothing to draw, and a count that is claimed exactly and comes
    to just that is a dot on a line.
    """
    if "conditions" not in numbers:
        return numbers["estimate"] is not None
    known = [one for one in numbers["conditions"] if one["estimate"] is not None]
    is_exact = numbers["relation"] == "equal" and not numbers["margin"]
    return any(one["ci_adjusted"] or one["estimate"] or not is_exact for one in known)


def _metrics(statement: Statement) -> list[str]:
    return [side.metric for side in (statement.left, statement.right) if side.metric]


def _contrasted(
    claim: ClaimSpec, plan: AnalysisPlan, table: pd.DataFrame, gate: Gate, *, is_final: bool
) -> Finding:
    question = gate.asked(claimed_question(claim, plan, is_final=is_final))
    result = answer(question, plan, outcomes(table, question.metric))
    verdict = None
    if is_final and claim.expect is not None:
        verdict = decide_claim(
            result.verdict,
            claim.expect,
            direction=question.direction,
            is_size_uncertain="size_uncertain" in result.flags,
        )
    sentence = result.sentence.removeprefix("not final: ")
    return Finding(verdict, sentence, _numbers(claim, question, result))


def _numbers(claim: ClaimSpec, question: Question, result: ContrastResult) -> dict[str, Any]:
    """What the verdict rests on; differences of the raw metric, arm minus control."""
    adjusted, equivalence = result.ci_adjusted, result.ci_equivalence
    estimate = result.estimate
    if question.sign < 0:
        adjusted = None if adjusted is None else adjusted.flipped()
        equivalence = None if equivalence is None else equivalence.flipped()
        estimate = None if estimate is None else -estimate
    return {
        "contrast": result.name,
        "comparison": result.comparison,
        "metric": question.metric,
        "expect": claim.expect,
        "margin": question.margin,
        "method": result.method,
        "n_pairs": result.n_pairs,
        "level": 1 - question.alpha_each,
        "estimate": estimate,
        "ci_adjusted": adjusted,
        "ci_equivalence": equivalence,
        "contrast_verdict": result.verdict,
        "judged": result.verdict is not None,
        "flags": result.flags,
    }
