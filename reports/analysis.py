"""From a run table and a plan to Results: the one place where a report's numbers come together.

Called by the command line with tables from `reports.collect`, or by anyone with a table of their
own. Pure: reads no clock, file, store or random number, and row order does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.arms import described_arm
from reports.best import with_best
from reports.cautions import refusals, warnings
from reports.claims import judged_claim
from reports.contrasts import answer, with_holm, with_matched
from reports.effects import factor_effects
from reports.filters import Filters, filter_section
from reports.gate import Gate
from reports.images import METRIC, Examples, budgets, unusable
from reports.looks import n_asked, standing_of
from reports.per_class import (
    MOST_CLASSES,
    Predictions,
    answered,
    per_class_section,
    unanswered,
    without_confusion,
)
from reports.plan import AnalysisPlan
from reports.questions import Question, claimed_question, planned_questions, primary_comparison
from reports.results import Message, Results
from reports.sections import curve_section, failure_section, probe_section, sequential_section
from reports.table import Cell, outcomes, run_facts, validated_curves, validated_runs
from reports.tuning import Tuning, budget_section, tuning_notes, tuning_section

_DEVIATIONS = ("unplanned_runs", "extended_after_results")


def analyse(
    runs: pd.DataFrame,
    plan: AnalysisPlan,
    *,
    examples: Examples | None = None,
    curves: pd.DataFrame | None = None,
    predictions: Predictions | None = None,
    tuning: Tuning | None = None,
    filters: Filters | None = None,
) -> Results:
    """Every number, verdict and sentence that a report shows.

    Args:
        runs: A row a run: `run_key, arm, comparison, seed, state`, a column per factor and metric.
        plan: What was decided before the runs.
        examples: By run key, which test images the run got right; shape (n_test,).
        curves: A row a run and epoch: `arm, comparison, seed, epoch`, a column per metric.
        predictions: The class that the runs gave each test image, and its label, for numbers by
            class.
        tuning: How recipes were searched for, as `ablations` stores it, where they were.
        filters: Pictures of first layers by run key, from the probe `filters`.

    Returns:
        Arms as they are, contrasts oriented so that + is better, verdicts only if the plan is done.

    Raises:
        TableError: A table breaks its schema.
        DuplicateRunError: Two rows for one arm, comparison and seed.
        UnknownMetricError: The endpoint, or a claim's metric, is no column.
    """
    table = validated_runs(runs)
    cells = _planned_cells(plan, table)
    table, strays = _within_plan(table, plan, cells)
    table, later, n_planned = _up_to_looks(table, plan, cells)
    n_missing = n_planned - int((table["state"] != "INTERRUPTED").sum())
    is_final = n_missing == 0
    by_cell = outcomes(table, plan.endpoint.metric)
    gate = Gate(plan, by_cell, run_facts(table))
    asked = planned_questions(plan, is_final=is_final)
    claimed = [gate.asked(claimed_question(claim, plan)) for claim in plan.claims if claim.name]
    questions = [gate.asked(question) for question in asked]
    answers = [answer(question, plan, by_cell, examples=examples) for question in questions]
    contrasts = tuple(with_matched(with_holm(answers, questions), plan))
    described = [described_arm(cell, plan, by_cell.get(cell, {})) for cell in cells]
    arms = with_best(described, contrasts, questions, plan.endpoint)
    effects = factor_effects(
        plan,
        table,
        cells,
        by_cell,
        may_judge=is_final,
        refused={one.spec.arm for one in questions if one.refusals},
        is_extended=any(one.method == "anytime" for one in answers),
    )
    by_class, class_notes = _per_class(plan, table, cells, questions, predictions)
    notes = (
        *_progress_notes(n_missing, n_planned),
        *strays,
        *later,
        *gate.notes(asked),
        *_test_curve_note(curves),
        *_answers_note(table, cells, examples),
        *class_notes,
        *warnings(plan, arms, contrasts, questions, by_cell),
        *(tuning_notes(tuning, contrasts) if tuning else ()),
        *effects.warnings,
    )
    return Results(
        study=plan.study,
        question=plan.question,
        endpoint=asdict(plan.endpoint),
        design=plan.design,
        plan=_plan_record(plan, notes),
        final=is_final,
        arms=arms,
        contrasts=contrasts,
        effects=effects.entries,
        claims=tuple(judged_claim(c, plan, table, gate, is_final=is_final) for c in plan.claims),
        failures=tuple(failure_section(table, plan, cells)),
        curves=() if curves is None else _curves(curves, table, cells),
        per_class=by_class,
        probes=probe_section(table, plan, cells) | _filters(table, cells, filters),
        tuning=tuning_section(tuning) if tuning else None,
        budget=budget_section(tuning) if tuning else None,
        sequential=sequential_section(plan, questions, by_cell),
        variance_budget=_variance_budget(table, cells, examples),
        warnings=notes,
        refusals=(*refusals(arms, contrasts, [*questions, *claimed]), *effects.refusals),
    )


def _filters(
    table: pd.DataFrame, cells: Sequence[Cell], filters: Filters | None
) -> dict[str, list[dict[str, object]]]:
    return {"filters": filter_section(table, cells, filters)} if filters else {}


def _planned_cells(plan: AnalysisPlan, table: pd.DataFrame) -> list[Cell]:
    """Arms by recipe, in the order of the report: the shared recipe first, the control first.

    A plan that describes its arms names them all; otherwise the table adds what it holds.
    """
    held = sorted(set(zip(table["arm"].tolist(), table["comparison"].tolist(), strict=True)))
    comparisons = {spec.comparison for spec in plan.contrasts}
    if any(claim.name for claim in plan.claims):
        comparisons.add(primary_comparison(plan))
    if plan.arms:
        comparisons = comparisons or {comparison for _, comparison in held} or {"shared"}
        names = [facts.name for facts in plan.arms]
        return [(name, c) for c in ("shared", "tuned") if c in comparisons for name in names]
    named = [
        (side, question.spec.comparison)
        for question in planned_questions(plan)
        for side in (question.spec.control, question.spec.arm)
    ]
    return sorted(dict.fromkeys([*named, *held]), key=lambda cell: cell[1])


def _within_plan(
    table: pd.DataFrame, plan: AnalysisPlan, cells: Sequence[Cell]
) -> tuple[pd.DataFrame, list[Message]]:
    """The planned rows, and a note for each arm whose other rows are left out.

    A run that nobody planned may be there because of how it came out, so it is in no number.
    """
    rows = zip(*(table[name].tolist() for name in ("arm", "comparison", "seed")), strict=True)
    planned = np.array(
        [(arm, c) in cells and (not plan.seeds or seed in plan.seeds) for arm, c, seed in rows],
        dtype=bool,
    )
    return _without(table, planned, "outside the plan")


def _up_to_looks(
    table: pd.DataFrame, plan: AnalysisPlan, cells: Sequence[Cell]
) -> tuple[pd.DataFrame, list[Message], int]:
    """The runs that the plan's looks ask for, a note on others, and how many must have ended.

    All of them must, for verdicts to be given, and an interrupted run has not. With looks an arm
    must have come to one of them; those after the look that decided it count as not planned.
    """
    if not plan.seeds:
        return table, [], len(table)
    by_cell = outcomes(table, plan.endpoint.metric)
    standing = standing_of(plan, planned_questions(plan), cells, by_cell)
    if standing is None:
        return table, [], len(cells) * len(plan.seeds)
    rows = zip(*(table[name].tolist() for name in ("arm", "comparison", "seed")), strict=True)
    asked = np.array([standing.is_wanted((arm, c), seed) for arm, c, seed in rows], dtype=bool)
    kept, notes = _without(table, asked, "after the look that decided it")
    return kept, notes, n_asked(standing, plan.looks or (), by_cell)


def _without(
    table: pd.DataFrame, kept: npt.NDArray[np.bool_], where: str
) -> tuple[pd.DataFrame, list[Message]]:
    notes = [
        Message(
            "unplanned_runs",
            f"arm {arm!r} ({comparison}): {len(runs)} run(s) {where} are in no number of "
            f"this report: seeds {', '.join(str(seed) for seed in runs['seed'])}",
        )
        for (arm, comparison), runs in table[~kept].groupby(["arm", "comparison"], sort=True)
    ]
    return table[kept].reset_index(drop=True), notes


def _progress_notes(n_missing: int, n_planned: int) -> list[Message]:
    if not n_missing:
        return []
    text = f"not final: {n_missing} of {n_planned} planned runs have no outcome yet; no verdicts"
    return [Message("not_final", text)]


def _test_curve_note(curves: pd.DataFrame | None) -> list[Message]:
    """The test images are to be read once; a study that recorded their curve says so."""
    if curves is None or not any(str(name).startswith("test/") for name in curves.columns):
        return []
    text = "the test images were read after every epoch, to draw their curve; choose nothing by it"
    return [Message("test_curve", text)]


def _answers_note(
    table: pd.DataFrame, cells: Sequence[Cell], examples: Examples | None
) -> list[Message]:
    if not examples or METRIC not in table.columns:
        return []
    arms = unusable(cells, outcomes(table, METRIC), examples)
    text = (
        f"runs of {', '.join(map(repr, arms))} kept no answers to the test images, or others than "
        f"their accuracy says: no interval for new images where they are compared"
    )
    return [Message("examples_unusable", text)] if arms else []


def _plan_record(plan: AnalysisPlan, notes: Sequence[Message]) -> dict[str, object]:
    """Which plan this is, what it was before, and where the runs left it."""
    known = [one.text for one in plan.deviations]
    found = [note.text for note in notes if note.code in _DEVIATIONS or note.code in plan.accepted]
    return {"digest": plan.digest, "history": plan.history, "deviations": [*known, *found]}


def _variance_budget(
    table: pd.DataFrame, cells: Sequence[Cell], examples: Examples | None
) -> dict[str, object] | None:
    """None where no run kept its answers to the test images."""
    if not examples or METRIC not in table.columns:
        return None
    arms = budgets(cells, outcomes(table, METRIC), examples)
    return {"metric": METRIC, "arms": arms} if arms else None


def _per_class(
    plan: AnalysisPlan,
    table: pd.DataFrame,
    cells: Sequence[Cell],
    questions: Sequence[Question],
    predictions: Predictions | None,
) -> tuple[dict[str, object] | None, list[Message]]:
    """Numbers by class, and what keeps arms out of them; neither where no labels are known."""
    if predictions is None or not predictions.labels or METRIC not in table.columns:
        return None, []
    by_cell = outcomes(table, METRIC)
    found = answered(cells, by_cell, predictions)
    notes = []
    if arms := unanswered(cells, by_cell, found):
        text = (
            f"runs of {', '.join(map(repr, arms))} kept no predicted classes, or others than their "
            f"accuracy says: in no number by class or image"
        )
        notes.append(Message("predictions_unusable", text))
    if arms := without_confusion(found):
        text = (
            f"{', '.join(map(repr, arms))}: no confusion matrix of more than {MOST_CLASSES} classes"
        )
        notes.append(Message("confusion_left_out", text))
    return per_class_section(found, questions, by_cell, alpha=plan.endpoint.alpha), notes


def _curves(
    curves: pd.DataFrame, table: pd.DataFrame, cells: Sequence[Cell]
) -> tuple[dict[str, object], ...]:
    return tuple(curve_section(validated_curves(curves), table, cells))
