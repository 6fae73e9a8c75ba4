"""A stored run trained again from its start, and held against what it left the first time.

Called by the command line. Reads the store and writes nowhere: no run, no checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations import data, devices
from ablations.agreement import Compared, Training, compare
from ablations.data import Dataset
from ablations.errors import RunNotFoundError, SpecError, StoreError
from ablations.executors.base import Ended, Event
from ablations.executors.inline import InlineExecutor
from ablations.identity import arm_identity, differences, former_keys, run_identity
from ablations.jobs import Stack, Worker, data_key
from ablations.outcomes import Job, environment_of
from ablations.plan import RunSpec
from ablations.record import (
    EXAMPLES_FILE,
    KIND_TUNING,
    RECORD_FILE,
    WEIGHTS_FILE,
    RunRecord,
    RunState,
    StoredRun,
    digest,
)
from ablations.tracking.store import MlflowStore, exists
from lenet_variants import catalogue
from lenet_variants.card import Card

SHORTEST_PREFIX = 6
MOST_CANDIDATES = 20


@dataclass(frozen=True)
class Replay:
    """What was stored, what came of training it again, and how far the two agree.

    Attributes:
        environment: What of the environment is not the same, then and now; see `Environment`.
    """

    stored: StoredRun
    environment: Mapping[str, tuple[Any, Any]]
    compared: Sequence[Compared]

    @property
    def is_identical(self) -> bool:
        """Whether everything compared has the same bits."""
        return all(one.is_identical for one in self.compared)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        stored = self.stored
        return {
            "run_key": stored.run_key,
            "study": stored.study,
            "arm": stored.arm,
            "seed": stored.seed,
            "attempt": stored.attempt,
            "state": stored.state.value,
            "environment": {name: list(pair) for name, pair in self.environment.items()},
            "identical": self.is_identical,
            "compared": [one.to_dict() for one in self.compared],
        }


def find_run(
    stored: Sequence[StoredRun], prefix: str, trials: Sequence[StoredRun] = ()
) -> list[StoredRun]:
    """The attempts with an outcome of the one run whose key begins with `prefix`.

    `trials` are those of searches, which are told apart from what is not there at all.

    Raises:
        RunNotFoundError: No run begins so, or several do; or the one has no outcome.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_PREFIX},64}}", prefix):
        raise RunNotFoundError(
            f"run key: must be {SHORTEST_PREFIX} to 64 hexadecimal digits, got {prefix!r}; "
            "`ablations plan STUDY --json` has the key of every run"
        )
    found = [run for run in stored if run.run_key.startswith(prefix)]
    trial = next((run for run in trials if run.run_key.startswith(prefix)), None)
    if not found and trial is not None:
        raise RunNotFoundError(
            f"run key: {prefix!r} is a trial of arm {trial.arm!r} in study {trial.study!r}; trials "
            "are not replayed, give the key of a run of the report"
        )
    if not found:
        raise RunNotFoundError(
            f"run key: none of the {len({run.run_key for run in stored})} runs in the store begins "
            f"with {prefix!r}\n{_listed(stored)}"
        )
    if len({run.run_key for run in found}) > 1:
        raise RunNotFoundError(
            f"run key: several runs begin with {prefix!r}; give more digits\n{_listed(found)}"
        )
    outcomes = [run for run in found if run.state.is_outcome]
    if not outcomes:
        states = ", ".join(sorted({run.state.value for run in found}))
        raise RunNotFoundError(f"run {prefix}: has no outcome to compare with, only {states}")
    return outcomes


def _listed(runs: Sequence[StoredRun]) -> str:
    lines = sorted({f"  {r.run_key[:16]}  {r.study}: {r.arm} s{r.seed}" for r in runs})
    more = [f"  and {len(lines) - MOST_CANDIDATES} more"] if len(lines) > MOST_CANDIDATES else []
    return "\n".join(lines[:MOST_CANDIDATES] + more)


