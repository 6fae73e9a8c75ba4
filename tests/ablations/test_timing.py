"""Real steps timed: how many, of what, and what is not kept of them."""

from __future__ import annotations

import pytest

from ablations import data, timing, training
from ablations.jobs import Worker, data_key
from lenet_variants.registry import load_plugin

RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


@pytest.fixture
def first_runs(plan):
    """The first run of each arm of the small study with some keys changed."""

    def find(**changes):
        return list({run.arm: run for run in plan(**changes).runs}.values())

    return find


@pytest.fixture
def measure(digits):
    def timed(runs, n_workers=1, seconds=0.05):
        keys = {data_key(run.dataset): run.dataset for run in runs}
        datasets = {key: data.prepare(digits, spec) for key, spec in keys.items()}
        return timing.measure(runs, Worker(datasets, "cpu"), n_workers, seconds)

    return timed


@pytest.fixture
def batches(monkeypatch):
    """The size of every batch that is stepped on."""
    seen = []
    step = training.train_step

    def spy(program, inputs, labels):
        seen.append(len(labels))
        return step(program, inputs, labels)

    monkeypatch.setattr(training, "train_step", spy)
    return seen


def test_every_arm_has_the_pace_of_its_own_steps(first_runs, measure, batches):
    found = measure(first_runs())
    assert set(found) == {"control", "activation=relu"}
    for one in found.values():
        assert one.step_seconds > 0
        # 100 images in four batches, the last of them short
        assert 4 <= one.images_per_second * one.step_seconds <= 32
    assert set(batches) <= {32, 4}


def test_the_time_is_bounded_by_the_seconds_and_not_by_the_recipe(first_runs, measure, batches):
    (run, *_) = first_runs(recipe={"epochs": 10_000, "batch_size": 32}, factors={}, design="arms")
    measure([run], seconds=1e-9)
    assert batches == [32, 32, 32, 32]  # the warm-up, and the one step that is always timed


def test_a_recipe_is_timed_as_it_is(first_runs, measure, batches):
    recipe = {"epochs": 1, "batch_size": 64, "augmentation": "shift", "optimizer": "sgd"}
    measure(first_runs(recipe=recipe, factors={}, design="arms"), seconds=1e-9)
    assert set(batches) == {64}


def test_what_takes_the_same_steps_is_timed_once(first_runs, measure, batches):
    factors = {"dataset.permutation": ["fixed"], "recipe.learning_rate": [0.5]}
    found = measure(first_runs(factors=factors), seconds=1e-9)
    assert found["control"] is found["dataset.permutation=fixed"]
    assert found["control"] is not found["recipe.learning_rate=0.5"]
    assert len(batches) == 2 * 4


def test_nothing_is_evaluated(first_runs, measure, monkeypatch):
    def refuse(*_):
        raise AssertionError("an image outside the batches was read")

    monkeypatch.setattr(training, "evaluate", refuse)
    dataset = {"name": "digits", "subset": 100, "validation": 20}
    runs = first_runs(dataset=dataset, curves="test", factors={}, design="arms")
    assert measure(runs)["control"] is not None


def test_an_arm_that_diverges_at_once_has_no_pace(first_runs, measure):
    recipe = {"learning_rate": 1e30, "epochs": 3, "batch_size": 32}
    runs = first_runs(control=RELU, recipe=recipe, factors={}, design="arms")
    assert measure(runs, seconds=10) == {"control": None}


def test_a_network_that_fails_has_no_pace_and_stops_no_other(first_runs, measure, fragile):
    load_plugin(fragile)
    fragile.with_name("broken").touch()
    found = measure(first_runs(arms=["fragile"]))
    assert found.pop("fragile") is None
    assert None not in found.values()


def test_workers_are_timed_side_by_side(first_runs, measure, batches):
    found = measure(first_runs(), n_workers=2)
    assert batches == []  # in other processes
    assert all(one.images_per_second > 0 for one in found.values())


def test_nothing_to_time_is_nothing(measure):
    assert measure([], n_workers=2) == {}
