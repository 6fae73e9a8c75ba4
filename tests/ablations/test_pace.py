"""Paces kept between studies: what is read is what was kept, and a bad file is no file."""

from __future__ import annotations

import json

import pytest

from ablations import pace
from ablations.record import Environment, RunRecord, RunState

HERE = Environment("2.9", "cpu", "Some CPU", "float32", 1)


def record(n_macs=1000, images_per_second=50.0, **changes):
    plain = {
        "run_key": "ab",
        "state": RunState.FINISHED,
        "arm": "control",
        "comparison": "shared",
        "seed": 0,
        "spec": {"n_macs": n_macs},
        "environment": HERE,
        "started_ms": 1,
        "finished_ms": 2,
        "metrics": {"cost/images_per_second": images_per_second},
    }
    return RunRecord(**{**plain, **changes})


def test_nothing_is_kept_at_first(cache):
    assert pace.read() == {}
    pace.keep({})
    assert not cache.exists()


def test_the_folder_is_the_environments_or_the_users(cache, monkeypatch):
    assert pace.cache_file() == cache / "paces.json"
    monkeypatch.setattr(pace, "user_cache_dir", lambda name: f"/users/cache/{name}")
    monkeypatch.delenv("ABLATIONS_CACHE")
    assert str(pace.cache_file()) == "/users/cache/lenet-ablations/paces.json"


def test_what_was_kept_is_read_and_the_newest_of_a_size_counts(cache):
    pace.keep({"here": {10: 1.5, 20: 3.0}, "there": {10: 9.0}})
    pace.keep({"here": {20: 4.0}})
    assert pace.read() == {"here": {10: 1.5, 20: 4.0}, "there": {10: 9.0}}
    assert [path.name for path in cache.iterdir()] == ["paces.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"[1, 2]",
        b'"text"',
        b"null",
        b'{"here": 3}',
        b'{"here": {"large": 1.0}}',
        b'{"here": {"10": "fast"}}',
        b'{"here": {"10": null}}',
        b'{"here": {"10": -1.0}}',
        b'{"here": {"10": NaN}}',
        b'{"here": {"10": 0}}',
    ],
)
def test_a_damaged_or_foreign_file_is_ignored_and_written_anew(cache, content):
    cache.mkdir(parents=True)
    (cache / "paces.json").write_bytes(content)
    assert pace.read() == {}
    pace.keep({"here": {10: 2.0}})
    assert pace.read() == {"here": {10: 2.0}}


def test_a_folder_that_cannot_be_written_costs_the_pace_alone(cache):
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text("a file where the folder should be")
    pace.keep({"here": {10: 2.0}})
    assert pace.read() == {}
    assert cache.read_text() == "a file where the folder should be"


def test_a_write_that_fails_half_way_leaves_what_was_kept(cache, monkeypatch):
    pace.keep({"here": {10: 2.0}})
    before = (cache / "paces.json").read_text()

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    pace.keep({"here": {10: 9.0}})
    assert {path.name: path.read_text() for path in cache.iterdir()} == {"paces.json": before}


def test_finished_runs_have_a_pace_by_environment_and_size():
    records = [record(), record(images_per_second=60.0), record(n_macs=7)]
    assert pace.of_records(records) == {HERE.env_key: {1000: 60_000.0, 7: 350.0}}


@pytest.mark.parametrize(
    "changes",
    [{"state": RunState.DIVERGED}, {"state": RunState.FAILED}, {"metrics": {}}, {"n_macs": 0}],
)
def test_runs_that_did_not_finish_or_were_not_timed_have_none(changes):
    assert pace.of_records([record(**changes)]) == {}


def test_the_file_is_plain_json(cache):
    pace.keep({"here": {10: 1.5}})
    assert json.loads((cache / "paces.json").read_text()) == {"here": {"10": 1.5}}