def replay(
    prefix: str,
    uri: str,
    *,
    data_dir: Path | None = None,
    device: str = "auto",
    observe: Callable[[Event], None] = lambda _: None,
) -> Replay:
    """Train a stored run again and compare.

    Of its attempts the newest of this environment counts, else the newest of any.

    Args:
        prefix: The first digits of its key.
        uri: The store.
        data_dir: Where data sets are looked for first.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observe: Told of every event.

    Raises:
        RunNotFoundError: See `find_run`.
        SpecError: What would be trained now is not that run: the message has what differs.
        DataError: Its data set cannot be had.
        StoreError: The store cannot be reached, or has lost the run's files.
    """
    if not exists(uri):
        raise RunNotFoundError(f"tracking store {uri}: is not there; run a study in this folder")
    store, place = MlflowStore(uri), devices.choose(device)
    attempts = find_run(store.stored_runs(), prefix, store.stored_runs(kind=KIND_TUNING))
    here = environment_of(_spec(_record(store, attempts[0])), place)
    newest = max(attempts, key=lambda held: (held.env_key == here.env_key, held.attempt))
    then = _training(store, newest)
    run = _spec(then.record)
    raw = data.load(run.dataset.name, data_dir=data_dir)
    checked = _checked(run, newest.run_key, raw)
    stack = Stack((Job(checked),), then.record.stack_size)
    prepared = {data_key(checked.dataset): data.prepare(raw, checked.dataset)}
    worker = Worker(prepared, str(place), compiled=then.record.compiled)
    now = _trained(stack, worker, observe)
    return Replay(newest, then.record.environment.differences(here), compare(then, now))


def _record(store: MlflowStore, held: StoredRun) -> RunRecord:
    return RunRecord.from_json(_file(store, held, RECORD_FILE).decode())


def _training(store: MlflowStore, held: StoredRun) -> Training:
    names = (EXAMPLES_FILE, WEIGHTS_FILE) if held.state is RunState.FINISHED else ()
    files = {name: _file(store, held, name) for name in names}
    return Training(_record(store, held), files)


def _file(store: MlflowStore, held: StoredRun, name: str) -> bytes:
    content = store.read_file(held.run_id, name)
    if content is None:
        raise StoreError(
            f"tracking store {store.uri}: run {held.run_id} of study {held.study!r} has lost its "
            f"{name}; there is nothing to compare with"
        )
    return content


def _spec(record: RunRecord) -> RunSpec:
    try:
        return RunSpec.from_dict(record.spec)
    except ValueError as error:
        told = " ".join(str(error).split())
        raise _refusal(
            record.run_key, [f"this code cannot read what was trained: {told}"]
        ) from error


def _checked(run: RunSpec, run_key: str, raw: Dataset) -> RunSpec:
    """The run as this code would train it, if that is the run that was stored."""
    card = _card(run, run_key)
    levels = card.resolve(run.levels)
    arm = arm_identity(card, levels, run.recipe, run.dataset, raw.digest)
    identity = run_identity(arm, seed=run.seed, root_seed=run.root_seed, curves=run.curves)
    if run_key not in (digest(identity), *former_keys(identity)):
        raise _refusal(run_key, list(_reasons(run.identity, identity)))
    return replace(run, levels=levels, identity=identity)


def _card(run: RunSpec, run_key: str) -> Card:
    if run.variant not in catalogue.names():
        raise _refusal(
            run_key,
            [
                f"variant {run.variant!r} is not registered here; if it is your own, "
                "name its file with --plugin"
            ],
        )
    return catalogue.find(run.variant)


_MEANINGS = {
    "code.revision": "the revision of the variant's code",
    "code.sha256": "the source of the plug-in",
    "training": "the revision of the training code",
    "data.digest": "the content of the data",
}


def _reasons(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if not then:
        yield (
            "its key is not the one this code gives: the code of the variant, the training code or "
            "the data changed (its record is older than the identities in them)"
        )
        return
    for path, (before, after) in differences(then, now).items():
        yield f"{_MEANINGS.get(path, path)} was {before!r}, is {after!r}"


def _refusal(run_key: str, problems: Sequence[str]) -> SpecError:
    return SpecError(f"run {run_key[:16]} would not be trained as it was", problems)


def _trained(stack: Stack, worker: Worker, observe: Callable[[Event], None]) -> Training:
    """What training it from the start leaves, on the path of any run; no checkpoint is read.

    One of several runs of a stack is trained in a stack of that size: bits depend on no more.
    """
    ended: list[Ended] = []

    def keep(event: Event) -> None:
        if isinstance(event, Ended):
            ended.append(event)
        observe(event)

    InlineExecutor(worker).run([[stack]], keep)
    record, files = ended[0].outcome.record, ended[0].outcome.files
    assert record is not None  # noqa: S101 (a job without weights leaves one)
    return Training(record, files)
