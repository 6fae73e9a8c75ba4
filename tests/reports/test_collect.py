from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ablations.errors import StoreError, StudyNotFoundError
from ablations.preparation import RunOptions
from ablations.record import RunState
from ablations.runner import run_study
from ablations.study_file import parse_study
from ablations.tracking.store import MlflowStore
from ablations.tracking.tracker import Tracker
from lenet_variants.registry import load_plugin
from reports.analysis import analyse
from reports.collect import collect_runs, collect_study
from reports.table import validated_curves, validated_runs


@pytest.fixture
def train(home, store_uri):
    """Runs a study given as plain values in `home`; returns its records."""
    usual = RunOptions(store_uri, home / ".ablations", device="cpu", executor="inline")

    def run(raw, **changes):
        return run_study(parse_study(raw), replace(usual, **changes))

    return run


def test_a_table_has_a_row_a_run_with_its_factors_and_metrics(train, tiny, store_uri):
    records = {record.run_key: record for record in train(tiny(probes=["shift"]))}
    runs = collect_runs("tiny", store_uri)
    assert set(runs["run_key"]) == set(records)
    assert not runs.duplicated(["arm", "comparison", "seed"]).any()
    for row in runs.to_dict("records"):
        record = records[row["run_key"]]
        assert (row["arm"], row["comparison"], row["seed"]) == (record.arm, "shared", record.seed)
        assert row["state"] == "FINISHED"
        assert row["activation"] == record.spec["levels"]["activation"]
        assert {name: row[name] for name in record.metrics} == dict(record.metrics)
        (probe,) = record.measurements
        assert {name: row[name] for name in probe.metrics} == dict(probe.metrics)
        assert row["device"] == record.environment.device_model


def test_what_was_measured_on_another_sample_is_left_out_and_told_beside_the_run(
    train, tiny, store_uri, children_of
):
    train(tiny(probes=["shift"]))
    client = MlflowStore(store_uri).client
    first, *_ = children_of("tiny")
    client.set_tag(first.info.run_id, "probe.shift", "of another revision")
    client.log_metric(first.info.run_id, "probe/mine", 1.0)  # a user's own
    runs = collect_runs("tiny", store_uri).set_index("run_key")
    key = first.data.tags["run_key"]
    assert runs.loc[key, "message"].startswith("probe shift: measured by another version or on")
    assert np.isnan(runs.loc[key, "probe/shift/accuracy_1"])
    others = runs.drop(key)
    assert set(others["message"]) == {""}
    assert others["probe/shift/accuracy_1"].notna().all()
    assert "probe/mine" not in runs
    train(tiny(probes=["shift"]))  # which measures that run alone, and trains none
    again = collect_runs("tiny", store_uri)
    assert set(again["message"]) == {""}
    assert again["probe/shift/accuracy_1"].notna().all()


def test_pictures_of_another_sample_are_left_out_as_numbers_are(
    train, tiny, store_uri, children_of
):
    train(tiny(probes=["filters"]))
    pictured = collect_study("tiny", store_uri).filters
    assert len(pictured) == 2  # one run an arm
    tagged = [one for one in children_of("tiny") if "probe.filters" in one.data.tags]
    MlflowStore(store_uri).client.set_tag(tagged[0].info.run_id, "probe.filters", "other")
    tables = collect_study("tiny", store_uri)
    assert set(tables.filters) == {tagged[1].data.tags["run_key"]}
    told = tables.runs.set_index("run_key")["message"]
    assert told[tagged[0].data.tags["run_key"]].startswith("probe filters: measured by another")


