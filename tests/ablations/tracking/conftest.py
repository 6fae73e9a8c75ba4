"""One really trained run, and the outbox entry it makes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ablations.outcomes import Job, Outcome
from ablations.plan import RunSpec
from ablations.tracking.outbox import Entry
from ablations.tracking.tracker import Tracker

STORE = "sqlite:////nowhere/mlflow.db"


@pytest.fixture(scope="session")
def outcome(run: Callable[..., RunSpec], perform: Callable[..., Outcome]) -> Outcome:
    """A run of two epochs with the shift probe, as a worker hands it back."""
    return perform(Job(run(recipe={"epochs": 2, "batch_size": 32}), ("shift",)))


@pytest.fixture(scope="session")
def entry(outcome: Outcome) -> Callable[..., Entry]:
    """Makes the outbox entry of that run, with some fields changed."""
    record = outcome.record

    def make(**changes: Any) -> Entry:
        usual = {
            "tracking_uri": STORE,
            "study": "example",
            "run_key": record.run_key,
            "env_key": record.env_key,
            "attempt": 1,
            "record": record,
            "measurements": outcome.measurements,
            "files": dict(outcome.files),
        }
        return Entry(**{**usual, **changes})

    return make


@pytest.fixture
def tracker(store_uri, home) -> Tracker:
    return Tracker(store_uri, home / ".ablations")


@pytest.fixture
def break_store(store_uri):
    """Makes every call to the store fail inside, until the block is left."""

    @contextmanager
    def broken() -> Iterator[None]:
        path = store_uri.removeprefix("sqlite:///")
        _execute(path, "ALTER TABLE runs RENAME TO runs_away")
        yield
        _execute(path, "ALTER TABLE runs_away RENAME TO runs")

    return broken


def _execute(path: str, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
