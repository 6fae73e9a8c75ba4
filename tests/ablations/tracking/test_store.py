from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.errors import StoreError
from ablations.record import FILTERS_FILE, RunState
from ablations.tracking import store as stores
from ablations.tracking.store import MlflowStore


@pytest.fixture
def store(store_uri) -> MlflowStore:
    return MlflowStore(store_uri)


@pytest.fixture
def written(store, entry, children_of):
    """The one child run after `entry` was written."""
    store.write(entry(tracking_uri=store.uri))
    return children_of("example")[0]


def test_the_store_given_wins_over_the_environment_and_the_folder(home, monkeypatch):
    assert stores.tracking_uri() == f"sqlite:///{home / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5001")
    assert stores.tracking_uri() == "http://127.0.0.1:5001"
    assert stores.tracking_uri("sqlite:///other.db") == "sqlite:///other.db"


def test_a_run_has_the_documented_tags(written, entry):
    record = entry().record
    documented = {
        "study": "example",
        "kind": "run",
        "arm": record.arm,
        "comparison": "shared",
        "variant": "lenet",
        "seed": "0",
        "run_key": record.run_key,
        "env_key": record.env_key,
        "place_key": record.environment.place_key,
        "state": "FINISHED",
        "attempt": "1",
        "probe.shift": record.measurements[0].probe_key,
    }
    tags = written.data.tags
    assert {name: tags.get(name) for name in documented} == documented
    own = {name for name in tags if not name.startswith("mlflow.")}
    assert own == set(documented)


def test_a_run_is_a_child_of_its_study_with_its_own_times(written, store, entry):
    record = entry().record
    _, parent = store.parent("example")
    assert written.data.tags["mlflow.parentRunId"] == parent
    assert written.info.run_name == f"{record.arm} s0"
    assert written.info.status == "FINISHED"
    assert (written.info.start_time, written.info.end_time) == (
        record.started_ms,
        record.finished_ms,
    )


def test_params_are_every_level_recipe_and_dataset_key(written, entry):
    spec = entry().record.spec
    groups = {"level": "levels", "recipe": "recipe", "dataset": "dataset"}
    expected = {f"{group}.{key}" for group, field in groups.items() for key in spec[field]}
    assert set(written.data.params) == expected
    assert written.data.params["recipe.epochs"] == "2"
    assert written.data.params["level.channels"] == "6x16"
    assert written.data.params["dataset.name"] == "digits"


def test_metrics_have_the_documented_names(written):
    groups = {"/".join(name.split("/")[:-1]) for name in written.data.metrics}
    assert groups == {"train", "test", "cost", "probe/shift", "probe/shift/change"}
    assert {"train/loss", "test/accuracy", "cost/n_parameters", "probe/shift/accuracy_1"} <= set(
        written.data.metrics
    )


def test_a_curve_is_one_metric_a_step_and_a_final_number_stands_at_step_0(written, store, entry):
    record = entry().record
    curve = store.client.get_metric_history(written.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in curve] == list(
        enumerate(record.curves["train/loss"], start=1)
    )
    final = store.client.get_metric_history(written.info.run_id, "test/accuracy")
    assert [(point.step, point.value) for point in final] == [(0, record.metrics["test/accuracy"])]


def test_artifacts_are_the_record_the_examples_and_the_weights(written, store, entry):
    run_id = written.info.run_id
    names = sorted(item.path for item in store.client.list_artifacts(run_id))
    assert names == ["epochs.pt", "examples.npz", "record.json", "weights.pt"]
    assert store.read_file(run_id, "weights.pt") == entry().files["weights.pt"]
    assert json.loads(store.read_file(run_id, "record.json")) == json.loads(
        entry().record.to_json()
    )
    assert store.read_file(run_id, "nothing.txt") is None


def test_writing_an_entry_twice_leaves_one_run_and_one_history(written, store, entry, children_of):
    # A second store object knows nothing of the first one's calls, as after a restart.
    MlflowStore(store.uri).write(entry())
    again = children_of("example")
    assert [run.info.run_id for run in again] == [written.info.run_id]
    for name in written.data.metrics:
        n_points = len(store.client.get_metric_history(written.info.run_id, name))
        is_curve = name.startswith("train/") or name == "cost/seconds_of_epoch"
        assert n_points == (2 if is_curve else 1), name


