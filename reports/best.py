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

SINGLE_LOOK = ("paired", "welch")
"""Methods under which the values were looked at once, as the test of the best ones takes them."""


def with_best(
    arms: Sequence[ArmResult],
    contrasts: Sequence[ContrastResult],
    questions: Sequence[Question],
    endpoint: Endpoint,
) -> tuple[ArmResult, ...]:
    """The arms with `among_best`, each within its data set and recipe.

    An arm that is compared with its control takes part if that contrast may be judged. Arms that
    pass there pass between themselves too: trained as long, tuned as much, run at the same seeds.

    Args:
        arms: As described.
        contrasts: Answers to `questions`, in the same order.
        questions: With the gate's refusals.
        endpoint: Says what is better, and alpha.
    """
    judged = {
        (question.spec.arm, question.spec.comparison, question.spec.control)
        for question, contrast in zip(questions, contrasts, strict=True)
        if question.is_final and not question.refusals and contrast.method in SINGLE_LOOK
    }
    groups: dict[tuple[str, str], list[ArmResult]] = {}
    for arm in arms:
        own = (arm.name, arm.comparison, arm.control)
        if own in judged or arm.name == arm.control:
            groups.setdefault((arm.control, arm.comparison), []).append(arm)
    found: dict[Cell, bool | None] = {}
    for members in groups.values():
        values = {arm.name: arm.values for arm in members}
        best = among_best(values, alpha=endpoint.alpha, direction=endpoint.direction)
        found |= {(arm.name, arm.comparison): best[arm.name] for arm in members}
    return tuple(replace(arm, among_best=found.get((arm.name, arm.comparison))) for arm in arms)
