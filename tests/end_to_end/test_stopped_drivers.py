"""A driver that is interrupted or killed in the middle of a study, and the one that goes on."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from ablations.errors import LockedError
from ablations.preparation import RunOptions
from ablations.record import RunState
from ablations.runner import run_study
from ablations.study_file import load_study
from ablations.tracking.locks import driver_lock
from ablations.tracking.store import MlflowStore

pytestmark = pytest.mark.end_to_end

# Six runs, long enough that a signal after the first one finds others at work.
LONG = {"seeds": 3, "recipe": {"epochs": 40, "batch_size": 32}}


@pytest.fixture
def go_on(home, store_uri):
    """Runs the study in `home` to its end in this process; the keys of what it trained."""

    def run(study: Path) -> list[str]:
        options = RunOptions(store_uri, home / ".ablations", device="cpu", executor="inline")
        return [record.run_key for record in run_study(load_study(study), options)]

    return run


def _workers_of(pid: int) -> list[int]:
    """Processes whose parent is `pid`, or whose parent has died and that were its workers."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def _wait_for_end(pids: list[int], seconds: float) -> list[int]:
    """Those of `pids` that still run after that time."""
    deadline = time.monotonic() + seconds
    alive = pids
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = [pid for pid in alive if _runs(pid)]
    return alive


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_study_keeps_what_it_has_and_goes_on_from_there(
    tiny_file, store_uri, start, read_until, go_on, children_of, number
):
    study = tiny_file(**LONG)
    driver = start("run", study, "--workers", 2, "--no-report")
    read_until(driver, "[1/6]")
    workers = _workers_of(driver.pid)
    clock = time.monotonic()
    driver.send_signal(number)
    rest = driver.stdout.read()
    assert driver.wait() == 130
    assert time.monotonic() - clock < 15
    assert "stopped; finished runs are kept, and the same command goes on from here" in rest
    assert "Traceback" not in rest
    assert _wait_for_end(workers, 5) == []

    stored = MlflowStore(store_uri).stored_runs()
    states = Counter(run.state for run in stored)
    assert set(states) == {RunState.FINISHED, RunState.INTERRUPTED}
    assert MlflowStore(store_uri).open_studies() == []
    finished = {run.run_key for run in stored if run.state is RunState.FINISHED}
    trained = go_on(study)
    assert len(trained) == 6 - len(finished)
    assert not finished & set(trained)
    done = [run.data.tags["run_key"] for run in _finished(children_of("tiny"))]
    assert (len(done), len(set(done))) == (6, 6)


def _finished(runs) -> list:
    return [run for run in runs if run.data.tags["state"] == "FINISHED"]


def test_a_killed_driver_costs_only_the_runs_in_flight(
    tiny_file, store_uri, start, read_until, go_on, children_of, home
):
    study = tiny_file(**LONG)
    driver = start("run", study, "--workers", 2, "--no-report")
    read_until(driver, "[2/6]")
    workers = _workers_of(driver.pid)
    holder = rf"run of study 'tiny' \(process {driver.pid}, since .*\) is at work"
    with (
        pytest.raises(LockedError, match=rf"\.ablations: {holder}"),
        driver_lock(home / ".ablations", store_uri),
    ):
        pass
    with (
        pytest.raises(LockedError, match=f"tracking store {store_uri}: {holder}"),
        driver_lock(home / "elsewhere", store_uri),
    ):
        pass
    driver.kill()
    driver.wait()
    assert _wait_for_end(workers, 20) == []
    assert MlflowStore(store_uri).open_studies() == ["tiny"]

    before = {run.run_key for run in MlflowStore(store_uri).stored_runs()}
    trained = go_on(study)
    assert len(before) >= 2
    assert not before & set(trained)
    assert MlflowStore(store_uri).open_studies() == []
    _assert_whole(children_of("tiny"))
    assert not list((home / ".ablations" / "outbox").glob("*-*"))