def test_what_a_former_revision_of_a_probe_measured_is_left_out(
    train, tiny, store_uri, children_of
):
    train(tiny(probes=["gradient_flow"], recipe={"epochs": 2}))
    before = collect_runs("tiny", store_uri)
    client = MlflowStore(store_uri).client
    for child in children_of("tiny"):
        for name in ("start_dead/conv1", "epoch_2_dead/conv1", "gone"):
            client.log_metric(child.info.run_id, f"probe/gradient_flow/{name}", 0.5)
    after = collect_runs("tiny", store_uri)
    pd.testing.assert_frame_equal(after, before)
    assert "probe/gradient_flow/epoch_1_dead/conv1" in after


def test_the_table_is_one_that_analyse_takes(train, tiny, store_uri):
    train(tiny(seeds=3))
    tables = collect_study("tiny", store_uri)
    assert len(validated_runs(tables.runs)) == 6
    assert len(validated_curves(tables.curves)) == 12
    results = analyse(
        tables.runs, tables.plan, examples=tables.examples, curves=tables.curves
    ).to_dict()
    assert {arm["name"]: arm["n_finished"] for arm in results["arms"]} == {
        "control": 3,
        "activation=relu": 3,
    }


def test_factors_of_the_recipe_and_of_shapes_are_columns(train, tiny, store_uri):
    factors = {"recipe.batch_size": [32, 64], "channels": [[6, 16], [4, 8]]}
    train(tiny(seeds=1, factors=factors))
    runs = collect_runs("tiny", store_uri).set_index("arm")
    assert runs["recipe.batch_size"].to_dict() == {
        "control": 32,
        "recipe.batch_size=64": 64,
        "channels=4x8": 32,
    }
    assert runs["channels"].to_dict() == {
        "control": "6x16",
        "recipe.batch_size=64": "6x16",
        "channels=4x8": "4x8",
    }


def test_a_stored_grid_has_effects_of_its_factors(train, tiny, store_uri):
    factors = {"recipe.batch_size": [32, 64], "channels": [[6, 16], [4, 8]]}
    train(tiny(seeds=2, design="grid", factors=factors, arms=["softmax"]))
    tables = collect_study("tiny", store_uri)
    (entry,) = analyse(tables.runs, tables.plan).to_dict()["effects"]
    assert entry["factors"] == [
        {"name": "recipe.batch_size", "levels": [32, 64]},
        {"name": "channels", "levels": [[6, 16], [4, 8]]},
    ]
    assert entry["n_seeds"] == 2
    value = tables.runs.groupby("arm")["test/accuracy"].mean()
    wide = [value["control"], value["recipe.batch_size=64"]]
    narrow = [value["channels=4x8"], value["recipe.batch_size=64,channels=4x8"]]
    (effect,) = (one for one in entry["marginal"] if one["factor"] == "channels")
    assert effect["estimate"] == pytest.approx((sum(narrow) - sum(wide)) / 2)


def test_the_arm_comes_from_the_plan_and_not_from_a_tag(train, tiny, store_uri, children_of):
    train(tiny(seeds=1, arms=["softmax"]))
    client = MlflowStore(store_uri).client
    for run in children_of("tiny"):
        client.set_tag(run.info.run_id, "arm", "a wrong name")
    assert set(collect_runs("tiny", store_uri)["arm"]) == {"control", "activation=relu", "softmax"}
    train(tiny(seeds=1, arms=[{"name": "linear", "variant": "softmax"}]))
    assert set(collect_runs("tiny", store_uri)["arm"]) == {"control", "activation=relu", "linear"}


def test_runs_that_are_no_longer_planned_are_left_out(train, tiny, store_uri):
    train(tiny(arms=["softmax"]))
    train(tiny(seeds=[1]))
    runs = collect_runs("tiny", store_uri)
    assert {(row.arm, row.seed) for row in runs.itertuples()} == {
        ("control", 1),
        ("activation=relu", 1),
    }


