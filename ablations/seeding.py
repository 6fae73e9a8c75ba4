"""Which runs a study with looks asks for: whole blocks of seeds, until every contrast is decided.

Called by the runner before each round, by `status` for where each contrast stands, and by reports
for the runs that count, so that all of them come to the same answer. Pure: outcomes come in as
arguments. A look decides by `reports.statistics.sequential` and nothing else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ablations import history
from ablations.claims import claim_from
from ablations.record import RunState, StoredRun, counting_attempt
from ablations.seed_plan import FEWEST_AT_A_LOOK

if TYPE_CHECKING:
    from reports.statistics.sequential import Decision, SequentialPlan

Cell = tuple[str, str]
"""An arm and the recipe it is compared at."""


class Outcome(Protocol):
    """What a run that has ended came to."""

    @property
    def value(self) -> float | None:
        """Its endpoint; None unless it finished and was measured."""

    @property
    def is_lost(self) -> bool:
        """Whether it was trained and came to no number."""


class Ending(NamedTuple):
    """The `Outcome` of a run that has just ended, or that the store holds."""

    value: float | None
    is_lost: bool = False


def ending_of(state: RunState, value: float | None) -> Ending | None:
    """The outcome of a run in that state; None for one that is trained again by itself."""
    if state is RunState.INTERRUPTED:
        return None
    is_measured = state is RunState.FINISHED and value is not None and math.isfinite(value)
    known = value if is_measured else None
    return Ending(known, is_lost=state.is_outcome and known is None)


Outcomes = Mapping[Cell, Mapping[int, Outcome]]


@dataclass(frozen=True)
class Contrast:
    """A planned contrast and the looks at it.

    Attributes:
        plan: Its looks, its share of alpha, and the margin. The looks are the study's, or those
            that were planned when its verdict was first shown.
        shown: Seeds behind the first verdict that was shown.
    """

    name: str
    arm: Cell
    control: Cell
    plan: SequentialPlan
    shown: frozenset[int] = frozenset()

    @property
    def cells(self) -> frozenset[Cell]:
        """Both its sides."""
        return frozenset((self.arm, self.control))


@dataclass(frozen=True)
class Standing:
    """How far a study with looks has come.

    Attributes:
        reach: How many seeds each arm is asked for, by what has ended so far: those of a look.
        in_play: Arms that may be asked for more; the others have left.
    """

    seeds: tuple[int, ...]
    reach: Mapping[Cell, int]
    in_play: frozenset[Cell]

    def is_wanted(self, cell: Cell, seed: int) -> bool:
        """Whether a run counts: trained, or to be trained next."""
        return self._place[seed] < self.reach[cell]

    def is_spared(self, cell: Cell, seed: int) -> bool:
        """Whether a run will never be asked for, as far as is known."""
        return not self.is_wanted(cell, seed) and cell not in self.in_play

    @cached_property
    def _place(self) -> dict[int, int]:
        return {seed: number for number, seed in enumerate(self.seeds)}


@dataclass(frozen=True)
class Seeding:
    """What decides how many seeds each arm gets.

    An arm goes on to the next look as long as one of its contrasts is not decided at this one, and
    its control with it; so at the end every verdict is that of the look its arm has come to. A
    contrast whose verdict was shown under other looks is decided by those; after the last of them
    it goes on to the end of the present ones, since no look among the added seeds was planned.

    Attributes:
        seeds: All of them, in order.
        looks: Numbers of seeds after which the results are looked at; the last is all.
        sign: Turns raw differences into oriented ones, + being better.
        controls: Every arm with the one it is compared with.
        chance: What an arm comes to that learnt nothing, where that is known.
    """

    seeds: tuple[int, ...]
    looks: tuple[int, ...]
    sign: int
    contrasts: tuple[Contrast, ...]
    controls: Mapping[Cell, Cell]
    chance: Mapping[Cell, float | None]

    def standing(self, outcomes: Outcomes) -> Standing:
        """How far the study has come with these outcomes of runs that have ended.

        An arm that has not ended all that it is asked for is asked for no more.
        """
        reach = dict.fromkeys(self.controls, self.looks[0])
        for look, following in pairwise(self.looks):
            here = {cell for cell, n in reach.items() if n == look}
            going = [
                one.cells
                for one in self.contrasts
                if one.cells <= here
                and self._has_come_to(one, look, outcomes)
                and not self._is_decided(one, look, outcomes)
            ]
            cells = frozenset[Cell]().union(*going)
            cells |= {self.controls[cell] for cell in cells}
            reach.update(dict.fromkeys(cells & here, following))
        waiting = [
            one.cells
            for one in self.contrasts
            if not self._has_come_to(one, min(reach[cell] for cell in one.cells), outcomes)
        ]
        in_play = frozenset[Cell]().union(*waiting)
        in_play |= {self.controls[cell] for cell in in_play}
        return Standing(self.seeds, reach, in_play)

    def path(self, contrast: Contrast, outcomes: Outcomes) -> list[Decision]:
        """The decision at every look of its own that a contrast has come to."""
        return [
            self._decision(contrast, look, outcomes)
            for look in contrast.plan.looks
            if self._has_come_to(contrast, look, outcomes)
        ]

    def _has_come_to(self, contrast: Contrast, look: int, outcomes: Outcomes) -> bool:
        """Whether both its arms have ended at every seed up to a look."""
        sides = [outcomes.get(cell, {}) for cell in contrast.cells]
        is_there = all(seed in side for side in sides for seed in self.seeds[:look])
        return is_there and look <= len(self.seeds)

    def _is_decided(self, contrast: Contrast, look: int, outcomes: Outcomes) -> bool:
        if not contrast.shown <= set(self.seeds[:look]) or look > contrast.plan.looks[-1]:
            return False
        own = max((one for one in contrast.plan.looks if one <= look), default=0)
        if not own:
            return False
        decision = self._decision(contrast, own, outcomes)
        return decision.state in ("different", "equivalent")

    def _decision(self, contrast: Contrast, look: int, outcomes: Outcomes) -> Decision:
        arm, control = (outcomes[cell] for cell in (contrast.arm, contrast.control))
        seeds = self.seeds[:look]
        known = self._differences([(arm[seed].value, control[seed].value) for seed in seeds])
        sides = [[side[seed] for seed in seeds] for side in (arm, control)]
        if not any(one.is_lost for side in sides for one in side):
            return contrast.plan.decide(known)
        scored = self._scored(contrast, sides)
        return contrast.plan.decide(known, if_lost=[scored] if scored else [])

    def _scored(self, contrast: Contrast, sides: Sequence[Sequence[Outcome]]) -> list[float | None]:
        """Differences with lost runs at chance, or as the worst that both arms have come to."""
        values = [one.value for side in sides for one in side if one.value is not None]
        if not values:
            return []
        worst = max(values) if self.sign < 0 else min(values)
        chances = [self.chance.get(cell) for cell in (contrast.arm, contrast.control)]
        arm, control = (
            [(worst if chance is None else chance) if one.is_lost else one.value for one in side]
            for side, chance in zip(sides, chances, strict=True)
        )
        return self._differences(list(zip(arm, control, strict=True)))

    def _differences(
        self, pairs: Iterable[tuple[float | None, float | None]]
    ) -> list[float | None]:
        return [
            None if one is None or other is None else self.sign * one - self.sign * other
            for one, other in pairs
        ]


def seeding_of(plan: Mapping[str, Any], past: history.History) -> Seeding | None:
    """How a study's plan adds seeds; None where it has no looks.

    Args:
        plan: `plan.json`.
        past: Its history; verdicts that were shown count, and contrasts that were dropped share
            alpha.
    """
    if "looks" not in plan:
        return None
    # A second to load, which studies without looks need not wait for.
    from reports.statistics.sequential import SequentialPlan  # noqa: PLC0415

    endpoint = plan["endpoint"]
    arms = {arm["name"]: arm for arm in plan["arms"]}
    shown, looks = history.shown_seeds(past, plan), history.shown_looks(past, plan)
    asked, primary = _asked(plan, past), primary_comparison(plan)
    sizes = _family_sizes(asked, primary, history.n_gone(past, plan))

    def contrast(one: _Asked) -> Contrast:
        own = history.shown_name(one.name, one.comparison)
        seen = shown.get(own, [])
        return Contrast(
            one.name,
            (one.arm, one.comparison),
            (one.control, one.comparison),
            SequentialPlan(
                judging_looks(plan["seeds"], plan["looks"], seen, looks.get(own, [])),
                endpoint["alpha"],
                endpoint["margin"],
                sizes[one.comparison],
            ),
            frozenset(seen),
        )

    # Of every recipe, also of one that tuning has yet to choose.
    comparisons = dict.fromkeys(item["comparison"] for item in plan["contrasts"])
    cells = [(arm, comparison) for comparison in comparisons for arm in arms]
    is_accuracy = "accuracy" in endpoint["metric"]
    return Seeding(
        seeds=tuple(plan["seeds"]),
        looks=tuple(plan["looks"]),
        sign=-1 if endpoint["direction"] == "minimize" else 1,
        contrasts=tuple(map(contrast, _distinct(asked))),
        controls={
            (arm, comparison): (arms[arm].get("control", plan["control"]), comparison)
            for arm, comparison in cells
        },
        chance={cell: 1 / arms[cell[0]]["n_classes"] if is_accuracy else None for cell in cells},
    )


def judging_looks(
    seeds: Sequence[int], looks: Sequence[int], shown: Collection[int], looks_then: Sequence[int]
) -> tuple[int, ...]:
    """The looks by which a contrast is decided: the study's, until its verdict is shown.

    From then on they are those that were planned at that time; one, at the seeds that were shown,
    where the verdict was at none of them.

    Args:
        seeds: The study's.
        looks: The study's.
        shown: Seeds behind the first verdict that was shown; empty if none was.
        looks_then: What was planned when it was.
    """
    if not shown:
        return tuple(looks)
    if any(set(seeds[:look]) == set(shown) for look in looks_then):
        return tuple(looks_then)
    return (max(len(shown), FEWEST_AT_A_LOOK),)


class _Asked(NamedTuple):
    """One question to the runs: two arms at one recipe, and the metric in which they are compared.

    Attributes:
        sides: What tells it from others; the arms, but for a statement that compares otherwise.
        is_decided: Whether it is looked at for itself: a contrast of the endpoint.
    """

    name: str
    arm: str
    control: str
    comparison: str
    sides: frozenset[str]
    metric: str
    is_decided: bool = True


def _asked(plan: Mapping[str, Any], past: history.History) -> list[_Asked]:
    """Every contrast, and what claims ask, but those written once numbers had been seen."""
    own, primary = plan["endpoint"]["metric"], primary_comparison(plan)
    found = [
        _Asked(
            item["name"],
            item["arm"],
            item["control"],
            item["comparison"],
            frozenset((item["arm"], item["control"])),
            own,
        )
        for item in plan["contrasts"]
    ]
    late = history.late_claims(past, plan)
    for raw in plan.get("claims", ()):
        claim = claim_from(raw)
        if claim.name and raw["digest"] not in late:
            sides, metric = claim.asks(own)
            is_decided = claim.statement is None and metric == own
            found.append(_Asked(claim.name, *claim.sides, primary, sides, metric, is_decided))
    return found


def primary_comparison(plan: Mapping[str, Any]) -> str:
    """The recipe of the primary family, as `plan.json` says."""
    return "tuned" if "tuning" in plan else "shared"


def _distinct(asked: Iterable[_Asked]) -> list[_Asked]:
    """Those that looks decide, each once: asked both ways round, two are one."""
    held: dict[tuple[str, frozenset[str]], _Asked] = {}
    for one in asked:
        if one.is_decided:
            held.setdefault((one.comparison, one.sides), one)
    return list(held.values())


def _family_sizes(asked: Iterable[_Asked], primary: str, n_gone: int) -> Counter[str]:
    """Questions that share alpha, by comparison."""
    distinct = {(one.comparison, one.sides, one.metric) for one in asked}
    sizes = Counter(comparison for comparison, *_ in distinct)
    sizes[primary] += n_gone
    return sizes


def with_spared(
    states: Mapping[str, str], runs: Iterable[Mapping[str, Any]], standing: Standing
) -> dict[str, str]:
    """States by run key, those of runs that no look will ask for made `spared`.

    Args:
        states: From `ablations.plan.run_states`.
        runs: As `plan.json` has them.
        standing: How far the study has come.
    """
    spared = {r["run_key"] for r in runs if standing.is_spared(cell_of(r), r["seed"])}
    return {
        key: "spared" if key in spared and state in ("new", "elsewhere") else state
        for key, state in states.items()
    }


def cell_of(run: Mapping[str, Any]) -> Cell:
    """Of a run as `plan.json` has it."""
    return run["arm"], run["comparison"]


def stored_outcomes(
    runs: Iterable[Mapping[str, Any]], stored: Iterable[StoredRun]
) -> dict[Cell, dict[int, Ending]]:
    """The outcomes that a store holds of planned runs.

    Args:
        runs: As `plan.json` has them.
        stored: The attempts that may count, with their values of the endpoint.
    """
    by_key: dict[str, dict[int, StoredRun]] = {}
    for held in stored:
        by_key.setdefault(held.run_key, {})[held.attempt] = held
    found: dict[Cell, dict[int, Ending]] = {}
    for run in runs:
        attempts = by_key.get(run["run_key"], {})
        number = counting_attempt({n: held.state for n, held in attempts.items()})
        outcome = (
            None if number is None else ending_of(attempts[number].state, attempts[number].value)
        )
        if outcome is not None:
            found.setdefault(cell_of(run), {})[run["seed"]] = outcome
    return found
