from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace

import pytest

from ablations.errors import StoreError
from ablations.record import StoredRun
from ablations.tracking import tracker as trackers
from ablations.tracking.artifacts import local_folder
from ablations.tracking.locks import history_lock
from ablations.tracking.store import MlflowStore
from ablations.tracking.tracker import Tracker


def _artifact(tracker: Tracker, study: str, name: str):
    _, parent = tracker.store.parent(study)
    return json.loads(tracker.store.read_file(parent, name))


def test_opening_a_study_stores_its_plan_and_marks_it_running(tracker, plan):
    made = plan()
    tracker.open_study(made)
    assert _artifact(tracker, "example", "plan.json") == json.loads(json.dumps(made.to_dict()))
    assert [item["digest"] for item in _artifact(tracker, "example", "history.json")] == [
        made.digest
    ]
    assert tracker.store.open_studies() == ["example"]
    tracker.close_study("example", "FINISHED")
    assert tracker.store.open_studies() == []


def test_opening_a_study_again_adds_to_its_history_only_what_changed(tracker, plan):
    for made in (plan(), plan(), plan(seeds=3)):
        tracker.open_study(made)
        tracker.close_study("example", "FINISHED")
    past = _artifact(tracker, "example", "history.json")
    assert [item["seeds"] for item in past] == [[0, 1], [0, 1, 2]]


def test_a_file_that_is_stored_byte_for_byte_is_not_written_again(tracker, plan):
    tracker.open_study(plan(), {"labels.npz": b"labels", "other.npz": b"old"})
    _, parent = tracker.store.parent("example")
    folder = local_folder(tracker.store.client.get_run(parent).info.artifact_uri)
    written = {name: (folder / name).stat().st_ino for name in ("labels.npz", "other.npz")}
    tracker.open_study(plan(), {"labels.npz": b"labels", "other.npz": b"new"})
    assert (folder / "labels.npz").stat().st_ino == written["labels.npz"]
    assert (folder / "other.npz").read_bytes() == b"new"


def test_a_plan_that_takes_anothers_place_says_what_changed(tracker, plan):
    assert tracker.open_study(plan()) == []
    assert tracker.open_study(plan()) == []
    assert tracker.changes(plan(seeds=3)) == ["seeds added: 2"]
    tracker.store_report(plan().to_dict(), {}, "", {"activation=relu - control": [0, 1]})
    told = tracker.open_study(plan(seeds=3))
    stamp = "the report will bear the stamp: seeds [2] were added after results were shown"
    assert told == ["seeds added: 2", stamp]
    assert tracker.changes(plan(seeds=3)) == [stamp]


def test_a_study_under_a_new_name_is_told_what_the_store_has_of_it(tracker, plan, outcome):
    trained = {"recipe": {"epochs": 2, "batch_size": 32}}
    first = plan(**trained)
    tracker.open_study(first)
    tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    tracker.store_report(first.to_dict(), {}, "", {"activation=relu - control": [0]})
    told = tracker.open_study(plan(study="renamed", **trained))
    assert told == [
        "new here, but 1 of its 4 runs is in study 'example' already: linked from there, not "
        "trained again",
        "new here, but study 'example' has shown verdicts on 'activation=relu - control': they "
        "count as shown in this study too",
    ]
    past = _artifact(tracker, "renamed", "history.json")
    assert [item.get("study") for item in past] == ["example", None]
    assert tracker.changes(plan(study="apart", recipe={"epochs": 9})) == []


def test_a_stored_outcome_leaves_nothing_in_the_outbox(tracker, plan, outcome):
    tracker.open_study(plan())
    tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    assert tracker.n_waiting() == 0
    assert [run.run_key for run in tracker.stored_runs()] == [outcome.record.run_key]


def test_an_outcome_waits_while_the_store_fails_and_is_stored_once(
    tracker, plan, outcome, break_store, children_of, caplog
):
    tracker.open_study(plan())
    with break_store(), caplog.at_level(logging.WARNING):
        tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
        assert tracker.n_waiting() == 1
        kept = r"1 finished run kept in .*outbox: `ablations sync` stores what"
        with pytest.raises(StoreError, match=kept):
            tracker.close_study("example", "FINISHED")
    assert "its runs are kept in" in caplog.text
    assert tracker.drain() == 1
    assert tracker.drain() == 0
    assert len(children_of("example")) == 1


def test_a_store_that_failed_is_left_alone_for_a_while(
    tracker, plan, outcome, break_store, children_of
):
    tracker.open_study(plan())
    with break_store():
        tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    tracker.add_run("example", outcome.record.as_attempt(2), outcome.files)
    assert tracker.n_waiting() == 2
    tracker.close_study("example", "FINISHED")
    assert {run.data.tags["attempt"] for run in children_of("example")} == {"1", "2"}


