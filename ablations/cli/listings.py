"""What the listing commands show: variants, layers, data sets, plans, states.

Each has its plain values (the `--json` output, documented in docs/json.md) and its table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations import data
from ablations.arms import Arm, size_target
from ablations.cli.terminal import change_line, duration, warning_line
from ablations.designs import CONTROL, level_text
from ablations.differences import ArmDifference, Comparison
from ablations.errors import counted
from ablations.estimates import Estimate
from ablations.plan import Plan
from ablations.search_space import Axis
from ablations.spec import StudySpec
from ablations.timing import Measured
from ablations.trials import SearchState, tuned_metric

_NUMBERED = re.compile(r"(?P<stem>[A-Za-z_]+)(?P<number>\d+)")


def show_datasets(console: Console) -> None:
    """The data sets by name."""
    for name in data.names():
        console.print(name, highlight=False)


def plan_json(plan: Plan, states: Mapping[str, str], comparison: Comparison) -> dict[str, Any]:
    """`plan --json`, less what is compared with the store and with the clock."""
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
        "claims": [
            {"text": one.text, "said": one.said, "digest": one.digest} for one in plan.claims
        ],
        "warnings": list(comparison.warnings),
    }


def _arm(arm: Arm, comparison: Comparison) -> dict[str, Any]:
    keys = ("name", "variant", "levels", "recipe", "dataset", "changes", "n_parameters", "n_macs")
    difference = comparison.arms.get(arm.name)
    return {
        **{key: arm.to_dict()[key] for key in keys},
        "differs": difference.to_dict() if difference else None,
    }


def size_text(plan: Plan) -> str:
    """`7 arms x 5 seeds = 35 runs`; of a tuned study those at each recipe."""
    arms, seeds = counted(len(plan.arms), "arm"), counted(len(plan.spec.seeds), "seed")
    n_tuned = sum(run.comparison == "tuned" for run in plan.runs)
    text = f"{arms} x {seeds} = {counted(len(plan.runs) - n_tuned, 'run')}"
    text += f" at the shared recipe and {n_tuned} at tuned ones" if n_tuned else ""
    return f"{text} at the most" if plan.spec.looks else text


def _data_text(spec: StudySpec) -> str:
    entries = zip(spec.each_dataset(), spec.datasets, strict=True)
    labels = "; ".join(label + _recipe_text(one.recipe) for label, one in entries)
    names = {one.name for one in spec.datasets}
    is_said = len(names) > 1 or len(spec.datasets) == 1
    return labels if is_said else f"{names.pop()}: {labels}"


def _recipe_text(recipe: Mapping[str, Any]) -> str:
    told = ", ".join(f"{key} {level_text(value)}" for key, value in recipe.items())
    return f" ({told})" if told else ""


def show_plan(
    plan: Plan, states: Mapping[str, str], comparison: Comparison, console: Console
) -> None:
    """The arms, what each has other than the control, its size, and the state of its runs."""
    spec = plan.spec
    console.print(f"[bold]{escape(spec.study)}[/bold]  {escape(spec.question)}")
    console.print(
        f"{_data_text(spec)}; design {spec.design}: "
        f"{size_text(plan)}; {spec.endpoint.metric}, margin {spec.endpoint.margin}",
        highlight=False,
    )
    if spec.factors:
        console.print(_matrix(plan))
        console.print()
    table = _arm_table()
    table.add_column("other than the control", overflow="fold")
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
    for claim in plan.claims:
        console.print(f"claim: {escape(claim.text)}  ({escape(claim.said)})", highlight=False)
    for text in comparison.warnings:
        console.print(warning_line(text), highlight=False)


def searches_json(plan: Plan, searches: Sequence[SearchState]) -> dict[str, Any] | None:
    """What `plan --json` says of tuning; None where a study has none."""
    tuning = plan.spec.tuning
    if tuning is None:
        return None
    return {
        **tuning.to_dict(),
        "metric": tuned_metric(plan.spec.endpoint)[0],
        "arms": [asdict(one) for one in searches],
    }


def show_searches(plan: Plan, searches: Sequence[SearchState], console: Console) -> None:
    """What is tuned and how, and how far the search of each arm is."""
    tuning = plan.spec.tuning
    if tuning is None:
        return
    n_runs = (len(plan.arms) - len(plan.tuned)) * len(plan.spec.seeds)
    later = f", then {counted(n_runs, 'run')} at the recipes that they choose" if n_runs else ""
    console.print(
        f"tuning: {counted(tuning.n_trials, 'trial')} of every arm ({tuning.sampler}) by "
        f"{tuned_metric(plan.spec.endpoint)[0]}{later}",
        highlight=False,
    )
    table = _arm_table()
    table.add_column("trials ended")
    for key, axis in tuning.space.items():
        table.add_column(f"{key}, {escape(_axis_text(axis))}", overflow="fold")
    for one in searches:
        chosen = [_value_text(one.chosen[key]) if one.chosen else "" for key in tuning.space]
        table.add_row(escape(one.arm), f"{one.n_ended} of {one.n_trials}", *chosen)
    console.print(table)


def _axis_text(axis: Axis) -> str:
    if axis.values is not None:
        return "of " + ", ".join(map(_value_text, axis.values))
    low, high = axis.ends
    return f"{low:g} to {high:g}" + (", log" if axis.log else "")


def _value_text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else level_text(value)


def show_runs(plan: Plan, states: Mapping[str, str], console: Console) -> None:
    """Every run in the order in which they start, with enough of its key to `replay` it."""
    table = Table(box=None, header_style="bold")
    for name in ("run key", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("seed", justify="right", no_wrap=True)
    table.add_column("arm", overflow="fold")
    for run in plan.runs:
        table.add_row(run.run_key[:16], states[run.run_key], str(run.seed), escape(run.arm))
    console.print(table)


def show_changes(changes: Iterable[str], console: Console) -> None:
    """What the plan has other than the one stored before it."""
    for text in changes:
        console.print(change_line(text), highlight=False)


def estimate_json(
    estimate: Estimate, measured: Mapping[str, Measured | None] | None
) -> dict[str, Any]:
    """What `plan --json` says of the time, and of the paces that were measured for it."""
    seconds = estimate.seconds
    return {
        "estimated_seconds": None if seconds is None else round(seconds, 3),
        "estimated_from": list(estimate.sources),
        "measured": None
        if measured is None
        else [
            {
                "arm": arm,
                "images_per_second": one and round(one.images_per_second, 1),
                "step_seconds": one and round(one.step_seconds, 6),
            }
            for arm, one in measured.items()
        ],
    }


_SOURCES = {
    "measured": "the steps measured now",
    "store": "runs in the store",
    "cached": "the pace of other runs on this machine",
}


def show_estimate(
    estimate: Estimate, measured: Mapping[str, Measured | None] | None, console: Console
) -> None:
    """How long the training that is left will take, and what says so."""
    if measured:
        console.print(_paces(measured))
    if estimate.seconds is None:
        text = "no estimate of the time: nothing was trained on this machine yet"
        text += "" if measured else "; --measure times it"
    elif not estimate.seconds:
        text = "nothing to train"
    else:
        sources = " and ".join(_SOURCES[source] for source in estimate.sources)
        text = f"about {duration(estimate.seconds)} of training left, from {sources}"
    console.print(text, highlight=False)


def _paces(measured: Mapping[str, Measured | None]) -> Table:
    table = _arm_table()
    for name in ("images/s", "ms a step"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm, one in measured.items():
        told = (f"{one.images_per_second:,.0f}", f"{one.step_seconds * 1000:.2f}") if one else ()
        table.add_row(escape(arm), *(told or ("cannot be measured", "")))
    return table


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
    text = ": ".join(part for part in (", ".join(told), layers) if part)
    return "; ".join(part for part in (text, _sized_text(plan, arm)) if part)


def _sized_text(plan: Plan, arm: Arm) -> str:
    """How near an arm came to the size it was given, if it was given one."""
    listed = plan.listed(arm)
    target = size_target(listed) if listed else None
    if listed is None or target is None:
        return ""
    other = plan.arm(target + arm.control.removeprefix(CONTROL))
    share = getattr(arm, f"n_{listed.by}") / getattr(other, f"n_{listed.by}") - 1
    return f"{share:+.1%} {listed.by} of {target}"


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
    told: list[str] = []
    numbered: dict[str, list[int]] = {}
    for layer in layers:
        name = _NUMBERED.fullmatch(layer)
        if name:
            numbered.setdefault(name["stem"], []).append(int(name["number"]))
        else:
            told.append(layer)  # such as `features.0`, or what runs outside all layers
    for stem, numbers in numbered.items():
        runs = groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
        for _, run in runs:
            first, *others = [number for _, number in run]
            told.append(f"{stem}{first}" + (f"-{others[-1]}" if others else ""))
    return ", ".join(sorted(told))


def _states_text(plan: Plan, states: Mapping[str, str], arm: Arm) -> str:
    return counts_text(states[run.run_key] for run in plan.runs if run.arm == arm.name)


def counts_text(states: Iterable[str]) -> str:
    """`2 done, 1 new` of the states of an arm's runs."""
    return ", ".join(f"{n} {state}" for state, n in sorted(Counter(states).items()))
