from __future__ import annotations

import pytest

from ablations.errors import LockedError, StoreError
from ablations.tracking.locks import folder_lock, store_lock
from ablations.tracking.outbox import Entry
from ablations.tracking.syncing import sync_outbox


def test_sync_stores_every_waiting_entry_in_the_store_it_is_for(
    tracker, entry, store_uri, home, children_of
):
    other = f"sqlite:///{home / 'other.db'}"
    (home / "other.db").write_bytes((home / "mlflow.db").read_bytes())
    tracker.outbox.put(entry(tracking_uri=store_uri))
    tracker.outbox.put(entry(tracking_uri=other))
    assert sync_outbox(home / ".ablations") == 2
    assert [len(children_of("example", uri)) for uri in (store_uri, other)] == [1, 1]
    assert sync_outbox(home / ".ablations") == 0


def test_sync_ends_a_study_as_finished_only_if_all_of_it_is(tracker, plan, outcome, home):
    trained = {"recipe": {"epochs": 2, "batch_size": 32}}
    alone = {"design": "arms", "factors": {}, "seeds": 1}
    tracker.open_study(plan(study="whole", **trained, **alone))
    tracker.open_study(plan(study="cut", **trained))
    record = outcome.record.as_attempt(1)
    for study in ("whole", "cut"):
        where = (tracker.store.uri, study, record.run_key, record.env_key, 1)
        tracker.outbox.put(Entry(*where, record, (), {}))
    assert sync_outbox(home / ".ablations") == 2
    ended = {
        study: tracker.store.client.get_run(run_id).info.status
        for study, run_id in tracker.store.parents().items()
    }
    assert ended == {"whole": "FINISHED", "cut": "KILLED"}


def test_sync_of_one_store_leaves_the_others_entries(tracker, entry, store_uri, home):
    tracker.outbox.put(entry(tracking_uri="http://127.0.0.1:9"))
    assert sync_outbox(home / ".ablations", store_uri) == 0
    with pytest.raises(StoreError, match=r"tracking store http://127\.0\.0\.1:9"):
        sync_outbox(home / ".ablations")
    assert len(list(tracker.outbox.entries())) == 1


def test_sync_is_refused_while_a_driver_is_at_work_in_the_folder(tracker, home):
    work = home / ".ablations"
    with (
        folder_lock(work, "run of study 'other'"),
        pytest.raises(LockedError, match=r"\.ablations: run of study 'other' .* is at work"),
    ):
        sync_outbox(work)


def test_sync_is_refused_while_a_driver_is_at_work_on_the_store(tracker, entry, store_uri, home):
    tracker.outbox.put(entry(tracking_uri=store_uri))
    with (
        store_lock(store_uri, "run of study 'other'"),
        pytest.raises(LockedError, match=r"tracking store .*: run of study 'other' .* is at work"),
    ):
        sync_outbox(home / ".ablations")
    assert tracker.n_waiting() == 1


@pytest.mark.parametrize("name", [".writing-abc", ".removing-0123-1-0"])
def test_opening_a_study_and_syncing_sweep_what_a_killed_driver_left(tracker, plan, entry, name):
    def leave():
        tracker.outbox.put(entry()).rename(tracker.outbox.folder / name)

    leave()
    tracker.open_study(plan())
    assert list(tracker.outbox.folder.iterdir()) == []
    leave()
    assert sync_outbox(tracker.outbox.folder.parent) == 0
    assert list(tracker.outbox.folder.iterdir()) == []


def test_syncing_ends_a_study_whose_driver_could_not(tracker, plan, outcome, break_store, tmp_path):
    tracker.open_study(plan())
    with break_store():
        tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
        with pytest.raises(StoreError):
            tracker.close_study("example", "FINISHED")
    assert sync_outbox(tracker.outbox.folder.parent) == 1
    assert tracker.store.open_studies() == []
