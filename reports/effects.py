"""Which factors of a study matter, by how much, and whether that hangs on the others.

Called by `reports.analysis` with the outcomes of every arm. Answers for arms that cross the
factors, at each recipe and on each data set; of other designs it says what cannot be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations, permutations
from typing import Any

import pandas as pd

from ablations.designs import level_text
from reports.plan import AnalysisPlan, ArmFacts
from reports.results import Message
from reports.statistics.confounding import confounding
from reports.statistics.crossed import (
    Crossed,
    EmptyCellsError,
    Levels,
    TooFewBlocksError,
    crossed_values,
    level_key,
)
from reports.statistics.factorial import crossed_anova
from reports.statistics.marginal import (
    Estimate,
    Interaction,
    LevelEffect,
    interactions,
    marginal_effects,
    matters,
    simple_effects,
    trends,
)
from reports.table import Cell, Outcomes

_MISSING: Hashable = object()


@dataclass(frozen=True)
class FactorEffects:
    """The section, and what a reader must know of it.

    Attributes:
        entries: One for each recipe and data set whose arms cross the factors.
        warnings: Seeds that are in no effect; what a design that is no grid cannot tell apart.
        refusals: Why there is no entry where there might have been one.
    """

    entries: tuple[dict[str, Any], ...] = ()
    warnings: tuple[Message, ...] = ()
    refusals: tuple[Message, ...] = ()


@dataclass(frozen=True)
class _Grid:
    """The arms of the design at one recipe, beside one control.

    Attributes:
        label: Names it in messages.
        control: The arm that the others are compared with.
        levels: By factor, the reference first.
        arms: By combination of levels.
        same: Arms that have one combination between them; the design has none.
    """

    label: str
    comparison: str
    control: str
    levels: Mapping[str, Levels]
    arms: Mapping[Levels, str]
    same: tuple[str, ...] = ()

    @property
    def n_cells(self) -> int:
        """Combinations of levels."""
        return math.prod(len(levels) for levels in self.levels.values())

    @property
    def n_lacking(self) -> int:
        """Combinations of levels that no arm has."""
        return self.n_cells - len(self.arms)


def factor_effects(
    plan: AnalysisPlan,
    table: pd.DataFrame,
    cells: Sequence[Cell],
    outcomes: Outcomes,
    *,
    may_judge: bool,
    refused: Collection[str] = (),
    is_extended: bool = False,
) -> FactorEffects:
    """Effects of the plan's factors on the endpoint, oriented so that + is better.

    Args:
        plan: With the factors, the arms' levels of them and the endpoint.
        table: The planned runs; gives the levels of arms that the plan does not describe.
        cells: Arms and recipes, in the order of the report.
        outcomes: Of the endpoint.
        may_judge: Whether it may be said which interactions matter; a study that is not final gets
            numbers alone.
        refused: Arms that get no verdict; a grid that has one of them gets numbers alone.
        is_extended: Seeds were added after verdicts had been shown, which no interval here allows
            for: numbers alone, and a warning.
    """
    may_judge = may_judge and not is_extended
    found = [
        _effects_of(
            grid,
            plan,
            outcomes,
            may_judge=may_judge and not set(grid.arms.values()) & set(refused),
        )
        for grid in _grids(plan, table, cells)
    ]
    late = Message(
        "effects_extended",
        "effects of factors: seeds were added after verdicts had been shown, and their intervals "
        "and p do not allow for it; the contrasts do",
    )
    entries = tuple(entry for one in found for entry in one.entries)
    return FactorEffects(
        entries,
        (
            *(note for one in found for note in one.warnings),
            *([late] if entries and is_extended else []),
        ),
        tuple(note for one in found for note in one.refusals),
    )


def _effects_of(
    grid: _Grid, plan: AnalysisPlan, outcomes: Outcomes, *, may_judge: bool
) -> FactorEffects:
    if grid.same:
        text = f"{' and '.join(map(repr, grid.same))} have the same level of every factor"
        return FactorEffects(refusals=(Message("effects_same_arms", f"{grid.label}: {text}"),))
    if grid.n_lacking:
        note = (Message("effects_not_crossed", _confounded(grid)),)
        # Only a grid promises all combinations; another design leaves them out on purpose.
        is_grid = plan.design == "grid"
        return FactorEffects(refusals=note) if is_grid else FactorEffects(warnings=note)
    try:
        crossed = _crossed(grid, plan, outcomes)
    except EmptyCellsError as error:
        names = ", ".join(repr(grid.arms[cell]) for cell in error.cells)
        text = f"no run of {names} has a value, so that main effects would not be of all levels"
        return FactorEffects(refusals=(Message("effects_empty_cells", f"{grid.label}: {text}"),))
    except TooFewBlocksError as error:
        text = f"fewer than 2 seeds have a value of every arm; {_left_out(grid, error.dropped)}"
        return FactorEffects(refusals=(Message("effects_too_few_seeds", f"{grid.label}: {text}"),))
    warnings = []
    if crossed.dropped:
        text = f"{_left_out(grid, crossed.dropped)}; such seeds are in no effect of a factor"
        warnings.append(Message("effects_seeds_left_out", f"{grid.label}: {text}"))
    return FactorEffects((_entry(grid, plan, crossed, may_judge=may_judge),), tuple(warnings))


def _entry(grid: _Grid, plan: AnalysisPlan, crossed: Crossed, *, may_judge: bool) -> dict[str, Any]:
    """One entry of the section."""
    return {
        "comparison": grid.comparison,
        "dataset": plan.facts(grid.control).dataset.get("name"),
        "control": grid.control,
        "factors": [{"name": name, "levels": own} for name, own in crossed.factors.items()],
        "cells": [
            {"arm": arm, "levels": dict(zip(crossed.factors, cell, strict=True))}
            for cell, arm in grid.arms.items()
        ],
        "n_seeds": len(crossed.blocks),
        "left_out": [
            {"seed": seed, "missing": [grid.arms[cell] for cell in lacking]}
            for seed, lacking in crossed.dropped.items()
        ],
        "anova": crossed_anova(crossed).rename(columns={"F": "f"}).to_dict("records"),
        **_estimates(crossed, plan, may_judge=may_judge),
    }


def _estimates(crossed: Crossed, plan: AnalysisPlan, *, may_judge: bool) -> dict[str, Any]:
    """Effects in the metric's unit; adjusted intervals cover all of one list at once.

    Of the simple effects the list is that of all, shown or not: which ones are shown depends on
    the runs, and must not make their intervals narrower.
    """
    level, n_looks = 1 - plan.endpoint.alpha, len(plan.looks or (1,))
    n_others = [len(levels) - 1 for levels in crossed.factors.values()]
    n_pairs = sum(one * other for one, other in combinations(n_others, 2))
    n_simple = sum(one * (within + 1) for one, within in permutations(n_others, 2))
    n_trends = len(trends(crossed, level=level))
    both = [
        (one, matters(one, plan.endpoint.margin) if may_judge else None)
        for one in interactions(crossed, level=level, family_size=max(1, n_pairs) * n_looks)
    ]
    strong = [one for one, is_material in both if is_material]
    return {
        "marginal": [
            {**_identity_first(one), "depends_on": _depends_on(one, strong)}
            for one in marginal_effects(crossed, level=level, family_size=sum(n_others) * n_looks)
        ],
        "interactions": [{**_identity_first(one), "matters": said} for one, said in both],
        "simple": [
            _identity_first(one)
            for pair in dict.fromkeys(one.factors for one in strong)
            for factor, within in permutations(pair)
            for one in simple_effects(
                crossed, factor, within, level=level, family_size=n_simple * n_looks
            )
        ],
        "trends": [
            _identity_first(one)
            for one in trends(crossed, level=level, family_size=max(1, n_trends) * n_looks)
        ],
    }


def _identity_first(one: Estimate) -> dict[str, Any]:
    """What is estimated, then the numbers."""
    numbers = {item.name for item in fields(Estimate)}
    told = asdict(one)
    return dict(sorted(told.items(), key=lambda pair: pair[0] in numbers))


def _depends_on(effect: LevelEffect, strong: Sequence[Interaction]) -> list[str]:
    """The factors whose level changes this effect: read the simple effects instead."""
    others = [
        factor
        for one in strong
        if (effect.factor, effect.level) in zip(one.factors, one.levels, strict=True)
        for factor in one.factors
        if factor != effect.factor
    ]
    return list(dict.fromkeys(others))


def _crossed(grid: _Grid, plan: AnalysisPlan, outcomes: Outcomes) -> Crossed:
    """The grid's values by seed and cell, oriented."""
    sign, metric = -1.0 if plan.endpoint.direction == "minimize" else 1.0, plan.endpoint.metric
    rows = [
        [*cell, seed, None if run.value is None else sign * run.value]
        for cell, arm in grid.arms.items()
        for seed, run in outcomes.get((arm, grid.comparison), {}).items()
    ]
    table = pd.DataFrame(rows, columns=[*grid.levels, "seed", metric], dtype=object)
    return crossed_values(table, metric, grid.levels, "seed")