def test_a_run_cut_off_while_it_was_written_is_completed(store, entry, children_of):
    store.write(entry())
    (child,) = children_of("example")
    store.client.delete_tag(child.info.run_id, "state")  # the last thing written says it is whole
    assert store.stored_runs() == []
    store.write(entry())
    assert [run.info.run_id for run in children_of("example")] == [child.info.run_id]
    assert [run.state for run in store.stored_runs()] == [RunState.FINISHED]
    history = store.client.get_metric_history(child.info.run_id, "train/loss")
    assert [point.step for point in history] == [1, 2]


def test_another_attempt_is_another_run(store, entry):
    store.write(entry())
    store.write(entry(attempt=2, record=entry().record.as_attempt(2)))
    assert sorted(run.attempt for run in store.stored_runs()) == [1, 2]


@pytest.mark.parametrize(
    ("state", "status"),
    [("DIVERGED", "FINISHED"), ("KILLED", "KILLED"), ("INTERRUPTED", "KILLED"), ("OOM", "FAILED")],
)
def test_a_state_is_a_tag_and_the_nearest_status(store, entry, children_of, state, status):
    record = replace(entry().record, state=RunState(state), message="it broke", metrics={})
    store.write(entry(record=record, files={}))
    (child,) = children_of("example")
    assert (child.data.tags["state"], child.info.status) == (state, status)
    assert child.data.tags["message"] == "it broke"


def test_measurements_are_added_to_the_stored_run(store, entry, children_of):
    bare = replace(entry().record, measurements=())
    store.write(entry(record=bare))
    store.write(entry(record=None, files={}))
    (child,) = children_of("example")
    (measured,) = entry().measurements
    assert child.data.tags["probe.shift"] == measured.probe_key
    probed = {k: v for k, v in child.data.metrics.items() if k.startswith("probe/")}
    assert probed == dict(measured.metrics)
    assert store.stored_runs()[0].probe_keys == {"shift": measured.probe_key}


def test_what_a_measurement_leaves_is_an_artifact_of_the_stored_run(store, entry, children_of):
    store.write(entry(record=replace(entry().record, measurements=())))
    store.write(entry(record=None, files={FILTERS_FILE: b"pictures"}))
    (child,) = children_of("example")
    assert store.read_file(child.info.run_id, FILTERS_FILE) == b"pictures"
    assert "probe.shift" in child.data.tags


def test_the_newest_measurement_is_the_one_that_is_shown(store, entry, children_of):
    store.write(entry())
    (first,) = entry().measurements
    lower = {name: value / 2 for name, value in first.metrics.items()}
    again = replace(first, metrics=lower, measured_ms=first.measured_ms + 1, probe_key="other")
    store.write(entry(record=None, files={}, measurements=(again,)))
    (child,) = children_of("example")
    assert {name: child.data.metrics[name] for name in lower} == lower
    assert child.data.tags["probe.shift"] == "other"


def test_measurements_of_a_run_that_was_deleted_are_dropped_and_named(
    store, entry, children_of, caplog
):
    store.write(entry())
    store.client.delete_run(children_of("example")[0].info.run_id)
    with caplog.at_level(logging.WARNING):
        store.write(entry(record=None, files={}))
    assert f"run {entry().run_key[:16]} was deleted; its new probes are dropped" in caplog.text
    assert children_of("example") == []


def test_what_is_stored_of_a_run_is_read_back(store, entry):
    store.write(entry())
    (stored,) = store.stored_runs()
    record = entry().record
    assert (stored.study, stored.run_key, stored.env_key, stored.attempt, stored.state) == (
        "example",
        record.run_key,
        record.env_key,
        1,
        RunState.FINISHED,
    )


def test_names_of_studies_and_arms_are_free_text(store, entry, children_of):
    name = "Größe — '\"%`; <b>$(x)</b>\\"
    store.write(entry(study=name, record=replace(entry().record, arm=name)))
    store.write(entry(study=name, record=replace(entry().record, arm=name)))
    (child,) = children_of(name)
    assert child.data.tags["arm"] == name
    assert [run.study for run in store.stored_runs()] == [name]


