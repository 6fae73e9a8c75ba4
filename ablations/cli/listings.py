"""What the listing commands show: variants, layers, data sets, plans, states.

Each has its plain values (the `--json` output, documented in docs/json.md) and its table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations import data
from ablations.designs import level_text
from ablations.errors import counted
from ablations.plan import Plan


def show_datasets(console: Console) -> None:
    """The data sets by name."""
    for name in data.names():
        console.print(name, highlight=False)


def plan_json(plan: Plan, states: Mapping[str, str]) -> dict[str, Any]:
    """`plan --json`."""
    keys = ("name", "variant", "levels", "recipe", "dataset", "changes", "n_parameters", "n_macs")
    return {
        "study": plan.spec.study,
        "arms": [{key: arm.to_dict()[key] for key in keys} for arm in plan.arms],
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
        "estimated_seconds": None,
    }


def show_plan(plan: Plan, states: Mapping[str, str], console: Console) -> None:
    """The arms, what each changes, its size, and the state of its runs."""
    spec = plan.spec
    console.print(f"[bold]{escape(spec.study)}[/bold]  {escape(spec.question)}")
    console.print(
        f"{spec.dataset.name}, design {spec.design}: {len(plan.arms)} arms x {len(spec.seeds)} "
        f"seeds = {len(plan.runs)} runs; {spec.endpoint.metric}, margin {spec.endpoint.margin}",
        highlight=False,
    )
    table = _states_table(plan, states, "changes", "parameters", "MACs")
    console.print(table)


def show_status(plan: Plan, states: Mapping[str, str], n_waiting: int, console: Console) -> None:
    """The state of every arm's runs."""
    console.print(_states_table(plan, states))
    if n_waiting:
        console.print(f"{counted(n_waiting, 'run')} waiting for the store: ablations sync")


def _states_table(plan: Plan, states: Mapping[str, str], *facts: str) -> Table:
    table = Table("arm", box=None, header_style="bold")
    for name in facts:
        table.add_column(name, justify="left" if name == "changes" else "right")
    table.add_column("runs")
    for arm in plan.arms:
        counts = Counter(states[run.run_key] for run in plan.runs if run.arm == arm.name)
        changes = ", ".join(f"{key}={level_text(value)}" for key, value in arm.changes.items())
        cells = {
            "changes": escape(changes) or "-",
            "parameters": f"{arm.n_parameters:,}",
            "MACs": f"{arm.n_macs:,}",
        }
        text = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
        table.add_row(escape(arm.name), *(cells[name] for name in facts), text)
    return table
