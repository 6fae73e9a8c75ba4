"""What planned looks cost and save, on simulated studies and on one that was trained in full.

    python benchmarks/looks.py simulate --studies 2000
    python benchmarks/looks.py study lenet-notes --tracking-uri sqlite:////FOLDER/mlflow.db

Both decide as a driver does, by `ablations.seeding`, and judge by `reports.analyse`: what looks
come to beside all seeds at once. The second reads a store, and trains and writes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ablations.seeding import Seeding, seeding_of
from reports.analysis import analyse
from reports.collect import collect_study
from reports.methods import bounds_of, values_of
from reports.plan import AnalysisPlan, ContrastSpec, Endpoint
from reports.questions import planned_questions
from reports.statistics.intervals import Interval
from reports.table import Cell, Outcome, Outcomes, outcomes, validated_runs

LOOKS = (5, 10, 15, 20)
KINDS = ((0, 0.5), (0, 1.5), (0.5, 0.5), (1, 0.5), (1.5, 0.5), (2, 0.5), (3, 0.5))
"""Effect and margin."""
METRIC = "test/gain"
CONTROL = "control"
Document = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """A simulated kind of study; differences and margin in SD of the paired differences."""

    n_arms: int
    effect: float
    margin: float

    @property
    def arms(self) -> list[str]:
        """The control first."""
        return [CONTROL, *(f"arm {number}" for number in range(self.n_arms))]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Values of every arm by seed; a seed moves all arms by five times what is not its own."""
        values = rng.standard_normal((self.n_arms + 1, LOOKS[-1])) * np.sqrt(0.5)
        values[1:] += self.effect
        return values + 5 * rng.standard_normal(LOOKS[-1])

    def plan(self) -> AnalysisPlan:
        """With looks."""
        specs = [ContrastSpec(f"{arm} - {CONTROL}", arm, CONTROL) for arm in self.arms[1:]]
        endpoint = Endpoint(METRIC, "maximize", self.margin)
        seeds = tuple(range(LOOKS[-1]))
        return AnalysisPlan(CONTROL, {}, endpoint, tuple(specs), seeds=seeds, looks=LOOKS)


def seeding_for(plan: AnalysisPlan) -> Seeding:
    """What a driver makes of the study's stored plan."""
    names = sorted({side for one in plan.contrasts for side in (one.arm, one.control)})
    endpoint = plan.endpoint
    stored = {
        "seeds": list(plan.seeds),
        "looks": list(plan.looks or ()),
        "control": plan.control,
        "endpoint": {
            name: getattr(endpoint, name) for name in ("metric", "direction", "margin", "alpha")
        },
        "contrasts": [vars(one) for one in plan.contrasts],
        "arms": [
            {
                "name": name,
                "arm_key": name,
                "control": plan.control_of(name),
                "n_classes": plan.facts(name).dataset.get("n_classes", 2),
            }
            for name in names
        ],
        "runs": [{"arm": name, "comparison": "shared"} for name in names],
    }
    found = seeding_of(stored, [])
    assert found is not None  # noqa: S101  (it has looks)
    return found


def trained(seeding: Seeding, everything: Outcomes) -> dict[Cell, dict[int, Outcome]]:
    """The runs that a driver trains, round by round."""
    ended: dict[Cell, dict[int, Outcome]] = {cell: {} for cell in seeding.controls}
    while True:
        standing = seeding.standing(ended)
        wanted = [
            (cell, seed)
            for cell in ended
            for seed in seeding.seeds[: standing.reach[cell]]
            if seed not in ended[cell]
        ]
        if not wanted:
            return ended
        for cell, seed in wanted:
            ended[cell][seed] = everything[cell][seed]


@dataclass(frozen=True)
class Judged:
    """A contrast's verdict, and the interval it follows from."""

    verdict: str | None
    interval: Interval | None


def judged(plan: AnalysisPlan, held: Outcomes) -> list[Judged]:
    """What `analyse` says of each contrast, where no run was lost: its verdicts, and no more."""
    found = []
    for question in planned_questions(plan):
        arm, control = (held[side, "shared"] for side in (question.spec.arm, question.spec.control))
        bounds = bounds_of(question, values_of(question, arm, control))
        found.append(Judged(bounds.verdict(question.margin), bounds.adjusted))
    return found


@dataclass(frozen=True)
class Compared:
    """One simulated study, at its looks and with all seeds at once; of the first the runs too."""

    looked_at: list[Judged]
    whole: list[Judged]
    n_runs: int
    table: pd.DataFrame


def simulated(setting: Setting, n_studies: int, *, seed: int = 20_270) -> Iterator[Compared]:
    """Studies of one kind, one after the other; always the same."""
    rng, plan = np.random.default_rng(seed), setting.plan()
    seeding, at_once = seeding_for(plan), replace(plan, looks=None)
    for _ in range(n_studies):
        everything = {
            (arm, "shared"): {s: Outcome("-", "FINISHED", float(v)) for s, v in enumerate(values)}
            for arm, values in zip(setting.arms, setting.draw(rng), strict=True)
        }
        ran = trained(seeding, everything)
        rows = [
            {"arm": cell[0], "seed": s, METRIC: run.value}
            for cell, runs in ran.items()
            for s, run in runs.items()
        ]
        looked_at, whole = judged(plan, ran), judged(at_once, everything)
        yield Compared(looked_at, whole, len(rows), pd.DataFrame(rows))