def test_the_newest_attempt_counts(train, tiny, store_uri, fragile):
    load_plugin(fragile)
    study = tiny(seeds=1, arms=["fragile"], plugins=["fragile.py"])
    fragile.with_name("broken").touch()
    train(study)
    failed = collect_runs("tiny", store_uri).set_index("arm").loc["fragile"]
    assert failed["state"] == "FAILED"
    assert failed["message"] == "RuntimeError: this network is broken"
    assert np.isnan(failed["test/accuracy"])
    fragile.with_name("broken").unlink()
    train(study, retry_failed=True)
    tables = collect_study("tiny", store_uri)
    assert tables.runs.set_index("arm").loc["fragile", "state"] == "FINISHED"
    assert len(tables.runs) == 3
    assert {record.attempt for record in tables.records.values()} == {1, 2}


def test_runs_of_two_places_are_never_in_one_table(train, tiny, store_uri, children_of):
    train(tiny())
    client = MlflowStore(store_uri).client
    last, *others = sorted(children_of("tiny"), key=lambda run: -run.info.end_time)
    for run in others[:2]:
        client.set_tag(run.info.run_id, "place_key", "another machine")
    found = set(collect_runs("tiny", store_uri)["run_key"])
    assert found == {last.data.tags["run_key"], others[2].data.tags["run_key"]}


def test_curves_are_a_row_an_epoch(train, tiny, store_uri):
    records = train(tiny(seeds=1))
    curves = collect_study("tiny", store_uri).curves
    for record in records:
        own = curves[curves["run_key"] == record.run_key]
        assert own["epoch"].tolist() == [1, 2]
        assert own["train/loss"].tolist() == record.curves["train/loss"]


def test_examples_say_which_test_images_each_run_had_right(train, tiny, store_uri):
    records = train(tiny(seeds=3))
    examples = collect_study("tiny", store_uri).examples
    for record in records:
        assert examples[record.run_key].mean() == pytest.approx(record.metrics["test/accuracy"])
    assert len({record.metrics["test/accuracy"] for record in records}) > 1
    assert collect_study("tiny", store_uri, with_examples=False).examples == {}


def test_predictions_are_those_of_the_runs_with_the_labels_of_their_arms(train, tiny, store_uri):
    records = train(tiny(seeds=1, probes=["images"]))
    tables = collect_study("tiny", store_uri)
    found = tables.predictions
    assert set(found.labels) == {"control", "activation=relu"}
    for record in records:
        own = found.labels[record.arm]
        right = found.predicted[record.run_key] == own.labels
        assert right.dtype == bool
        assert np.array_equal(right, tables.examples[record.run_key])
        assert own.class_names == tuple("0123456789")
        assert own.pixels.shape == (len(own.indices), 1, 8, 8)
    bare = collect_study("tiny", store_uri, with_examples=False).predictions
    assert (bare.labels, bare.predicted) == ({}, {})


def _labels_file(home) -> Path:
    (path,) = home.glob("mlartifacts/**/labels-*.npz")
    return path


def test_a_store_without_labels_gives_a_report_without_numbers_by_class(
    train, tiny, store_uri, home
):
    train(tiny(seeds=1))
    _labels_file(home).unlink()
    tables = collect_study("tiny", store_uri)
    assert tables.predictions.labels == {}
    results = analyse(tables.runs, tables.plan, predictions=tables.predictions)
    assert results.per_class is None


def test_predictions_of_other_test_images_than_the_labels_are_left_out(
    train, tiny, store_uri, home
):
    train(tiny(seeds=1))
    path = _labels_file(home)
    with np.load(path, allow_pickle=False) as stored:
        arrays = {**stored, "labels_digest": np.str_("of other images")}
    np.savez_compressed(path, **arrays)
    tables = collect_study("tiny", store_uri)
    assert tables.predictions.predicted == {}
    results = analyse(tables.runs, tables.plan, predictions=tables.predictions)
    assert "predictions_unusable" in {note.code for note in results.warnings}


@pytest.mark.parametrize("content", [b"", b"PK no archive", b"no archive"])
def test_damaged_labels_are_named(train, tiny, store_uri, home, content):
    train(tiny(seeds=1))
    path = _labels_file(home)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=rf"{path.name} of run \w+ is damaged \(.*restore it"):
        collect_study("tiny", store_uri)


