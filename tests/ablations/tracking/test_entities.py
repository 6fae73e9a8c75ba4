from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from ablations.record import StoredRun
from ablations.tracking.entities import run_metrics, run_params, run_tags, stored_run


def as_stored(record):
    """The run as MLflow hands it back."""
    tags = run_tags(record) | {"study": "example", "state": record.state.value}
    params = {one.key: one.value for one in run_params(record)}
    metrics = {one.key: one.value for one in run_metrics(record) if one.step == 0}
    data = SimpleNamespace(tags=tags, params=params, metrics=metrics)
    return SimpleNamespace(info=SimpleNamespace(run_id="0123"), data=data)


def test_what_is_written_of_a_run_is_read_back(outcome):
    record = outcome.record
    assert stored_run(as_stored(record)) == StoredRun(
        run_id="0123",
        study="example",
        run_key=record.run_key,
        env_key=record.env_key,
        attempt=1,
        state=record.state,
        probe_keys={one.probe: one.probe_key for one in record.measurements},
        train_seconds=record.metrics["cost/train_seconds"],
        images_per_second=record.metrics["cost/images_per_second"],
        n_macs=record.spec["n_macs"],
        arm=record.arm,
        seed=record.seed,
    )


def test_a_trial_says_which_search_it_is_part_of(outcome):
    spec = {**outcome.record.spec, "trial": 3, "search": "example: control [0123]"}
    trial = replace(outcome.record, spec=spec, seed=1_000_003)
    tags = run_tags(trial)
    assert tags["kind"] == "tuning"
    assert (tags["search"], tags["trial"]) == ("example: control [0123]", "3")
    assert (tags["seed"], tags["split_seed"]) == ("1000003", "1000000")
    assert stored_run(as_stored(trial)).search == "example: control [0123]"


def test_a_run_of_the_report_is_part_of_no_search(outcome):
    tags = run_tags(outcome.record)
    assert tags["kind"] == "run"
    assert not {"search", "trial", "split_seed"} & set(tags)
