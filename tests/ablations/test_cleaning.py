"""What is left behind is told from what is needed: real entries, checkpoints and stored runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ablations.checkpoints import Checkpoints
from ablations.cleaning import Remains, find, remove, size
from ablations.outcomes import Job, Outcome
from ablations.record import RunState
from ablations.tracking.outbox import Entry, Outbox
from ablations.tracking.store import MlflowStore

WORK = Path(".ablations")


@pytest.fixture(scope="module")
def outcome(run, perform) -> Outcome:
    """A run that was trained."""
    return perform(Job(run(recipe={"epochs": 1, "batch_size": 32})))


@pytest.fixture
def store(store_uri) -> MlflowStore:
    return MlflowStore(store_uri)


@pytest.fixture
def entry(outcome, store_uri):
    record = outcome.record

    def make(**changes) -> Entry:
        held = replace(record, **changes)
        return Entry(
            store_uri, "example", held.run_key, held.env_key, held.attempt, held, (), outcome.files
        )

    return make


def _checkpoint(entry: Entry) -> Path:
    checkpoint = Checkpoints(WORK).of(entry.run_key, entry.env_key)
    checkpoint.write({"step": 1})
    return checkpoint.path


def test_nothing_is_found_where_nothing_was_left(home, store, entry):
    assert find(WORK, None) == Remains()
    store.write(entry())
    store.client.set_terminated(store.parent("example")[1])
    assert find(WORK, store) == Remains()


def test_what_is_half_written_is_removed_and_what_waits_is_kept(home, entry):
    outbox = Outbox(WORK)
    halves = [outbox.put(entry()).rename(outbox.folder / name) for name in (".removing-1", ".w-2")]
    waiting = outbox.put(entry())
    half = _checkpoint(entry()).with_suffix(".4711")
    half.write_bytes(b"half")
    remains = find(WORK, None)
    assert (remains.half_entries, remains.half_checkpoints) == (tuple(halves), (half,))
    assert size(remains.half_checkpoints) == 4
    assert size(remains.half_entries) == 2 * size([waiting]) > 1000
    remove(remains, None)
    assert [path for path, _ in outbox.entries()] == list(outbox.folder.iterdir()) == [waiting]
    assert len(Checkpoints(WORK).finished()) == 1


@pytest.mark.parametrize("state", RunState)
def test_a_checkpoint_is_old_once_its_run_is_stored_with_an_outcome(home, store, entry, state):
    path = _checkpoint(entry())
    assert find(WORK, store).live_checkpoints == (path,)
    store.write(entry(state=state))
    remains = find(WORK, store)
    assert remains.old_checkpoints == ((path,) if state.is_outcome else ())
    assert remains.live_checkpoints == (() if state.is_outcome else (path,))
    remove(remains, store)
    assert path.exists() is not state.is_outcome


def test_a_checkpoint_that_a_run_could_go_on_from_goes_only_if_asked_for(home, entry):
    path = _checkpoint(entry())
    remove(find(WORK, None), None)
    assert path.exists()
    remove(find(WORK, None), None, checkpoints=True)
    assert not path.exists()


def _statuses(store: MlflowStore) -> dict[str, str]:
    experiment, _ = store.parent("example")
    return {run.info.run_name: run.info.status for run in store.client.search_runs([experiment])}


def _leave_running(store: MlflowStore, entry: Entry) -> str:
    """A child as a driver leaves it that is killed before its state is written."""
    store.write(entry)
    (child,) = [run for run in store.stored_runs() if run.attempt == entry.attempt]
    store.client.delete_tag(child.run_id, "state")
    store.client.update_run(child.run_id, status="RUNNING")
    return child.run_id


def test_studies_and_runs_that_no_driver_is_at_are_ended_as_killed(store, entry):
    run_id = _leave_running(store, entry())
    remains = find(WORK, store)
    assert {(run.study, run.is_study) for run in remains.open_runs} == {
        ("example", True),
        ("example", False),
    }
    remove(remains, store)
    assert set(_statuses(store).values()) == {"KILLED"}
    assert find(WORK, store) == Remains()
    # A later driver that trains the run completes the same child.
    store.write(entry())
    assert [run.run_id for run in store.stored_runs()] == [run_id]
    assert store.client.get_run(run_id).info.status == "FINISHED"


def test_a_run_that_waits_for_the_store_is_left_to_be_stored(store, entry):
    run_id = _leave_running(store, entry())
    Outbox(WORK).put(entry())
    remains = find(WORK, store)
    assert [run.is_study for run in remains.open_runs] == [True]
    remove(remains, store)
    assert store.client.get_run(run_id).info.status == "RUNNING"


def test_a_run_with_a_state_ends_as_its_state_says(store, entry):
    store.write(entry())
    (stored,) = store.stored_runs()
    store.client.update_run(stored.run_id, status="RUNNING")
    remove(find(WORK, store), store)
    assert store.client.get_run(stored.run_id).info.status == "FINISHED"


def test_on_a_server_only_what_this_machine_drove_is_ended(store, entry, monkeypatch):
    _leave_running(store, entry())
    _, parent = store.parent("example")
    monkeypatch.setattr("ablations.cleaning.sqlite_path", lambda _: None)
    assert find(WORK, store).open_runs == ()
    store.client.set_tag(parent, "host", "another machine")
    assert find(WORK, store).open_runs == ()
    monkeypatch.setattr("ablations.cleaning.platform.node", lambda: "another machine")
    assert len(find(WORK, store).open_runs) == 2


def test_runs_of_other_programs_are_left_alone(store):
    other = store.client.create_experiment("other")
    store.client.create_run(other)
    assert find(WORK, store) == Remains()
