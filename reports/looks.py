"""A plan's looks in a report: which runs count, and what each look at them has said.

Called by `reports.analysis` and `reports.sections`. Decides nothing itself: `ablations.seeding`
does, which also said what was trained, so that a report stops where the study did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ablations.seeding import Contrast, Seeding, Standing, judging_looks
from reports.plan import AnalysisPlan
from reports.questions import Question
from reports.statistics.sequential import Decision, SequentialPlan
from reports.table import Cell, Outcome, Outcomes


def standing_of(
    plan: AnalysisPlan, questions: Sequence[Question], cells: Iterable[Cell], outcomes: Outcomes
) -> Standing | None:
    """How far a study with looks has come; None where looks, or their seeds, are not planned."""
    if not plan.looks or not plan.seeds:
        return None
    return _seeding(plan, questions, cells, plan.seeds).standing(_ended(outcomes))


def n_asked(standing: Standing, looks: Sequence[int], outcomes: Outcomes) -> int:
    """Runs without which no verdict is given: those up to the look that each arm is at.

    An arm that is to go on to the next look, and has not begun, stands at the last.
    """
    ended, n = _ended(outcomes), 0
    for cell, reach in standing.reach.items():
        before = max((look for look in looks if look < reach), default=0)
        has_begun = any(seed in ended.get(cell, {}) for seed in standing.seeds[before:reach])
        n += reach if has_begun or not before else before
    return n


def look_path(plan: AnalysisPlan, question: Question, outcomes: Outcomes) -> list[Decision]:
    """The decision at every look that a contrast has come to."""
    spec = question.spec
    cells = [(side, spec.comparison) for side in (spec.arm, spec.control)]
    ended = _ended({cell: outcomes.get(cell, {}) for cell in cells})
    seeds = question.seeds or tuple(sorted(set(ended[cells[0]]) & set(ended[cells[1]])))
    seeding = _seeding(plan, [question], cells, seeds)
    return seeding.path(seeding.contrasts[0], ended)


def _seeding(
    plan: AnalysisPlan,
    questions: Sequence[Question],
    cells: Iterable[Cell],
    seeds: tuple[int, ...],
) -> Seeding:
    controls = {cell: (plan.control_of(cell[0]), cell[1]) for cell in cells}
    metric = plan.endpoint.metric
    return Seeding(
        seeds=seeds,
        looks=plan.looks or (),
        sign=-1 if plan.endpoint.direction == "minimize" else 1,
        contrasts=tuple(map(_contrast, questions)),
        controls=controls,
        chance={cell: plan.chance(cell[0], metric) for cell in controls},
    )


def _contrast(question: Question) -> Contrast:
    spec, shown = question.spec, question.shown or frozenset()
    looks = judging_looks(question.seeds, question.looks, shown, question.looks)
    return Contrast(
        spec.name,
        (spec.arm, spec.comparison),
        (spec.control, spec.comparison),
        SequentialPlan(looks, question.alpha, question.margin, question.family_size),
        shown,
    )


def _ended(outcomes: Outcomes) -> Mapping[Cell, Mapping[int, Outcome]]:
    """Without runs that were interrupted: they are trained again."""
    return {
        cell: {seed: run for seed, run in runs.items() if run.state != "INTERRUPTED"}
        for cell, runs in outcomes.items()
    }
