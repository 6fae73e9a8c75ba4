"""Records in little memory are the records they were."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch

from ablations.alike import Alike
from ablations.outcomes import Job, environment_of, failed
from ablations.record import RunState


@pytest.fixture
def records(plan):
    """Of four runs, each as it comes through a pipe."""
    made = []
    for run in plan().runs:
        environment = environment_of(run, torch.device("cpu"))
        record = failed(Job(run), RunState.FAILED, environment, 0, message="no").record
        made.append(replace(record, metrics={"train/loss": 0.5}, curves={"train/loss": [0.5]}))
    return [pickle.loads(pickle.dumps(record)) for record in made]  # noqa: S301


def test_a_slim_record_is_equal_to_the_whole(records):
    alike = Alike()
    slim = [alike.slim(record) for record in records]
    assert slim == records
    assert [one.to_json() for one in slim] == [one.to_json() for one in records]


def test_what_is_equal_is_held_once(records):
    alike = Alike()
    slim = [alike.slim(record) for record in records]
    assert len({id(one.environment) for one in slim}) == 1
    assert len({id(one.spec["recipe"]) for one in slim}) == 1
    assert len({id(one.spec["levels"]) for one in slim}) == 2  # of two arms
    assert len({id(one.spec) for one in slim}) == len(slim)


def test_numbers_of_another_type_stay_apart(records):
    first = replace(records[0], spec={"inner": {"n": 1}})
    second = replace(records[1], spec={"inner": {"n": 1.0}})
    alike = Alike()
    assert [repr(alike.slim(one).spec) for one in (first, second)] == [
        "{'inner': {'n': 1}}",
        "{'inner': {'n': 1.0}}",
    ]
