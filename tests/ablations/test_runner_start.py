"""How a call of `run_study` starts: who is at work, and when the store is made."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ablations.errors import StoreError
from ablations.executors.crew import Crew
from ablations.options import RunOptions
from ablations.record import RunRecord
from ablations.runner import run_study, train_study
from ablations.study_file import parse_study
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import MlflowStore
from ablations.tracking.tracker import Tracker

Train = Callable[..., list[RunRecord]]


@pytest.fixture
def options(home) -> RunOptions:
    """Those of a folder in which nothing was run yet."""
    return RunOptions(
        tracking_uri=f"sqlite:///{home / 'new.db'}",
        work_dir=home / ".ablations",
        device="cpu",
        executor="inline",
        study_file=home / "study.yaml",
    )


@pytest.fixture
def train(options) -> Train:
    """Runs a study given as plain values, with some options changed."""

    def run(raw: dict[str, Any], observe: Any = lambda _: None, **changes: Any) -> list[RunRecord]:
        return run_study(parse_study(raw), replace(options, **changes), observe)

    return run


def test_a_new_store_is_made_once_training_has_begun_and_before_a_run_is_kept(
    tiny, train, monkeypatch
):
    order: list[str] = []
    for name in ("open_study", "add_run"):
        called = getattr(Tracker, name)

        def noted(self, *args, name=name, called=called):
            order.append(name)
            return called(self, *args)

        monkeypatch.setattr(Tracker, name, noted)
    train(tiny(), lambda event: order.append(type(event).__name__))
    assert order[:3] == ["Planned", "open_study", "Began"]
    assert order.count("open_study") == 1
    order.clear()
    train(tiny(seeds=3), lambda event: order.append(type(event).__name__))
    assert order[:3] == ["open_study", "Planned", "Began"]


def test_a_new_store_that_cannot_be_made_stops_the_workers_and_keeps_no_run(
    tiny, train, options, monkeypatch
):
    def refuse(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ablations.tracking.opening._make", refuse)
    with pytest.raises(StoreError, match="No space left"):
        train(tiny(), executor="local", workers=2)
    assert multiprocessing.active_children() == []
    assert not Outbox(options.work_dir).folder.exists()


def test_a_study_whose_runs_are_all_in_the_outbox_trains_nothing(
    tiny, train, options, home, monkeypatch, steps
):
    def refuse(self, entry):
        raise StoreError("down")

    with monkeypatch.context() as patched:
        patched.setattr(MlflowStore, "write", refuse)
        with pytest.raises(StoreError):
            train(tiny())
    (home / "new.db").unlink()
    n_steps = len(steps)
    assert train(tiny()) == []
    assert len(steps) == n_steps


def test_processes_that_were_started_early_are_used(tiny, options):
    with Crew() as crew:
        crew.start(1)
        (early,) = multiprocessing.active_children()
        here: set[int] = set()

        def observe(event):
            here.update(process.pid for process in multiprocessing.active_children())

        records: list[RunRecord] = []
        one_worker = replace(options, executor="local", workers=1)
        train_study(parse_study(tiny()), one_worker, observe, crew, keep=records.append)
    assert len(records) == 4
    assert here == {early.pid}


def test_nothing_to_train_starts_no_worker(tiny, train, options, monkeypatch):
    train(tiny())
    monkeypatch.setattr("ablations.executors.crew._started", None)
    assert train(tiny(), executor="local") == []
