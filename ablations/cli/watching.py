"""`status`: what the store has of a study, what its driver is at, and what waits, once or live."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ablations import devices
from ablations.cli.listings import counts_text
from ablations.cli.standing import contrast_table
from ablations.cli.terminal import duration
from ablations.errors import StudyNotFoundError, counted
from ablations.live import AtWork, Snapshot, read_snapshot
from ablations.options import RunOptions
from ablations.plan import run_states
from ablations.preparation import Prepared
from ablations.record import KIND_TUNING, now_ms
from ablations.seeding import Seeding, cell_of, seeding_of, stored_outcomes, with_spared
from ablations.spec import TUNING_SEED
from ablations.tracking.locks import folder_is_held, is_driven
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import exists, tracking_uri
from ablations.tracking.tracker import Tracker

WATCH_SECONDS = 1.0
TRAINING = "training now"


@dataclass(frozen=True)
class View:
    """A study to be looked at, again and again.

    Attributes:
        plan: `plan.json`.
        env_keys: The environment that each run would be trained in here, by key.
        seeding: How seeds are added; None where all are planned at once.
        store: None as long as there is none.
        searches: Names of the arms' searches; those of a study that is known by its name alone are
            known once they are over, and before that its trials count whatever was searched.
    """

    study: str
    plan: Mapping[str, Any]
    env_keys: Mapping[str, str]
    seeding: Seeding | None
    store: Tracker | None
    uri: str
    work_dir: Path
    searches: Collection[str] = ()

    @property
    def arms(self) -> dict[str, list[str]]:
        """The keys of every arm's runs, in the order of the plan."""
        keys: dict[str, list[str]] = {arm["name"]: [] for arm in self.plan["arms"]}
        for run in self.plan["runs"]:
            keys[run["arm"]].append(run["run_key"])
        return keys

    def shown(self) -> RenderableType:
        """Everything, as it is now."""
        snapshot = self.snapshot()
        endpoint, runs = self.plan["endpoint"], self.plan["runs"]
        stored = self.store.stored_runs(endpoint["metric"]) if self.store else []
        states = run_states(self.env_keys, stored)
        here = [held for held in stored if self.env_keys.get(held.run_key) == held.env_key]
        outcomes = stored_outcomes(runs, here)
        if self.seeding:
            states = with_spared(states, runs, self.seeding.standing(outcomes))
        if snapshot:
            at_work = {one.run_key for one in snapshot.at_work if one.n_epochs}
            states |= dict.fromkeys(at_work & set(states), TRAINING)
        n_waiting = sum(1 for _ in Outbox(self.work_dir).entries())
        parts: list[RenderableType] = [*_driver_lines(self.study, snapshot)]
        if snapshot is None and is_driven(self.work_dir, self.uri):
            parts = [Text("no driver is at work here, and one on this store from another folder")]
        parts.append(_arm_table(self.arms, states, self._trials()))
        if self.seeding:
            parts.append(contrast_table(self.seeding, outcomes, endpoint))
        if n_waiting:
            parts.append(f"{counted(n_waiting, 'run')} waiting for the store: ablations sync")
        return Group(*parts)

    def _trials(self) -> dict[str, str]:
        """By arm, how many of its trials have ended; empty where nothing is tuned."""
        if "tuning" not in self.plan:
            return {}
        n_trials = self.plan["tuning"]["n_trials"]
        stored = self.store.stored_runs(kind=KIND_TUNING) if self.store else []
        ended = {
            (run.arm, run.seed)
            for run in stored
            if run.study == self.study
            and run.state.is_outcome
            and run.seed < TUNING_SEED + n_trials
            and (not self.searches or run.search in self.searches)
        }
        n_ended = Counter(arm for arm, _ in ended)
        return {arm: f"{n_ended[arm]} of {n_trials}" for arm in self.arms}

    def snapshot(self) -> Snapshot | None:
        """What the driver of this working folder is at; None if there is no driver."""
        return read_snapshot(self.work_dir) if folder_is_held(self.work_dir) else None


