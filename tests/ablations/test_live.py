"""The file that a driver leaves for other terminals."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from ablations import live as module
from ablations.executors.base import Began, Ended, EpochEnded
from ablations.live import LiveFile, read_snapshot

URI = "sqlite:///mlflow.db"


@pytest.fixture
def live(tmp_path) -> LiveFile:
    return LiveFile(tmp_path, "example", URI)


def test_the_file_follows_what_happens(live, told, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EPOCH_SECONDS", 0.0)
    assert read_snapshot(tmp_path) is None
    n_ended = 0
    for event in told:
        live.observe(event)
        now = read_snapshot(tmp_path)
        assert (now.study, now.tracking_uri, now.n_jobs) == ("example", URI, 4)
        n_ended += isinstance(event, Ended)
        assert now.n_ended == n_ended
        if isinstance(event, Began | EpochEnded):
            (one,) = now.at_work
            run = event.job.run
            assert (one.run_key, one.arm, one.seed) == (run.run_key, run.arm, run.seed)
            assert (one.epoch, one.n_epochs) == (int(isinstance(event, EpochEnded)), 1)
        else:
            assert now.at_work == ()
    assert now.seconds_left == 0
    assert now.images_per_second > 0
    assert [path.name for path in tmp_path.iterdir()] == ["live.json"]
    live.remove()
    assert read_snapshot(tmp_path) is None
    live.remove()


def test_a_probe_of_a_trained_run_has_no_epochs(live, told, tmp_path):
    began = next(event for event in told if isinstance(event, Began))
    live.observe(replace(began, job=replace(began.job, weights=b"weights")))
    (one,) = read_snapshot(tmp_path).at_work
    assert one.n_epochs == 0


def test_epochs_that_follow_fast_are_written_together(live, told, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EPOCH_SECONDS", 60.0)
    began = next(event for event in told if isinstance(event, Began))
    ended = next(event for event in told if isinstance(event, EpochEnded))
    for event in (told[0], began, ended):
        live.observe(event)
    assert read_snapshot(tmp_path).at_work[0].epoch == 0


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"at_work": [{}]}', '{"at_work": [], "x": 1}']
)
def test_a_file_that_says_nothing_is_no_snapshot(tmp_path, content):
    (tmp_path / "live.json").write_text(content)
    assert read_snapshot(tmp_path) is None


def test_a_folder_that_cannot_be_written_takes_the_view_and_not_the_study(
    live, told, tmp_path, caplog
):
    (tmp_path / "live.part").mkdir()
    with caplog.at_level(logging.WARNING):
        live.observe(told[0])
    assert "live.json cannot be written" in caplog.text
    assert read_snapshot(tmp_path) is None
