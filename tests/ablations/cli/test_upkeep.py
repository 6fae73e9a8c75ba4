"""`sync`, `doctor`, `clean` and `ui` as a person calls them."""

from __future__ import annotations

from pathlib import Path

from ablations.record import RunRecord
from ablations.tracking.locks import driver_lock
from ablations.tracking.outbox import Entry, Outbox
from ablations.tracking.store import MlflowStore

INLINE = ("--executor", "inline", "--device", "cpu")


def test_sync_with_a_store_that_is_down_exits_3_and_keeps_the_entries(
    call, tiny_file, store_uri, home
):
    call("run", tiny_file(seeds=1), *INLINE, "--no-report")
    assert call("sync").output == "nothing was waiting\n"
    _leave_in_outbox(home, "http://127.0.0.1:9")
    result = call("sync")
    assert result.exit_code == 3
    assert len(list(Outbox(home / ".ablations").entries())) == 1


def _leave_in_outbox(home: Path, uri: str, study: str = "left") -> None:
    """A finished run that its store does not have, as an interrupted driver leaves it."""
    text = next(home.glob("mlartifacts/**/record.json")).read_text()
    record = RunRecord.from_json(text)
    waiting = Entry(uri, study, record.run_key, record.env_key, 1, record, (), {})
    Outbox(home / ".ablations").put(waiting)


def test_sync_stores_what_waits_and_status_tells_of_it(call, tiny_file, store_uri, home):
    study = tiny_file(seeds=1)
    call("run", study, *INLINE, "--no-report")
    _leave_in_outbox(home, store_uri)
    assert "1 run waiting for the store: ablations sync" in call("status", study).output
    assert call("sync").output == "1 run stored\n"
    assert {run.study for run in MlflowStore(store_uri).stored_runs()} == {"tiny", "left"}


def test_doctor_finds_a_study_left_running_and_runs_that_wait(call, tiny_file, store_uri, home):
    study = tiny_file(seeds=1)
    call("run", study, *INLINE, "--no-report")
    store = MlflowStore(store_uri)
    _, parent = store.parent("tiny")
    store.client.update_run(parent, status="RUNNING")
    _leave_in_outbox(home, store_uri, "tiny")
    result = call("doctor")
    assert result.exit_code == 1
    assert "problem  drivers: marked RUNNING, but no driver is here: tiny" in result.output
    assert "problem  outbox: 1 run waiting in .ablations: ablations sync" in result.output
    call("run", study, *INLINE, "--no-report")
    after = call("doctor").output
    assert "ok       drivers: none died" in after
    assert "ok       outbox: empty" in after


def test_doctor_in_an_empty_folder_makes_no_store(call, home):
    result = call("doctor")
    assert "ok       store: " in result.output
    assert "is not there yet; the first run makes it" in result.output
    assert list(home.iterdir()) == []


def test_the_ui_of_a_store_that_is_not_there_exits_3(call, home):
    result = call("ui")
    assert result.exit_code == 3
    assert "is not there yet; run a study in this folder first" in result.output


def test_clean_says_what_it_would_do_and_then_does_it(call, tiny_file, store_uri, home):
    study = tiny_file(seeds=1)
    call("run", study, *INLINE, "--no-report")
    store, work = MlflowStore(store_uri), home / ".ablations"
    store.client.update_run(store.parent("tiny")[1], status="RUNNING")
    _leave_in_outbox(home, store_uri, "tiny")
    (waiting,) = (work / "outbox").iterdir()
    (work / "outbox" / ".writing-abc").mkdir()
    (work / "checkpoints").mkdir(exist_ok=True)
    (work / "checkpoints" / "0-0.4711").write_bytes(b"half of it")
    (work / "checkpoints" / "0-0.pt").write_bytes(b"x" * 1500)
    assert "problem  remains: 2 half-written files (10 B): ablations clean" in call("doctor").output

    told = call("clean", "--dry-run").output.splitlines()
    kept = "1 checkpoint of runs that have not ended (1.5 kB) kept: run the study again, or remove"
    assert told == [
        "1 half-written outbox folder (0 B) would be removed",
        "1 half-written checkpoint (10 B) would be removed",
        f"{kept} them with --checkpoints",
        "study tiny marked RUNNING would be ended",
    ]
    assert store.open_studies() == ["tiny"]
    done = call("clean", "--checkpoints").output.splitlines()
    assert done == [
        "1 half-written outbox folder (0 B) removed",
        "1 half-written checkpoint (10 B) removed",
        "1 checkpoint of runs that have not ended (1.5 kB) removed",
        "study tiny marked RUNNING was ended",
    ]
    assert store.open_studies() == []
    assert list((work / "outbox").iterdir()) == [waiting]
    assert list((work / "checkpoints").iterdir()) == []
    assert call("clean").output == "nothing was left behind\n"


def test_clean_is_refused_while_a_driver_is_at_work(call, home, store_uri):
    with driver_lock(home / ".ablations", store_uri, "run of study 'tiny'"):
        result = call("clean", "--dry-run")
    assert result.exit_code == 2
    assert ".ablations: run of study 'tiny' (process " in result.output


def test_clean_in_an_empty_folder_makes_nothing(call, home):
    assert call("clean").output == "nothing was left behind\n"
    assert list(home.iterdir()) == []