def view_of_file(prepared: Prepared, store: Tracker | None, options: RunOptions) -> View:
    """The study as its file has it now, which may not be how it was run."""
    plan = prepared.plan_json
    return View(
        study=prepared.spec.study,
        plan=plan,
        env_keys={run.run_key: prepared.env_key(run) for run in prepared.plan.runs},
        seeding=prepared.seeding(store.past(plan) if store and prepared.spec.looks else []),
        store=store,
        uri=tracking_uri(options.tracking_uri),
        work_dir=options.work_dir,
        searches=prepared.searches.values() if prepared.spec.tuning else (),
    )


def view_of_name(study: str, options: RunOptions) -> View:
    """The newest stored plan of a study; reads neither its file nor its data.

    Raises:
        StudyNotFoundError: The store is not there, or has no study of that name.
    """
    uri = tracking_uri(options.tracking_uri)
    if not exists(uri):
        raise StudyNotFoundError(
            f"{study!r} is no study file, and no study of that name is stored: tracking store "
            f"{uri} is not there yet"
        )
    store = Tracker(uri, options.work_dir)
    plan = store.stored_plan(study)
    device = devices.choose(options.device)
    recipes = {(arm["name"], "shared"): arm["recipe"] for arm in plan["arms"]}
    recipes |= {(arm, "tuned"): recipe for arm, recipe in plan.get("tuned", {}).items()}
    keys = {
        precision: devices.environment(device, precision).env_key
        for precision in {recipe["precision"] for recipe in recipes.values()}
    }
    runs: Sequence[Mapping[str, Any]] = plan["runs"]
    return View(
        study=study,
        plan=plan,
        env_keys={run["run_key"]: keys[recipes[cell_of(run)]["precision"]] for run in runs},
        seeding=seeding_of(plan, store.past(plan) if "looks" in plan else []),
        store=store,
        uri=uri,
        work_dir=options.work_dir,
        searches=[one["search"] for one in store.stored_tuning(study).get("arms", ())],
    )


def watch(view: View, console: Console) -> None:
    """Show a study until its driver ends; Ctrl-C leaves the driver at its work."""
    try:
        with Live(view.shown(), console=console, auto_refresh=False) as live:
            while view.snapshot() is not None:
                time.sleep(WATCH_SECONDS)
                live.update(view.shown(), refresh=True)
    except KeyboardInterrupt:
        console.print("stopped watching; the study goes on", highlight=False)


def _driver_lines(study: str, snapshot: Snapshot | None) -> Iterator[RenderableType]:
    if snapshot is None:
        yield Text("no driver is at work here")
        return
    whose = "" if snapshot.study == study else f" (study {escape(repr(snapshot.study))})"
    what = counted(snapshot.n_jobs, "trial" if snapshot.is_searching else "run")
    parts = [f"{snapshot.n_ended} of {what} ended"]
    parts += [f"[red]{snapshot.n_failed} failed[/red]"] if snapshot.n_failed else []
    parts += [f"{snapshot.images_per_second:,.0f} images/s"] if snapshot.images_per_second else []
    if snapshot.seconds_left is not None:
        parts.append(f"about {duration(snapshot.seconds_left)} left")
    yield Text.from_markup(f"[bold]running[/bold]{whose}: {', '.join(parts)}")
    for one in snapshot.at_work:
        yield Text(f"  worker {one.worker}: {one.name}  {_stage(one)}")


def _stage(one: AtWork) -> str:
    since = duration((now_ms() - one.started_ms) / 1000)
    done = f"epoch {one.epoch} of {one.n_epochs} done" if one.n_epochs else "probing"
    return f"{done}, {since}"


def _arm_table(
    arms: Mapping[str, Sequence[str]], states: Mapping[str, str], trials: Mapping[str, str]
) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("arm", overflow="fold")
    if trials:
        table.add_column("trials")
    table.add_column("runs")
    for arm, keys in arms.items():
        told = [trials[arm]] if trials else []
        table.add_row(escape(arm), *told, counts_text(states[key] for key in keys))
    return table