def test_the_store_is_set_to_wal(store):
    assert store.stored_runs() == []
    connection = sqlite3.connect(store.uri.removeprefix("sqlite:///"))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_artifacts_lie_beside_the_store_whatever_the_working_folder(
    store, entry, monkeypatch, tmp_path_factory
):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    store.write(entry())
    assert not list(Path.cwd().iterdir())
    artifacts = Path(store.uri.removeprefix("sqlite:///")).parent / "mlartifacts"
    assert len(list(artifacts.rglob("record.json"))) == 1


def test_a_study_in_mlflows_bin_is_refused(store, entry):
    store.write(entry())
    experiment, _ = store.parent("example")
    store.client.delete_experiment(experiment)
    with pytest.raises(StoreError, match=rf"is in MLflow's bin; restore it .* -x {experiment}"):
        MlflowStore(store.uri).write(entry())


def test_a_server_that_is_down_is_one_error_that_names_it():
    uri = "http://127.0.0.1:9"
    with pytest.raises(StoreError, match=f"tracking store {uri}: API request") as caught:
        MlflowStore(uri).stored_runs()
    assert caught.value.exit_code == 3
    assert str(caught.value).count("tracking store") == 1


def test_a_file_that_is_no_database_is_one_error_that_names_it(home):
    (home / "mlflow.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"tracking store sqlite:///.*not a database"):
        MlflowStore(stores.tracking_uri()).stored_runs()


def test_only_a_file_store_can_be_seen_to_be_missing(home):
    assert not stores.exists(stores.tracking_uri())
    (home / "mlflow.db").touch()
    assert stores.exists(stores.tracking_uri())
    assert stores.exists("http://127.0.0.1:9")


def test_the_ui_of_a_store_that_is_not_there_is_refused(home):
    with pytest.raises(StoreError, match="is not there yet; run a study in this folder first"):
        stores.serve_ui(5000, None)
    assert list(home.iterdir()) == []


def test_a_study_whose_artifacts_were_moved_is_found(store, entry):
    store.write(entry())
    assert store.studies_without_artifacts() == []
    artifacts = Path(store.uri.removeprefix("sqlite:///")).parent / "mlartifacts"
    artifacts.rename(artifacts.with_name("moved"))
    ((study, place),) = store.studies_without_artifacts()
    assert study == "example"
    assert place.startswith(artifacts.as_uri())


def test_a_study_left_running_is_found(store):
    _, parent = store.parent("example")
    assert store.open_studies() == ["example"]
    store.client.set_terminated(parent, "KILLED")
    assert store.open_studies() == []


def test_a_run_that_has_ended_and_lacks_its_state_is_completed(store, entry, children_of):
    # The state is written last: a driver killed before it must not leave a run that is RUNNING.
    store.write(entry())
    (child,) = children_of("example")
    store.client.delete_tag(child.info.run_id, "state")
    assert store.client.get_run(child.info.run_id).info.status == "FINISHED"
    store.write(entry())
    (again,) = children_of("example")
    assert (again.info.run_id, again.info.status) == (child.info.run_id, "FINISHED")
    assert again.info.end_time == entry().record.finished_ms


def test_a_file_is_replaced_whole_or_not_at_all(store, monkeypatch, home):
    _, parent = store.parent("example")
    store.log_files(parent, {"history.json": b"[1]"})

    def die(point: str) -> None:
        raise KeyboardInterrupt(point)

    with monkeypatch.context() as patch:
        patch.setattr("ablations.tracking.store.faults.reach", die)
        with pytest.raises(KeyboardInterrupt, match="file_unnamed"):
            store.log_files(parent, {"history.json": b"[1, 2]"})
    assert store.read_json(parent, "history.json", None) == [1]
    store.log_files(parent, {"history.json": b"[1, 2]"})
    assert store.read_json(parent, "history.json", None) == [1, 2]
    assert len(list(home.glob("mlartifacts/**/*history*"))) == 1


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_files_keep_their_paths_wherever_the_store_is(store, monkeypatch, is_elsewhere):
    _, parent = store.parent("example")
    if is_elsewhere:
        monkeypatch.setattr(stores, "local_folder", lambda _: None)
    store.log_files(parent, {"a.txt": b"a", "inner/b.txt": b"b"}, "folder")
    found = {item.path for item in store.client.list_artifacts(parent, "folder")}
    assert found == {"folder/a.txt", "folder/inner"}
    inner = store.client.list_artifacts(parent, "folder/inner")
    assert [(item.path, item.file_size) for item in inner] == [("folder/inner/b.txt", 1)]
