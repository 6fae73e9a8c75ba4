"""What happened in a run, and every name under which it is stored.

Written by workers and tracking, read by everything above. Knows neither torch nor MLflow.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from ablations.commits import Commit
from ablations.errors import StoreError
from ablations.probe_cards import ProbeSpec

KEY_SCHEMA = 1
RECORD_SCHEMA = 1  # of record.json: raise when an older reader would misread it
# Raise when a change to the training code moves the numbers of an existing recipe: every run_key
# then changes, so that stored runs are not mistaken for what this code would give.
TRAINING_REVISION = 1

# MLflow tags. `kind` is one of the three values below.
TAG_STUDY, TAG_KIND, TAG_ARM, TAG_COMPARISON = "study", "kind", "arm", "comparison"
TAG_VARIANT, TAG_SEED, TAG_RUN_KEY, TAG_ENV_KEY = "variant", "seed", "run_key", "env_key"
TAG_STATE, TAG_ATTEMPT, TAG_REUSED_FROM = "state", "attempt", "reused_from"
TAG_PLACE_KEY, TAG_HOST = "place_key", "host"
TAG_COMMIT = "mlflow.source.git.commit"  # MLflow's own, which its UI shows
TAG_SEARCH, TAG_TRIAL, TAG_SPLIT_SEED = "search", "trial", "split_seed"
TAG_PROBE_PREFIX = "probe."
KIND_STUDY, KIND_RUN, KIND_TUNING = "study", "run", "tuning"

# Artifacts of a run, and of the study's parent run.
RECORD_FILE, EXAMPLES_FILE, WEIGHTS_FILE = "record.json", "examples.npz", "weights.pt"
EPOCHS_FILE, FILTERS_FILE = "epochs.pt", "filters.npz"
RUN_FILES = (EXAMPLES_FILE, WEIGHTS_FILE, EPOCHS_FILE, FILTERS_FILE)
"""Those beside the record, which a run may lack."""
PLAN_FILE, HISTORY_FILE, STUDY_FILE, REPORT_FOLDER = (
    "plan.json",
    "history.json",
    "study.yaml",
    "report",
)
TUNING_FILE = "tuning.json"
LABELS_PREFIX = "labels-"


class RunState(StrEnum):
    """How a run ended. FINISHED and DIVERGED are outcomes; INTERRUPTED trains again by itself."""

    FINISHED = "FINISHED"
    DIVERGED = "DIVERGED"
    OOM = "OOM"
    KILLED = "KILLED"
    TIMEOUT = "TIMEOUT"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"

    @property
    def is_outcome(self) -> bool:
        """Whether the run says something about the arm, and need not be trained again."""
        return self in (RunState.FINISHED, RunState.DIVERGED)

    @property
    def is_failure(self) -> bool:
        """Whether it says nothing of the arm, and was not stopped from outside."""
        return not self.is_outcome and self is not RunState.INTERRUPTED

    @property
    def mlflow_status(self) -> str:
        """The nearest of MLflow's own states, which the UI shows."""
        if self.is_outcome:
            return "FINISHED"
        return "KILLED" if self in (RunState.KILLED, RunState.INTERRUPTED) else "FAILED"


def counting_attempt(states: Mapping[int, RunState]) -> int | None:
    """The attempt of a run that counts, of its attempts by number; None where there is none.

    The newest; but one that was interrupted says nothing, and does not take an outcome's place.
    """
    ended = [number for number, state in states.items() if state is not RunState.INTERRUPTED]
    if ended and states[max(ended)].is_outcome:
        return max(ended)
    return max(states, default=None)


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of `value`, as hex."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def probe_key(run_key: str, asked: ProbeSpec) -> str:
    """Digest of a run, a probe, its parameters and its code's revision."""
    return digest(
        {
            "run": run_key,
            "probe": asked.name,
            "parameters": {**asked.card.parameters, "n_images": asked.sample_size},
            "revision": asked.card.revision,
        }
    )


def labels_file(dataset: Mapping[str, Any]) -> str:
    """Name of the artifact with the test labels of a data set, which its parent run has.

    Data sets that differ only in what is trained on have the same test images, and one file.

    Args:
        dataset: A `DataSpec` as it stands in `plan.json`.
    """
    decides = {key: dataset.get(key) for key in ("name", "image_size", "permutation")}
    return f"{LABELS_PREFIX}{digest(decides)[:16]}.npz"


def check_schema(content: Mapping[str, Any], known: int, what: str) -> None:
    """Refuse what a newer version of this project wrote; what says nothing is the oldest.

    Raises:
        StoreError: Names `what`, and what to do.
    """
    found = content.get("schema", 1)
    if found > known:
        raise StoreError(
            f"{what}: its schema must be at most {known}, got {found}: a newer version of "
            "lenet-ablations wrote it; install that version, or use another --tracking-uri"
        )


