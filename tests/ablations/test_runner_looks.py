"""What one call trains of a study with looks, and what later calls do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from ablations.preparation import RunOptions
from ablations.progress import Continued, Planned
from ablations.record import RunState
from ablations.runner import run_study
from ablations.study_file import parse_study
from lenet_variants.registry import load_plugin

RELU, AVG = "activation=relu", "pooling=avg"
LOOKED_AT = {
    "factors": {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]},
    "recipe": {"epochs": 4, "batch_size": 32, "learning_rate": 0.01},
    "seeds": {"looks": [3, 5]},
}


@pytest.fixture
def train(home, store_uri):
    """Runs a study given as plain values, with some options changed; how many runs each arm had."""
    options = RunOptions(store_uri, home / ".ablations", device="cpu", executor="inline")

    def run(raw, observe=lambda _: None, **changes):
        records = run_study(parse_study(raw), replace(options, **changes), observe)
        assert len({record.run_key for record in records}) == len(records)
        return Counter(record.arm for record in records)

    return run


def test_rounds_are_told_one_by_one(tiny, train):
    told = []
    assert train(tiny(**LOOKED_AT), told.append) == {"control": 5, RELU: 5, AVG: 3}
    planned, continued = (e for e in told if isinstance(e, Planned | Continued))
    assert Counter(planned.states.values()) == {"new": 15}
    assert len(planned.jobs) == 9
    assert (continued.left, continued.up_to, len(continued.jobs)) == ((AVG,), 5, 4)
    again = []
    assert train(tiny(**LOOKED_AT), again.append) == {}
    (planned,) = again
    assert Counter(planned.states.values()) == {"done": 13, "spared": 2}


def test_some_seeds_or_arms_alone_go_no_further_than_they_are_asked(tiny, train):
    study = tiny(**LOOKED_AT)
    assert train(study, seeds=(0, 1)) == {"control": 2, RELU: 2, AVG: 2}
    assert train(study, only=(RELU,)) == {RELU: 1}
    assert train(study, only=("control",)) == {"control": 3}  # its third seed, then for ReLU
    assert train(study) == {RELU: 2, AVG: 1}


def test_fresh_begins_anew(tiny, train):
    study = tiny(**LOOKED_AT)
    whole = train(study)
    told = []
    assert train(study, told.append, fresh=True) == whole
    assert len(next(e for e in told if isinstance(e, Planned)).jobs) == 9
    assert train(study) == {}


def test_a_failed_run_is_no_pair_and_when_it_is_trained_again_counts_anew(tiny, train, fragile):
    load_plugin(fragile)
    study = tiny(**{**LOOKED_AT, "factors": {}, "arms": ["fragile"], "plugins": ["fragile.py"]})
    fragile.with_name("broken").touch()
    assert train(study) == {"control": 5, "fragile": 5}
    fragile.with_name("broken").unlink()
    assert train(study) == {}
    told = []
    again = train(study, told.append, retry_failed=True)
    assert again["fragile"] >= 3
    assert again["control"] == 0
    assert train(study, retry_failed=True) == {}


def test_stacks_are_as_large_as_the_first_look_fills(tiny, home, store_uri):
    options = RunOptions(store_uri, home / ".ablations", device="cpu", executor="inline", stack=32)
    records = run_study(parse_study(tiny(**LOOKED_AT)), options)
    assert {record.state for record in records} == {RunState.FINISHED}
    assert {record.stack_size for record in records} == {3}