def test_what_waits_is_stored_before_what_comes_later(
    tracker, plan, outcome, break_store, children_of, monkeypatch
):
    # Measurements that came in before the run they belong to would be lost.
    monkeypatch.setattr(trackers, "RETRY_SECONDS", 0.0)
    tracker.open_study(plan())
    bare = replace(outcome, record=replace(outcome.record, measurements=()), measurements=())
    with break_store():
        tracker.add_run("example", bare.record.as_attempt(1), bare.files)
    record = bare.record
    stored = StoredRun("-", "example", record.run_key, record.env_key, 1, record.state)
    tracker.add_measurements("example", outcome.measurements, stored, {})
    (child,) = children_of("example")
    assert child.data.tags["probe.shift"] == outcome.measurements[0].probe_key
    assert tracker.n_waiting() == 0


def test_opening_a_study_brings_in_what_an_earlier_driver_left(
    tracker, plan, outcome, break_store, home, children_of
):
    tracker.open_study(plan())
    with break_store():
        tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    later = Tracker(tracker.store.uri, home / ".ablations")
    later.open_study(plan())
    assert later.n_waiting() == 0
    assert len(children_of("example")) == 1


def test_a_probe_that_measured_nothing_is_not_kept(tracker, outcome):
    record = outcome.record
    stored = StoredRun("-", "example", record.run_key, record.env_key, 1, record.state)
    tracker.add_measurements("example", (), stored, {})
    assert tracker.n_waiting() == 0
    assert not tracker.outbox.folder.exists()


def test_a_link_is_a_child_with_the_numbers_of_the_run_it_names(
    tracker, plan, outcome, children_of
):
    tracker.open_study(plan())
    tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    (stored,) = tracker.stored_runs()
    tracker.link("other", stored, "its name there")
    (original,), (linked,) = children_of("example"), children_of("other")
    assert linked.data.tags["reused_from"] == original.info.run_id
    assert linked.data.tags["arm"] == "its name there"
    assert linked.data.metrics == original.data.metrics
    assert linked.data.params == original.data.params
    files = [tracker.store.read_file(run.info.run_id, "weights.pt") for run in (original, linked)]
    assert files[0] == files[1] == outcome.files["weights.pt"]


def test_a_link_to_a_run_without_its_record_says_what_to_do(tracker, plan, outcome, home):
    tracker.open_study(plan())
    tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    next(home.glob("mlartifacts/**/record.json")).unlink()
    with pytest.raises(StoreError, match=r"has lost its record\.json; --fresh trains it again"):
        tracker.link("other", tracker.stored_runs()[0], "arm")


def test_a_report_is_stored_with_its_note_and_the_verdicts_it_showed(tracker, plan):
    made = plan().to_dict()
    tracker.open_study(plan())
    tracker.store_report(
        made, {"report.md": b"# Report"}, "a note", {"activation=relu - control": [0, 1]}
    )
    _, parent = tracker.store.parent("example")
    assert tracker.store.client.get_run(parent).data.tags["mlflow.note.content"] == "a note"
    names = [item.path for item in tracker.store.client.list_artifacts(parent, "report")]
    assert names == ["report/report.md"]
    shown = _artifact(tracker, "example", "history.json")[-1]["shown"]
    assert shown["activation=relu - control"]["seeds"] == [0, 1]


def test_a_report_that_a_driver_has_overtaken_is_not_stored_over_that_drivers_own(
    tracker, plan, home
):
    made = plan().to_dict()
    tracker.open_study(plan())
    _, parent = tracker.store.parent("example")
    seen = tracker.store.ended_ms(parent)
    assert tracker.store_report(made, {"report.md": b"part"}, "part", {}, ended_ms=seen)
    tracker.close_study("example", "FINISHED")
    ended = tracker.store.ended_ms(parent)
    assert tracker.store_report(made, {"report.md": b"whole"}, "whole", None, ended_ms=ended)
    shown = {"activation=relu - control": [0, 1]}
    assert not tracker.store_report(made, {"report.md": b"part"}, "part", shown, ended_ms=seen)
    (stored,) = home.glob("mlartifacts/**/report.md")
    assert stored.read_text() == "whole"
    assert tracker.store.client.get_run(parent).data.tags["mlflow.note.content"] == "whole"
    assert _artifact(tracker, "example", "history.json")[-1]["shown"]  # a person has seen it


def test_a_server_that_is_down_refuses_a_study_before_it_starts(home, plan):
    with pytest.raises(StoreError, match=r"tracking store http://127\.0\.0\.1:9"):
        Tracker("http://127.0.0.1:9", home).open_study(plan())