def _grids(plan: AnalysisPlan, table: pd.DataFrame, cells: Sequence[Cell]) -> list[_Grid]:
    """The study's arms by recipe and control, where they differ in its factors.

    A control whose own level is none of the factors' stands beside the grid and is left out.
    """
    groups: dict[Cell, dict[str, Levels]] = {}
    for arm, comparison in cells:
        levels = _levels_of(arm, plan, table)
        if levels is not None:
            groups.setdefault((plan.control_of(arm), comparison), {})[arm] = levels
    found = []
    for cell, by_arm in groups.items():
        others = {arm: levels for arm, levels in by_arm.items() if arm != cell[0]}
        whole, beside = (_grid(cell, held, plan) for held in (by_arm, others))
        is_beside = not beside.n_lacking and set(beside.levels) == set(whole.levels)
        found.append(beside if whole.n_lacking and is_beside else whole)
    return [grid for grid in found if grid.levels]


def _grid(cell: Cell, levels_by_arm: Mapping[str, Levels], plan: AnalysisPlan) -> _Grid:
    """Arms put in the order of the factors' levels; a factor that does not vary is left out."""
    control, comparison = cell
    own = levels_by_arm.get(control)
    levels: dict[str, Levels] = {}
    kept = []
    for i, (factor, listed) in enumerate(plan.factors.items()):
        held = [arm_levels[i] for arm_levels in levels_by_arm.values()]
        order = [*([own[i]] if own else []), *map(level_key, listed), *held]
        varied = tuple(level for level in dict.fromkeys(order) if level in held)
        if len(varied) > 1:
            levels[factor] = varied
            kept.append(i)
    arms: dict[Levels, list[str]] = {}
    for arm, arm_levels in levels_by_arm.items():
        arms.setdefault(tuple(arm_levels[i] for i in kept), []).append(arm)

    def position(key: Levels) -> list[int]:
        return [own.index(level) for own, level in zip(levels.values(), key, strict=True)]

    return _Grid(
        label=f"effects of factors against {control!r} ({comparison})",
        comparison=comparison,
        control=control,
        levels=levels,
        arms={key: arms[key][0] for key in sorted(arms, key=position)},
        same=next((tuple(names) for names in arms.values() if len(names) > 1), ()),
    )


