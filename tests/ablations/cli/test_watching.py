"""`status`, beside a study that is done, one that is running, and one that is not there."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import replace

import pytest
from rich.console import Console

from ablations.cli import watching
from ablations.executors.base import Began
from ablations.live import LiveFile
from ablations.preparation import RunOptions
from ablations.tracking.locks import folder_lock, store_lock

INLINE = ("--executor", "inline", "--device", "cpu")


@pytest.fixture
def trained(call, tiny_file, store_uri):
    """The tiny study, trained; its file."""
    study = tiny_file()
    assert call("run", study, *INLINE, "--no-report").exit_code == 0
    return study


def test_a_study_is_shown_by_its_file_and_by_its_name(call, trained):
    by_file, by_name = call("status", trained), call("status", "tiny", "--device", "cpu")
    assert by_file.output == by_name.output
    assert by_name.output.splitlines()[0] == "no driver is at work here"
    assert [line.split() for line in by_name.output.splitlines()[2:]] == [
        ["control", "2", "done"],
        ["activation=relu", "2", "done"],
    ]


def test_the_file_is_shown_as_it_is_now_and_the_name_as_it_was_run(call, trained):
    assert "1 new, 2 done" not in call("status", "tiny").output
    assert call("status", trained, "--set", "seeds=3").output.count("2 done, 1 new") == 2


def test_what_the_driver_is_at_is_shown_while_it_lives(told, home, call, trained):
    live = LiveFile(home / ".ablations", "tiny", "sqlite:///x")
    began = [event for event in told if isinstance(event, Began)]
    for event in (told[0], began[0]):
        live.observe(event)
    assert "no driver is at work here" in call("status", "tiny").output
    with folder_lock(home / ".ablations", "a test"):
        output = call("status", "tiny").output
    run = began[0].job.run
    assert output.startswith("running: 0 of 4 runs ended\n")
    assert f"  worker 0: {run.arm} s{run.seed}  epoch 0 of 1 done, " in output


def test_a_run_that_is_trained_again_is_shown_as_at_work(told, home, trained):
    options = RunOptions(work_dir=home / ".ablations", device="cpu")
    view = watching.view_of_name("tiny", options)
    (key, *_), *_ = view.arms.values()
    live = LiveFile(options.work_dir, "tiny", "sqlite:///x")
    live.observe(told[0])
    began = next(event for event in told if isinstance(event, Began))
    run = replace(began.job.run, run_key=key)
    live.observe(replace(began, job=replace(began.job, run=run)))
    with folder_lock(options.work_dir, "a test"):
        assert "1 done, 1 training now" in _text(view.shown())


def test_a_dead_drivers_file_is_not_believed_while_another_drives_the_store(
    told, home, trained, store_uri
):
    options = RunOptions(work_dir=home / ".ablations", device="cpu")
    LiveFile(options.work_dir, "tiny", store_uri).observe(told[0])
    view = watching.view_of_name("tiny", options)
    with store_lock(store_uri, "a test"):
        text = _text(view.shown())
    assert "no driver is at work here, and one on this store from another folder" in text
    assert "running" not in text


def test_watching_ends_with_the_driver(told, home, trained, monkeypatch):
    options = RunOptions(work_dir=home / ".ablations", device="cpu")
    view = watching.view_of_name("tiny", options)
    console = Console(file=io.StringIO(), width=100)
    LiveFile(options.work_dir, "tiny", "sqlite:///x").observe(told[0])
    naps = []
    with ExitStack() as held:
        held.enter_context(folder_lock(options.work_dir, "a test"))

        def nap(seconds):
            naps.append(seconds)
            held.close()

        monkeypatch.setattr(watching.time, "sleep", nap)
        watching.watch(view, console)
    assert naps == [watching.WATCH_SECONDS]
    assert "no driver is at work here" in console.file.getvalue()


def test_watching_can_be_left(told, home, trained, monkeypatch):
    options = RunOptions(work_dir=home / ".ablations", device="cpu")
    LiveFile(options.work_dir, "other[study]", "sqlite:///x").observe(told[0])
    console = Console(file=io.StringIO(), width=100)

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", interrupt)
    with folder_lock(options.work_dir, "a test"):
        watching.watch(watching.view_of_name("tiny", options), console)
    assert "running (study 'other[study]'): 0 of 4 runs ended" in console.file.getvalue()
    assert "stopped watching; the study goes on" in console.file.getvalue()


def test_names_that_are_no_study_are_told(call, store_uri, home, trained):
    result = call("status", "tinny")
    assert result.exit_code == 2
    assert "no study 'tinny'; did you mean 'tiny'? run it first (stored: tiny)" in result.output
    assert "needs a study file" in call("status", "tiny", "--set", "seeds=3").output
    nowhere = call("status", "tiny", "--tracking-uri", "sqlite:///nowhere.db")
    assert nowhere.exit_code == 2
    assert "is not there yet" in nowhere.output
    assert not (home / "nowhere.db").exists()


def _text(renderable) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(renderable)
    return console.file.getvalue()
