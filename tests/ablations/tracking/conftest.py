"""One really trained run, and the outbox entry it makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ablations.outcomes import Job, Outcome
from ablations.plan import RunSpec
from ablations.probe_cards import ProbeSpec
from ablations.tracking.outbox import Entry

STORE = "sqlite:////nowhere/mlflow.db"


@pytest.fixture(scope="session")
def outcome(run: Callable[..., RunSpec], perform: Callable[..., Outcome]) -> Outcome:
    """A run of two epochs with the shift probe, as a worker hands it back."""
    return perform(Job(run(recipe={"epochs": 2, "batch_size": 32}), (ProbeSpec("shift"),)))


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