@dataclass(frozen=True)
class Rates:
    """What a kind of study comes to; shares of studies, but for `agreement`: of contrasts.

    Attributes:
        claims: With a contrast that is called better or worse.
        coverage: Whose intervals all hold the true difference.
        agreement: With the verdict of all seeds.
        saved: Of the runs.
    """

    claims: float
    coverage: float
    agreement: float
    saved: float


def rates(setting: Setting, n_studies: int) -> Rates:
    """Measured on simulated studies."""
    n_claims = n_covered = n_agree = n_runs = 0
    for one in simulated(setting, n_studies):
        n_claims += any(str(c.verdict).startswith(("better", "worse")) for c in one.looked_at)
        n_covered += all(
            c.interval is not None and c.interval.low <= setting.effect <= c.interval.high
            for c in one.looked_at
        )
        pairs = zip(one.looked_at, one.whole, strict=True)
        n_agree += sum(looked.verdict == whole.verdict for looked, whole in pairs)
        n_runs += one.n_runs
    n_all = n_studies * (setting.n_arms + 1) * LOOKS[-1]
    return Rates(
        claims=n_claims / n_studies,
        coverage=n_covered / n_studies,
        agreement=n_agree / (n_studies * setting.n_arms),
        saved=1 - n_runs / n_all,
    )


def _simulate(n_studies: int) -> None:
    print("| arms | effect (SD) | margin (SD) | claims | coverage | as all seeds | runs saved |")
    print("|---|---|---|---|---|---|---|")
    for n_arms, (effect, margin) in product((1, 4, 6), KINDS):
        found = rates(Setting(n_arms, effect, margin), n_studies)
        print(
            f"| {n_arms} | {effect} | {margin} | {found.claims:.4f} | {found.coverage:.4f} | "
            f"{found.agreement:.4f} | {100 * found.saved:.1f} % |",
            flush=True,
        )


def compared_study(runs: pd.DataFrame, stored: AnalysisPlan, looks: tuple[int, ...]) -> Document:
    """A study that was trained at all seeds, as it would have gone with looks.

    Args:
        runs: A row a run.
        stored: What was planned. What was shown of it since does not count here.
        looks: Numbers of seeds.
    """
    seeds = stored.seeds[: looks[-1]]
    plan = replace(
        stored, seeds=seeds, looks=looks, shown={}, shown_looks={}, deviations=(), n_gone=0
    )
    table = validated_runs(runs[runs["seed"].isin(seeds)])
    ran = trained(seeding_for(plan), outcomes(table, plan.endpoint.metric))
    rows = zip(table["arm"], table["comparison"], table["seed"], strict=True)
    asked = table[[seed in ran[arm, comparison] for arm, comparison, seed in rows]]
    whole = analyse(table, replace(plan, looks=None)).contrasts
    return {
        "study": plan.study,
        "looks": looks,
        "n_runs": len(asked),
        "n_all": len(table),
        "contrasts": [
            {
                "name": one.name,
                "n_pairs": one.n_pairs,
                "verdict": one.verdict,
                "verdict_of_all": other.verdict,
                "estimate": one.estimate,
                "interval": one.ci_adjusted,
                "estimate_of_all": other.estimate,
                "interval_of_all": other.ci_adjusted,
            }
            for one, other in zip(analyse(asked, plan).contrasts, whole, strict=True)
        ],
    }


def _tell(found: Document) -> None:
    print(f"{found['study']}, looks at {', '.join(map(str, found['looks']))} seeds\n")
    print("| contrast | seeds | at the looks | difference | of all seeds | difference |")
    print("|---|---|---|---|---|---|")
    for one in found["contrasts"]:
        looked, whole = (
            f"{100 * one[f'estimate{end}']:+.2f} ({100 * one[f'interval{end}'][0]:+.2f} to "
            f"{100 * one[f'interval{end}'][1]:+.2f})"
            for end in ("", "_of_all")
        )
        print(
            f"| {one['name']} | {one['n_pairs']} | {one['verdict']} | {looked} | "
            f"{one['verdict_of_all']} | {whole} |"
        )
    saved = found["n_all"] - found["n_runs"]
    others = [o["name"] for o in found["contrasts"] if o["verdict"] != o["verdict_of_all"]]
    print(f"\n{found['n_runs']} of {found['n_all']} runs, {saved} saved; other verdicts: {others}")


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    simulate = kinds.add_parser("simulate")
    simulate.add_argument("--studies", type=int, default=2_000)
    study = kinds.add_parser("study")
    study.add_argument("name")
    study.add_argument("--tracking-uri")
    study.add_argument("--looks", default=",".join(map(str, LOOKS)))
    arguments = parser.parse_args()
    if arguments.kind == "simulate":
        _simulate(arguments.studies)
        return
    looks = tuple(int(look) for look in arguments.looks.split(","))
    tables = collect_study(arguments.name, arguments.tracking_uri, with_examples=False)
    _tell(compared_study(tables.runs, tables.plan, looks))


if __name__ == "__main__":
    main()