def run_name(arm: str, seed: int, *, comparison: str = "shared", trial: int | None = None) -> str:
    """What a person calls a run: `mlp s3`, `mlp (tuned) s3`, or in a search `mlp trial 12`."""
    if trial is not None:
        return f"{arm} trial {trial}"
    return f"{arm} (tuned) s{seed}" if comparison == "tuned" else f"{arm} s{seed}"


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Environment:
    """What a run's bits depend on beside its key, and the software that made it.

    Attributes:
        torch: Its version.
        device_kind: `cpu`, `cuda` or `mps`.
        device_model: The processor's or the card's own name.
        precision: What the kernels may round to, such as `float32`.
        threads: Threads a worker computes with.
        software: Versions that do not change a run's bits; for the record only.
    """

    torch: str
    device_kind: str
    device_model: str
    precision: str
    threads: int
    software: Mapping[str, str] = field(default_factory=dict)

    @property
    def env_key(self) -> str:
        """Digest of everything that may change a bit; runs are paired and reused within one."""
        return digest(self._facts())

    @property
    def place_key(self) -> str:
        """`env_key` less the precision, which is a recipe's choice and may differ between arms."""
        facts = self._facts()
        del facts["precision"]
        return digest(facts)

    def differences(self, other: Environment) -> dict[str, tuple[Any, Any]]:
        """What of the environment key is not the same: this one's value and the other's."""
        mine, theirs = self._facts(), other._facts()
        return {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}

    def _facts(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "software"}


@dataclass(frozen=True)
class Measurement:
    """One probe of one trained run.

    Attributes:
        probe: Its name.
        probe_key: Digest of run, probe, parameters and code.
        metrics: By full name, `probe/NAME/...`.
        measured_ms: When; 0 in records written before it was kept.
    """

    probe: str
    probe_key: str
    metrics: Mapping[str, float]
    measured_ms: int = 0


@dataclass(frozen=True)
class RunRecord:
    """Everything about one run but its arrays. Times are milliseconds since 1970, UTC.

    Attributes:
        spec: The run as planned: variant, levels, recipe, dataset, seed, counts.
        metrics: Final numbers by name, such as `test/accuracy`.
        curves: One number an epoch by name, such as `train/loss`.
        message: Why it failed, or of a finished run which probe did; empty otherwise.
        diverged_epoch: The epoch (from 1) in which the loss stopped being finite.
        resumed_epoch: The epoch after which it went on from a checkpoint, if it did.
        epoch_seconds: What each epoch's training took.
        stack_size: Runs in the program that trained it; 1 if it was trained alone.
        alone_because: Why it was, where stacks were asked for; empty otherwise.
        compiled: Whether its stack's gradients were compiled.
        commit: What was checked out in the folder it was trained from; None outside git, and in
            records written before it was kept.
    """

    run_key: str
    state: RunState
    arm: str
    comparison: str
    seed: int
    spec: Mapping[str, Any]
    environment: Environment
    started_ms: int
    finished_ms: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()
    message: str = ""
    traceback: str = ""
    diverged_epoch: int | None = None
    attempt: int = 1
    reused_from: str | None = None
    resumed_epoch: int | None = None
    epoch_seconds: list[float] = field(default_factory=list)
    stack_size: int = 1
    alone_because: str = ""
    compiled: bool = False
    commit: Commit | None = None

    @property
    def env_key(self) -> str:
        """See `Environment.env_key`."""
        return self.environment.env_key

    @property
    def kind(self) -> str:
        """`run`, or `tuning` of a trial, which is in no contrast."""
        return KIND_RUN if self.spec.get("trial") is None else KIND_TUNING

    def as_attempt(self, number: int) -> RunRecord:
        """The same record, numbered."""
        return replace(self, attempt=number)

    def to_json(self) -> str:
        """The text of `record.json`."""
        content = {"schema": RECORD_SCHEMA, **asdict(self)}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """The record that `to_json` wrote.

        Raises:
            StoreError: A newer version of this project wrote it.
        """
        raw = json.loads(text)
        check_schema(raw, RECORD_SCHEMA, f"{RECORD_FILE} of run {raw['run_key'][:16]}")
        raw.pop("schema", None)
        raw["state"] = RunState(raw["state"])
        raw["environment"] = Environment(**raw["environment"])
        raw["commit"] = Commit(**raw["commit"]) if raw.get("commit") else None
        raw["measurements"] = tuple(Measurement(**item) for item in raw["measurements"])
        return cls(**raw)


@dataclass(frozen=True)
class OpenRun:
    """A run that the store says is RUNNING: a study's parent, or a child of one.

    Attributes:
        is_study: Whether it is a parent.
        state: How a child ended, where that was written and its end was not.
        host: The machine that drove the study last; empty in studies older than that.
    """

    run_id: str
    name: str
    study: str
    is_study: bool
    run_key: str = ""
    attempt: int = 0
    state: RunState | None = None
    host: str = ""


@dataclass(frozen=True)
class StoredRun:
    """What the store knows of a run: enough to decide whether to train it, and how long it takes.

    Attributes:
        train_seconds: What its training took; 0.0 where it did not end.
        images_per_second: Its pace.
        n_macs: Multiply-accumulates an image.
        search: Of a trial, the search that it is part of.
        value: Its value of the metric that was asked for; None without one.
    """

    run_id: str
    study: str
    run_key: str
    env_key: str
    attempt: int
    state: RunState
    probe_keys: Mapping[str, str] = field(default_factory=dict)
    train_seconds: float = 0.0
    images_per_second: float = 0.0
    n_macs: int = 0
    arm: str = ""
    seed: int = 0
    search: str = ""
    value: float | None = None

    @property
    def macs_per_second(self) -> float:
        """Multiply-accumulates a second, counted forward only."""
        return self.images_per_second * self.n_macs