def _levels_of(arm: str, plan: AnalysisPlan, table: pd.DataFrame) -> Levels | None:
    """An arm's level of every factor; None for an arm that the study lists beside its design."""
    facts = plan.facts(arm)
    if not plan.factors or "variant" in facts.changes:
        return None
    rows = table[table["arm"] == arm]
    found = [_level(factor, listed, facts, rows) for factor, listed in plan.factors.items()]
    return None if any(level is _MISSING for level in found) else tuple(found)


def _level(factor: str, listed: Sequence[Any], facts: ArmFacts, rows: pd.DataFrame) -> Hashable:
    """From what the plan knows of the arm, else the one level that all of its runs have."""
    group, dot, key = factor.partition(".")
    named = {"recipe": facts.recipe, "dataset": facts.dataset}.get(group, {})
    known = named if dot else facts.levels
    if (key if dot else factor) in known:
        return level_key(known[key if dot else factor])
    if factor not in rows.columns:
        return _MISSING
    # A table may write a list of widths as an arm's name does: 6x16.
    by_text = {level_text(level): level for level in listed}
    held = {
        level_key(by_text.get(level_text(level_key(level)), level))
        for level in rows[factor].tolist()
    }
    return held.pop() if len(held) == 1 else _MISSING


def _confounded(grid: _Grid) -> str:
    """What cannot be told apart because combinations are missing, main effects first."""
    names = list(grid.levels)
    arms = pd.DataFrame(list(grid.arms), columns=names, dtype=object)
    alike = confounding(arms, names, order=1).confounded
    if alike:  # factors that move together
        told = [
            f"{term} with {', '.join(other for other in others if other in names)}"
            for term, others in alike.items()
        ]
    else:
        told = ["the effect of a factor with its interactions"]
    return (
        f"{grid.label}: {grid.n_lacking} of {grid.n_cells} combinations of {', '.join(names)} are "
        f"not in the design, so that no effect over all levels of the others is estimated; "
        f"confounded: {'; '.join(told)}"
    )


def _left_out(grid: _Grid, dropped: Mapping[Hashable, Sequence[Levels]]) -> str:
    """`seed 1 lacks 'relu'; seed 3 lacks 'relu', 'tanh'`."""
    return "; ".join(
        f"seed {seed} lacks {', '.join(repr(grid.arms[cell]) for cell in cells)}"
        for seed, cells in dropped.items()
    )
