"""Claims of a study, each judged by its contrast.

Called by `reports.analysis`. A claim's verdict follows from the verdict of its contrast alone, so a
report can never contradict itself.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.contrasts import answer
from reports.gate import Gate
from reports.plan import AnalysisPlan, ClaimSpec
from reports.questions import Question, claimed_question
from reports.results import ClaimResult, ContrastResult
from reports.table import outcomes
from reports.verdicts import decide_claim


def judged_claim(
    claim: ClaimSpec, plan: AnalysisPlan, table: pd.DataFrame, gate: Gate, *, is_final: bool
) -> ClaimResult:
    """What became of one claim; no verdict (None) while the study is not final.

    Raises:
        UnknownMetricError: The claim names a metric that the runs do not have.
    """
    question = gate.asked(claimed_question(claim, plan, is_final=is_final))
    result = answer(question, plan, outcomes(table, question.metric))
    verdict = None
    if is_final:
        verdict = decide_claim(
            result.verdict,
            claim.expect,
            direction=question.direction,
            is_size_uncertain="size_uncertain" in result.flags,
        )
    return ClaimResult(
        text=claim.text,
        verdict=verdict,
        sentence=f"{verdict or 'not final'}: {result.sentence.removeprefix('not final: ')}",
        numbers=_numbers(claim, question, result),
        written=claim.written,
        digest=claim.digest,
    )


def _numbers(claim: ClaimSpec, question: Question, result: ContrastResult) -> dict[str, Any]:
    """What the verdict rests on; differences of the raw metric, arm minus control."""
    interval, estimate = result.ci_adjusted, result.estimate
    if question.sign < 0:
        interval = None if interval is None else interval.flipped()
        estimate = None if estimate is None else -estimate
    return {
        "contrast": claim.contrast,
        "metric": question.metric,
        "expect": claim.expect,
        "margin": question.margin,
        "estimate": estimate,
        "ci_adjusted": interval,
        "n_pairs": result.n_pairs,
        "contrast_verdict": result.verdict,
    }
