"""Named moments at which a process kills itself, so that tests see what a kill leaves behind.

`ABLATIONS_FAULT=NAME` or `NAME:N` kills the process that passes that point (the Nth time), with
SIGKILL: nothing is flushed, closed or said. `ABLATIONS_FAULT_PROOF` names a folder in which it
first leaves a file, so that a test knows that the kill landed and later processes go on.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from ablations.errors import SpecError, nearest

FAULT, PROOF = "ABLATIONS_FAULT", "ABLATIONS_FAULT_PROOF"

POINTS = {
    # The driver, opening a study.
    "parent_made": "the study's parent run is made; nothing is written to it",
    "plan_stored": "plan and history are stored; the parent is not marked RUNNING",
    "run_linked": "a run of another study is read; its entry is not written",
    # The driver, keeping a run that has ended.
    "entry_half_written": "an outbox entry lacks its record",
    "entry_unnamed": "an outbox entry is whole, under its temporary name",
    "entry_written": "an outbox entry is written; the store was not asked",
    "run_made": "the store has the child run; nothing is written to it",
    "batch_logged": "the child has its numbers; no file",
    "file_unnamed": "an artifact is whole, under its temporary name",
    "files_logged": "the child has its files; it is still RUNNING",
    "run_ended": "the child has ended; its state is not written",
    "state_written": "the child is whole; its entry is still in the outbox",
    "entry_removing": "an outbox entry that is stored is no longer one; its files are there",
    "run_kept": "a run is stored; its checkpoint is still there",
    "round_ended": "all that was to be done at once is stored; what comes next is not planned",
    # The driver, tuning.
    "trial_stored": "a trial is in the outbox or the store; the journal does not have it",
    "tuning_ended": "every trial has ended; the plan does not have the recipes they chose",
    # The driver, at the end.
    "study_closing": "every run is stored; the parent is RUNNING",
    "report_written": "the report is in its folder; the store does not have it",
    "report_stored": "the store has the report; its history does not say what was shown",
    "report_noted": "the history says what was shown; the parent has no description",
    # Anywhere in the store, and in a worker.
    "commit": "MLflow has ended one of its transactions",
    "worker_ready": "the worker has not taken a job yet",
    "epoch_ended": "an epoch is trained; no checkpoint of it",
    "checkpoint_unnamed": "a checkpoint is whole, under its temporary name",
    "checkpoint_written": "a checkpoint is written; the epoch was not told",
    "run_trained": "a run is trained; its outcome was not sent",
}
"""Every point, and how things stand there."""

_passed: Counter[str] = Counter()


def reach(point: str) -> None:
    """Pass a point; the process that was told to die there does.

    Raises:
        SpecError: The variables name no point, or no folder for the proof.
    """
    wanted = os.environ.get(FAULT)
    if not wanted:
        return
    name, number = _parsed(wanted)
    if name != point:
        return
    _passed[point] += 1
    if _passed[point] == number and _leaves_proof(point):
        os.kill(os.getpid(), signal.SIGKILL)


def is_armed(point: str) -> bool:
    """Whether a process is to die at this point; where passing it costs something in itself."""
    wanted = os.environ.get(FAULT)
    return bool(wanted) and _parsed(wanted or "")[0] == point


def _parsed(wanted: str) -> tuple[str, int]:
    name, _, number = wanted.partition(":")
    if name not in POINTS:
        hint = nearest(name, list(POINTS))
        raise SpecError(FAULT, [f"no fault point {name!r}; {hint}(points: {', '.join(POINTS)})"])
    if number and not (number.isdecimal() and int(number)):
        raise SpecError(FAULT, [f"must be NAME or NAME:N with N from 1, got {wanted!r}"])
    if not os.environ.get(PROOF):
        raise SpecError(PROOF, [f"must name a folder when {FAULT} is set"])
    return name, int(number or 1)


def _leaves_proof(point: str) -> bool:
    """Whether this process is the first to die there; only one does."""
    proof = Path(os.environ[PROOF]) / point
    try:
        with proof.open("x", encoding="utf-8") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True
