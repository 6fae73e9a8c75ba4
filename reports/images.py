"""What the runs' answers to each test image say beyond their accuracies.

Called by `reports.contrasts` for each contrast and by `reports.analysis` for the variance budget.
Answers count only where they average to the accuracy that the run reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.methods import Pairs, Runs
from reports.questions import Question
from reports.statistics.intervals import Interval
from reports.statistics.noise import (
    Table,
    crossed_interval,
    detectable_on_images,
    variance_budget,
)
from reports.table import Cell, Outcome, Outcomes

METRIC = "test/accuracy"
"""The one metric that is an average of stored answers."""

Examples = Mapping[str, npt.NDArray[np.bool_]]
"""By run key, which test images the run got right; shape (n_test,)."""

SAME = 1e-6
"""Stored answers must average to the reported accuracy this closely to be of use."""


@dataclass(frozen=True)
class ImageNoise:
    """How far the test images themselves limit a contrast.

    Attributes:
        ci: Over new seeds and new test images, at 1 - alpha.
        detectable: The smallest difference that so many images show with 80 % power.
    """

    ci: Interval | None = None
    detectable: float | None = None


def image_noise(
    question: Question, pairs: Pairs, arm: Runs, control: Runs, examples: Examples
) -> ImageNoise:
    """Both for one contrast; None where a run of a pair kept no answers that fit its accuracy."""
    found = _both(question, pairs, arm, control, examples)
    if found is None:
        return ImageNoise()
    ones, others = found
    d = question.sign * (ones - others)  # int8: exact, and an eighth of float64
    disagreement = float(np.count_nonzero(d)) / d.size
    return ImageNoise(
        ci=crossed_interval(d, level=1 - question.alpha),
        detectable=detectable_on_images(disagreement, d.shape[1], alpha=question.alpha_each),
    )


def budgets(cells: Sequence[Cell], outcomes: Outcomes, examples: Examples) -> list[dict[str, Any]]:
    """What the variance of each arm's test accuracy is made of: seeds, images, and both together.

    Arms without answers, or with fewer than 3 runs that kept them, have no entry.
    """
    entries = []
    for arm, comparison in cells:
        runs = [run for _, run in sorted(outcomes.get((arm, comparison), {}).items())]
        rows = _answers([run for run in runs if run.value is not None], examples)
        budget = None if rows is None else variance_budget(rows)
        if budget is not None and rows is not None:
            entries.append(
                {
                    "arm": arm,
                    "comparison": comparison,
                    "n_seeds": len(rows),
                    "n_images": rows.shape[1],
                    "seed": budget.seed,
                    "image": budget.image,
                    "interaction": budget.interaction,
                    "sd": math.sqrt(budget.total),
                    "shares": budget.shares,
                }
            )
    return entries


def unusable(cells: Sequence[Cell], outcomes: Outcomes, examples: Examples) -> list[str]:
    """The arms of which some run that finished has no answers that fit its accuracy."""
    return [
        arm
        for arm, comparison in cells
        for runs in [outcomes.get((arm, comparison), {}).values()]
        if any(run.value is not None and _answers([run], examples) is None for run in runs)
    ]


def _both(
    question: Question, pairs: Pairs, arm: Runs, control: Runs, examples: Examples
) -> tuple[Table, Table] | None:
    """The answers of both arms at the seeds that pair; shape (n_pairs, n_test) each."""
    if question.metric != METRIC or not pairs.seeds:
        return None
    ones, others = (
        _answers([runs[seed] for seed in pairs.seeds], examples) for runs in (arm, control)
    )
    if ones is None or others is None or ones.shape != others.shape:
        return None
    return ones, others


def _answers(runs: Iterable[Outcome], examples: Examples) -> Table | None:
    """The answers of some runs as int8, shape (n_runs, n_test); None unless all fit."""
    rows: list[npt.NDArray[np.bool_]] = []
    for run in runs:
        row = examples.get(run.run_key)
        if row is None or not row.size or run.value is None:
            return None
        if rows and row.shape != rows[0].shape:
            return None
        if abs(np.count_nonzero(row) / row.size - run.value) > SAME:
            return None
        rows.append(row)
    return np.stack(rows).astype(np.int8) if rows else None