def test_a_study_without_a_finished_run_is_an_empty_table(train, tiny, store_uri):
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(parse_study(tiny()), RunOptions(store_uri, device="cpu", executor="inline"), stop)
    tables = collect_study("tiny", store_uri)
    assert tables.runs.empty
    assert tables.curves.empty
    assert analyse(tables.runs, tables.plan).to_dict()["final"] is False


def test_an_interrupted_run_is_a_row_that_says_so(train, tiny, store_uri, children_of):
    records = train(tiny(seeds=1))
    client = MlflowStore(store_uri).client
    (first, _) = children_of("tiny")
    interrupted = replace(records[0], state=RunState.INTERRUPTED, metrics={}, curves={})
    client.log_text(first.info.run_id, interrupted.to_json(), "record.json")
    states = collect_runs("tiny", store_uri)["state"]
    assert sorted(states) == ["FINISHED", "INTERRUPTED"]


def test_a_study_that_is_not_there_is_named_with_those_that_are(train, tiny, store_uri):
    train(tiny(seeds=1))
    message = r"no study 'tinny'; did you mean 'tiny'\? run it first \(stored: tiny\)"
    with pytest.raises(StudyNotFoundError, match=message):
        collect_runs("tinny", store_uri)


def test_a_store_that_is_down_is_one_error():
    with pytest.raises(StoreError, match=r"tracking store http://127\.0\.0\.1:9: "):
        collect_runs("tiny", "http://127.0.0.1:9")


def test_verdicts_shown_before_reach_the_plan(train, tiny, store_uri, home):
    train(tiny(seeds=3))
    tables = collect_study("tiny", store_uri)
    assert tables.plan.shown == {}
    assert tables.plan.deviations == ()
    tracker = Tracker(store_uri, home / ".ablations")
    tracker.store_report(tables.plan_json, {}, "", {"activation=relu - control": [0, 1, 2]})
    train(tiny(seeds=4))
    after = collect_study("tiny", store_uri)
    assert after.plan.shown == {"activation=relu - control": (0, 1, 2)}
    assert after.plan.deviations == (
        ("seeds_added", "seeds [3] were added after results were shown"),
    )


@pytest.mark.parametrize("name", ["plan.json", "record.json"])
def test_what_a_newer_version_stored_is_refused_and_never_misread(
    train, tiny, store_uri, home, name
):
    train(tiny(seeds=1))
    for path in home.glob(f"mlartifacts/**/{name}"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(StoreError, match=rf"^{name} of (run|study) .* at most 1, got 2: a newer"):
        collect_study("tiny", store_uri)


@pytest.mark.parametrize("name", ["plan.json", "record.json", "examples.npz"])
def test_a_damaged_file_is_named_with_its_run(train, tiny, store_uri, home, name):
    train(tiny(seeds=1))
    path = next(home.glob(f"mlartifacts/**/{name}"))
    path.write_bytes(path.read_bytes()[:40])
    run_id = path.parent.parent.name
    with pytest.raises(StoreError, match=rf"{name} of run {run_id} is damaged .*; restore it"):
        collect_study("tiny", store_uri)


def test_a_lost_file_is_an_error_that_names_it(train, tiny, store_uri, home):
    train(tiny(seeds=1))
    next(home.glob("mlartifacts/**/examples.npz")).unlink()
    with pytest.raises(StoreError, match=r"tracking store .*: cannot read file:.*examples\.npz: "):
        collect_study("tiny", store_uri)


def test_a_study_whose_driver_was_stopped_before_its_plan_was_stored_is_told(store_uri):
    MlflowStore(store_uri).parent("tiny")
    with pytest.raises(StoreError, match=r"study 'tiny' has no plan\.json: its driver was stopped"):
        collect_study("tiny", store_uri)
