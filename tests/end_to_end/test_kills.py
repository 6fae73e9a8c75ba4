"""Drivers and workers killed at every named point and at any moment.

Each study must end as one that was never touched: nothing RUNNING, nothing twice, nothing left in
the working folder, and the same bytes in `results.json`. `benchmarks/kills.py` does so for longer.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
import yaml
from kills import AT_TUNING, Subject, at_a_moment

from ablations import faults

pytestmark = pytest.mark.end_to_end

INLINE = ("--executor", "inline", "--device", "cpu")
# Tried in the fast suite: in the outbox, in MLflow, between the two, in a worker.
ALWAYS = {"entry_half_written", "run_ended", "checkpoint_unnamed"}
IN_WORKERS = {"worker_ready", "epoch_ended", "run_trained"}
IN_WORKERS |= {"checkpoint_unnamed", "checkpoint_written"}
AT_REPORT = {"report_written", "report_stored", "report_noted"}
COMMITS = [f"commit:{number}" for number in range(1, 57, 5)]


def _end(folder: str, *words: str, call) -> bytes:
    """Run the study of the current folder to its end, in this process; its results."""
    call("run", "study.yaml", *INLINE, "--retry-failed", "--no-report", *words)
    where = [word for word in words if not word.startswith("--checkpoint")]
    reported = call("report", "study.yaml", "--formats", "json", "--out", folder, *where)
    assert reported.exit_code == 0, reported.output
    return Path(folder, "results.json").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, new_store, tiny, call) -> bytes:
    """`results.json` of the study that nobody kills."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new_store(folder)
        Path("study.yaml").write_text(yaml.safe_dump(tiny()))
        return _end("out", call=call)


@pytest.fixture
def subject(home, store_uri, tiny) -> Subject:
    return Subject(home, tiny())


def _points():
    others = ("commit", *AT_TUNING)  # `test_tuning` has a study that tunes
    names = [name for name in faults.POINTS if name not in others] + COMMITS
    for name in names:
        is_fast = name in ALWAYS or name == COMMITS[4]
        yield pytest.param(name, id=name, marks=() if is_fast else pytest.mark.slow)


@pytest.mark.parametrize("fault", list(_points()))
def test_a_process_killed_at_a_point_costs_nothing(subject, fault, whole, call, tiny):
    if fault == "run_linked":
        Path("first.yaml").write_text(yaml.safe_dump(tiny(study="first")))
        assert call("run", "first.yaml", *INLINE, "--no-report").exit_code == 0
    driver = subject.drive(fault, reports=fault in AT_REPORT)
    code = driver.wait(120)
    assert subject.landed(fault), subject.log.read_text()
    if fault in IN_WORKERS:
        assert code == 0, subject.log.read_text()  # another worker did its run again
        assert "KILLED" not in subject.log.read_text()
    else:
        assert code == -signal.SIGKILL
    assert _end("out", call=call) == whole
    assert subject.violations() == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_kills_at_random_moments_cost_nothing(home, tiny, new_store, seed, call):
    study = tiny(seeds=3, recipe={"epochs": 40, "batch_size": 32})
    results = []
    for name in ("whole", "killed"):
        folder = home / name
        folder.mkdir()
        new_store(folder)
        subject = Subject(folder, study)
        if name == "killed":
            _strike(subject, random.Random(seed), 6)  # noqa: S311
        results.append(subject.finish())
        assert subject.violations() == []
    assert results[0] == results[1]


def _strike(subject: Subject, rng: random.Random, n: int) -> None:
    """Kill until `n` kills have landed: drivers and workers in turn."""
    n_landed = 0
    for attempt in range(4 * n):
        victim, seconds = (("driver", 10), ("worker", 4))[attempt % 2]
        n_landed += at_a_moment(subject, victim, rng.uniform(0, seconds), rng).has_landed
        if n_landed == n:
            return
    pytest.fail(f"only {n_landed} of {n} kills landed")