def test_a_study_whose_driver_was_killed_ends_as_one_that_was_not(
    tiny_file, store_uri, start, read_until, go_on, children_of, new_store
):
    study, home = tiny_file(**LONG), Path.cwd()
    driver = start("run", study, "--workers", 2, "--no-report", "--checkpoint-seconds", 0)
    read_until(driver, "[1/6]")
    driver.kill()
    driver.wait()
    go_on(study)
    _assert_whole(children_of("tiny"))
    resumed = [
        json.loads(MlflowStore(store_uri).read_file(run.info.run_id, "record.json"))
        for run in children_of("tiny")
    ]
    assert any(record["resumed_epoch"] for record in resumed)
    assert list((home / ".ablations" / "checkpoints").iterdir()) == []

    (home / "whole").mkdir()
    whole = new_store(home / "whole")
    options = RunOptions(whole, home / "whole" / ".ablations", device="cpu", executor="inline")
    run_study(load_study(study), options)
    assert _results(start, home, store_uri) == _results(start, home, whole)


def _results(start, home, store_uri) -> bytes:
    """`results.json` of the study as a store has it."""
    out = home / "out"
    work = home / ".report"
    report = start(
        *("report", "tiny", "--formats", "json", "--out", out),
        *("--tracking-uri", store_uri, "--work-dir", work),
    )
    assert report.wait() == 0, report.stdout.read()
    return (out / "results.json").read_bytes()


def _assert_whole(children) -> None:
    """One child a planned run, all of them finished with all their numbers."""
    assert len(children) == len({run.data.tags["run_key"] for run in children}) == 6
    assert {run.data.tags["state"] for run in children} == {"FINISHED"}
    assert all("test/accuracy" in run.data.metrics for run in children)


def test_a_driver_that_waits_for_another_says_for_whom_and_can_be_interrupted(
    tiny_file, store_uri, start, read_until, home
):
    with driver_lock(home / "elsewhere", store_uri, "run of study 'other'"):
        waiting = start("run", tiny_file(), "--wait", "--no-report")
        read_until(waiting, f"tracking store {store_uri}: waiting for run of study 'other' (proc")
        waiting.send_signal(signal.SIGINT)
        rest = waiting.stdout.read()
    assert waiting.wait() == 130
    assert "waiting" not in rest  # it was said once
    assert "Traceback" not in rest
    assert MlflowStore(store_uri).stored_runs() == []


@pytest.mark.slow
def test_a_driver_killed_again_and_again_at_any_moment_ends_with_one_child_a_run(
    tiny_file, store_uri, start, go_on, children_of
):
    study = tiny_file(**LONG)
    for _ in range(4):
        driver = start("run", study, "--workers", 2, "--no-report")
        for line in driver.stdout:
            if line.startswith("["):
                break
        driver.kill()  # while it stores that run, or shortly after
        driver.wait()
    go_on(study)
    _assert_whole(children_of("tiny"))
    assert go_on(study) == []


@pytest.mark.slow
def test_a_killed_worker_costs_the_study_nothing_but_time(
    tiny_file, store_uri, start, read_until, go_on, children_of
):
    study = tiny_file(**LONG)
    driver = start("run", study, "--workers", 2, "--no-report")
    read_until(driver, "[1/6]")
    os.kill(_trainers_of(driver.pid)[0], signal.SIGKILL)
    rest = driver.stdout.read()
    assert driver.wait() == 0, rest
    assert "KILLED" not in rest
    _assert_whole(children_of("tiny"))
    assert go_on(study) == []


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_twice_is_a_failed_one_and_the_study_goes_on(
    tiny_file, store_uri, start, read_until, go_on, children_of
):
    study = tiny_file(seeds=1, recipe=LONG["recipe"])
    driver = start("run", study, "--workers", 1, "--no-report")
    read_until(driver, "2 to train")
    killed: list[int] = []
    deadline = time.monotonic() + 60
    while len(killed) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        for pid in set(_trainers_of(driver.pid)) - set(killed):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
    rest = driver.stdout.read()
    assert driver.wait() == 1
    assert "ended by signal 9 while it trained this run, twice" in rest
    states = Counter(run.data.tags["state"] for run in children_of("tiny"))
    assert states == {"FINISHED": 1, "KILLED": 1}
    assert go_on(study) == []


def _trainers_of(pid: int) -> list[int]:
    """The workers of a driver, without what else it started."""
    command = {one: Path(f"/proc/{one}/cmdline") for one in _workers_of(pid)}
    return [one for one, path in command.items() if "spawn_main" in path.read_text()]
