"""What the listing commands show: variants, layers, data sets, plans, states.

Each has its plain values (the `--json` output, documented in docs/json.md) and its table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations import data
from ablations.arms import Arm
from ablations.cli.terminal import change_line, duration, warning_line
from ablations.designs import level_text
from ablations.differences import ArmDifference, Comparison
from ablations.plan import Plan


def show_datasets(console: Console) -> None:
    """The data sets by name."""
    for name in data.names():
        console.print(name, highlight=False)


def plan_json(
    plan: Plan, states: Mapping[str, str], comparison: Comparison, seconds: float | None
) -> dict[str, Any]:
    """`plan --json`."""
    return {
        "study": plan.spec.study,
        "spec": plan.spec.model_dump(mode="json", exclude_unset=True),
        "design": {"name": plan.spec.design, "matrix": plan.matrix},
        "arms": [_arm(arm, comparison) for arm in plan.arms],
        "runs": [
            {
                "run_key": run.run_key,
                "arm": run.arm,
                "comparison": run.comparison,
                "seed": run.seed,
                "state": states[run.run_key],
            }
            for run in plan.runs
        ],
        "warnings": list(comparison.warnings),
        "estimated_seconds": None if seconds is None else round(seconds, 3),
    }


def _arm(arm: Arm, comparison: Comparison) -> dict[str, Any]:
    keys = ("name", "variant", "levels", "recipe", "dataset", "changes", "n_parameters", "n_macs")
    difference = comparison.arms.get(arm.name)
    return {
        **{key: arm.to_dict()[key] for key in keys},
        "differs": difference.to_dict() if difference else None,
    }


def show_plan(
    plan: Plan, states: Mapping[str, str], comparison: Comparison, console: Console
) -> None:
    """The arms, what each has other than the control, its size, and the state of its runs."""
    spec = plan.spec
    console.print(f"[bold]{escape(spec.study)}[/bold]  {escape(spec.question)}")
    console.print(
        f"{', '.join(spec.each_dataset())}, design {spec.design}: {len(plan.arms)} arms x "
        f"{len(spec.seeds)} seeds = {len(plan.runs)} runs; {spec.endpoint.metric}, margin "
        f"{spec.endpoint.margin}",
        highlight=False,
    )
    if spec.factors:
        console.print(_matrix(plan))
        console.print()
    table = _arm_table()
    table.add_column("other than the control")
    for name in ("parameters", "MACs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("runs")
    for arm in plan.arms:
        table.add_row(
            escape(arm.name),
            escape(_difference_text(plan, arm, comparison)),
            f"{arm.n_parameters:,}",
            f"{arm.n_macs:,}",
            _states_text(plan, states, arm),
        )
    console.print(table)
    for text in comparison.warnings:
        console.print(warning_line(text), highlight=False)


def show_changes(changes: Iterable[str], console: Console) -> None:
    """What the plan has other than the one stored before it."""
    for text in changes:
        console.print(change_line(text), highlight=False)


def show_estimate(seconds: float | None, console: Console) -> None:
    """How long the training that is left will take."""
    if seconds is None:
        text = "no estimate of the time: nothing was trained on this machine into this store yet"
    else:
        text = f"about {duration(seconds)} of training left" if seconds else "nothing to train"
    console.print(text, highlight=False)


def _arm_table() -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("arm", overflow="fold")
    return table


def _matrix(plan: Plan) -> Table:
    """The design: the control's level of each factor, and every other level where an arm has it."""
    table = _arm_table()
    for factor in plan.spec.factors:
        table.add_column(escape(factor.rpartition(".")[2]), overflow="fold")
    levels_of = {row["arm"]: row["levels"] for row in plan.matrix}
    for name, levels in levels_of.items():
        control = plan.arm(name).control
        own = {} if name == control else levels_of[control]
        cells = [
            "." if factor in own and level == own[factor] else level_text(level)
            for factor, level in levels.items()
        ]
        table.add_row(escape(name), *map(escape, cells))
    return table


def _difference_text(plan: Plan, arm: Arm, comparison: Comparison) -> str:
    """`replaces act1-4`; for an arm whose name does not say them, its settings first."""
    difference = comparison.arms.get(arm.name)
    if difference is None:
        return f"({arm.variant})"
    settings = {name: pair[1] for name, pair in difference.settings.items()}
    listed = plan.listed(arm) is not None
    told = [
        f"{name}={level_text(value)}"
        for name, value in settings.items()
        if listed or f"{name}=" not in arm.name
    ]
    layers = "another network" if "variant" in settings else _layers_text(difference)
    return ": ".join(part for part in (", ".join(told), layers) if part)


def _layers_text(difference: ArmDifference) -> str:
    layers = difference.layers
    if not layers:
        same = {True: "the same network", False: "the same layers, other scores"}
        known = difference.same_scores
        return "the same layers" if known is None else same[known]
    kinds = {"drops": layers.removed, "replaces": layers.replaced, "adds": layers.added}
    kinds["resizes"] = tuple(difference.follows)
    return "; ".join(f"{verb} {_ranges(names)}" for verb, names in kinds.items() if names)


def _ranges(layers: Iterable[str]) -> str:
    """`act1-4, fc1` of act1, act2, act3, act4, fc1."""
    found: list[tuple[str, list[str]]] = []
    for layer in sorted(layers, key=lambda name: name.rstrip("0123456789")):
        stem = layer.rstrip("0123456789")
        number = layer[len(stem) :]
        held = found[-1] if found else ("", [])
        if held[0] == stem and number and held[1][-1] and int(number) == int(held[1][-1]) + 1:
            held[1].append(number)
        else:
            found.append((stem, [number]))
    return ", ".join(
        f"{stem}{numbers[0]}" + (f"-{numbers[-1]}" if len(numbers) > 1 else "")
        for stem, numbers in found
    )


def _states_text(plan: Plan, states: Mapping[str, str], arm: Arm) -> str:
    return counts_text(states[run.run_key] for run in plan.runs if run.arm == arm.name)


def counts_text(states: Iterable[str]) -> str:
    """`2 done, 1 new` of the states of an arm's runs."""
    return ", ".join(f"{n} {state}" for state, n in sorted(Counter(states).items()))
