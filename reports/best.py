"""Which arms of a study cannot be told from its best.

Called by `reports.analysis` once the contrasts are answered: an arm takes part only where its own
contrast may be judged, and by a test that looks once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.plan import Endpoint
from reports.questions import Question
from reports.results import ArmResult, ContrastResult
from reports.statistics.best import among_best
from reports.table import Cell


def with_best(
    arms: Sequence[ArmResult],
    contrasts: Sequence[ContrastResult],
    questions: Sequence[Question],
    endpoint: Endpoint,
) -> tuple[ArmResult, ...]:
    """The arms with `among_best`, each within its data set and recipe.

    An arm that is compared with its control takes part if that contrast may be judged, in pairs and
    at one look. Arms that pass there pass between themselves too: trained as long, tuned as much.
    One that lacks a seed which another has takes no part.

    Args:
        arms: As described.
        contrasts: Answers to `questions`, in the same order.
        questions: With the gate's refusals.
        endpoint: Says what is better, and alpha.
    """
    judged = {
        (question.spec.arm, question.spec.comparison, question.spec.control)
        for question, contrast in zip(questions, contrasts, strict=True)
        if question.is_final and not question.refusals and contrast.method == "paired"
    }
    groups: dict[tuple[str, str], list[ArmResult]] = {}
    for arm in arms:
        own = (arm.name, arm.comparison, arm.control)
        if own in judged or arm.name == arm.control:
            groups.setdefault((arm.control, arm.comparison), []).append(arm)
    found: dict[Cell, bool | None] = {}
    for members in groups.values():
        seeds = set().union(*(arm.values for arm in members))
        # An arm that lost runs is not judged by those that went well.
        values = {arm.name: arm.values for arm in members if set(arm.values) == seeds}
        if len(values) > 1:
            best = among_best(values, alpha=endpoint.alpha, direction=endpoint.direction)
            found |= {(name, members[0].comparison): best[name] for name in values}
    return tuple(replace(arm, among_best=found.get((arm.name, arm.comparison))) for arm in arms)