def test_a_plan_that_a_newer_version_stored_is_not_written_over(tracker, plan):
    tracker.open_study(plan())
    _, parent = tracker.store.parent("example")
    newer = json.dumps({"schema": 2, "digest": "unheard of"}).encode()
    tracker.store.log_files(parent, {"plan.json": newer})
    expected = (
        r"plan\.json of study 'example': its schema must be at most 1, got 2: a newer version"
    )
    with pytest.raises(StoreError, match=expected):
        tracker.open_study(plan())
    assert tracker.store.read_file(parent, "plan.json") == newer


def test_the_weights_of_a_stored_run_are_read_back(tracker, plan, outcome):
    tracker.open_study(plan())
    tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    (stored,) = tracker.stored_runs()
    assert tracker.file(stored, "weights.pt") == outcome.files["weights.pt"]
    assert MlflowStore(tracker.store.uri).stored_runs() == [stored]


def block(folder):
    """Put a file where a folder belongs, so that nothing can be written there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.touch()


def test_an_outcome_that_the_outbox_cannot_take_is_stored_all_the_same(
    tracker, plan, outcome, children_of
):
    tracker.open_study(plan())
    block(tracker.outbox.folder)
    tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    assert len(children_of("example")) == 1


def test_an_outcome_that_nothing_can_take_is_named(tracker, plan, outcome, break_store):
    tracker.open_study(plan())
    block(tracker.outbox.folder)
    lost = rf"arm '{outcome.record.arm}', seed {outcome.record.seed} is lost and will be trained"
    with break_store(), pytest.raises(StoreError, match=lost):
        tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)


def test_a_report_waits_while_another_process_writes_the_history(tracker, plan):
    made = plan()
    tracker.open_study(made)
    lock = history_lock(tracker.store.uri)
    shown = {"activation=relu - control": [0, 1]}
    reporting = threading.Thread(
        target=tracker.store_report, args=(made.to_dict(), {"a.md": b""}, "", shown)
    )
    with lock:
        reporting.start()
        reporting.join(0.5)
        assert _artifact(tracker, "example", "history.json")[-1]["shown"] == {}
    reporting.join(30)
    assert _artifact(tracker, "example", "history.json")[-1]["shown"]


def test_files_given_with_the_plan_lie_beside_it_and_take_the_place_of_older_ones(tracker, plan):
    for content in (b"before", b"now"):
        tracker.open_study(plan(), {"labels-0.npz": content})
    _, parent = tracker.store.parent("example")
    assert tracker.store.read_file(parent, "labels-0.npz") == b"now"
    assert tracker.store.read_file(parent, "plan.json") is not None


def test_the_past_of_a_study_is_its_own_and_what_others_have_shown_of_it(tracker, plan):
    first, renamed = plan().to_dict(), plan(study="renamed").to_dict()
    assert tracker.past(first) == []
    tracker.open_study(plan())
    tracker.store_report(first, {}, "", {"activation=relu - control": [0, 1]})
    (own,) = tracker.past(first)
    assert own["digest"] == first["digest"]
    (adopted,) = tracker.past(renamed)
    assert (adopted["study"], adopted["shown"]) == ("example", own["shown"])


def test_the_value_of_a_metric_is_told_of_each_run_where_it_is_asked_for(tracker, plan, outcome):
    tracker.open_study(plan())
    tracker.add_run("example", outcome.record.as_attempt(1), outcome.files)
    (plain,), (measured,) = tracker.stored_runs(), tracker.stored_runs("test/accuracy")
    assert plain.value is None
    assert measured.value == outcome.record.metrics["test/accuracy"]
    (probed,) = tracker.stored_runs("probe/shift/accuracy_1")
    assert probed.value == outcome.measurements[0].metrics["probe/shift/accuracy_1"]
    assert tracker.stored_runs("test/nothing")[0].value is None


def test_a_study_with_looks_is_whole_when_no_arm_is_asked_for_more(tracker, plan, outcome):
    made = plan(seeds={"looks": [3, 6]}, recipe={"epochs": 2, "batch_size": 32})
    tracker.open_study(made)

    def end(seeds, values):
        for run in (run for run in made.runs if run.seed in seeds):
            value = values[run.arm] + run.seed / 100
            record = replace(
                outcome.record,
                run_key=run.run_key,
                arm=run.arm,
                seed=run.seed,
                metrics={**outcome.record.metrics, "test/accuracy": value},
            )
            tracker.add_run("example", record.as_attempt(1), {})

    end(range(2), {"control": 0.5, "activation=relu": 0.8})
    assert not tracker.is_whole("example")
    end([2], {"control": 0.5, "activation=relu": 0.8})
    assert tracker.is_whole("example")  # a clear difference at three seeds
