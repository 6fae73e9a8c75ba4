"""When workers are started before data, plan and store are looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ablations import hiring
from ablations.executors.crew import Crew
from ablations.hiring import hire
from ablations.options import RunOptions


@pytest.fixture
def n_hired(home, study, monkeypatch):
    """How many workers are started for the small study of two arms and two seeds."""
    started = []
    monkeypatch.setattr(Crew, "start", lambda _, n: started.append(n))
    monkeypatch.setattr(hiring, "_GPU_FILES", ())
    options = RunOptions(
        f"sqlite:///{home / 'mlflow.db'}", work_dir=home / ".ablations", device="cpu", workers=8
    )

    def call(changes=None, **chosen):
        started.clear()
        hire(study(**(changes or {})), replace(options, **chosen))
        return sum(started)

    return call


def test_a_new_store_means_work_for_as_many_as_there_are_runs(n_hired):
    assert n_hired() == 4
    assert n_hired(workers=3) == 3
    assert n_hired({"seeds": 1}) == 2
    assert n_hired({"arms": ["mlp"]}) == 6
    assert n_hired(only=("control",)) == 2
    assert n_hired(only=("control",), seeds=(1,)) == 1


def test_where_something_may_be_stored_nobody_is_hired_yet(n_hired, home):
    assert n_hired(tracking_uri="http://127.0.0.1:1") == 0
    (home / "mlflow.db").touch()
    assert n_hired() == 0


def test_what_waits_for_the_store_may_be_all_there_is_to_do(n_hired, monkeypatch):
    monkeypatch.setattr(hiring.Outbox, "entries", lambda *_: iter([("path", "entry")]))
    assert n_hired() == 0


@pytest.mark.parametrize(
    ("chosen", "is_local"),
    [
        ({"executor": "inline"}, False),
        ({"executor": "local", "device": "cuda"}, True),
        ({"device": "cuda"}, False),
        ({"device": "auto"}, True),
    ],
)
def test_only_runs_on_cpu_processes_need_them(n_hired, chosen, is_local, monkeypatch):
    monkeypatch.setattr(hiring.sys, "platform", "linux")
    assert bool(n_hired(**chosen)) is is_local


def test_a_machine_that_may_have_a_gpu_trains_where_torch_says(n_hired, monkeypatch):
    monkeypatch.setattr(hiring, "_GPU_FILES", (str(Path(__file__)),))
    assert n_hired(device="auto") == 0
    assert n_hired(device="cpu") == 4
