"""The data of one run: split by its seed, normalised by its study, copied nowhere."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from ablations import seeds
from ablations.data import split
from ablations.errors import SealedTestError
from ablations.run_data import place


def test_split_is_the_seeds_and_disjoint(run, placed, digits):
    one = run(3, dataset={"name": "digits", "validation": 100})
    data = placed(one)
    expected = split(digits.train_labels, 100, seeds.generator(0, 3, "split"))
    assert torch.equal(data.train, expected[0])
    assert torch.equal(data.validation, expected[1])
    assert not set(data.train.tolist()) & set(data.validation.tolist())


def test_placing_on_the_cpu_copies_no_image(run, placed, digits):
    data = placed(run(dataset="digits"))
    assert data.images.data_ptr() == digits.train_images.data_ptr()
    assert data.test_images.data_ptr() == digits.test_images.data_ptr()


def test_inputs_are_normalised_as_the_study_says(run, placed):
    data = placed(run(dataset={"name": "digits", "normalise": "lecun1998"}))
    pixels = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
    assert data.inputs(pixels).flatten().tolist() == pytest.approx([-0.1, 1.175])
    assert data.inputs(pixels).dtype == torch.float32


def test_place_gives_shapes_for_channels(run, placed):
    data = placed(run(dataset={"name": "digits", "normalise": "standard"}))
    assert data.scale.shape == data.shift.shape == (1, 1, 1)
    inputs = data.inputs(data.images)
    assert inputs.mean().item() == pytest.approx(0, abs=1e-4)
    assert np.isclose(inputs.std(correction=0).item(), 1, atol=1e-4)


def test_data_of_two_seeds_are_the_same_images_split_in_two_ways(run, placed):
    dataset = {"name": "digits", "validation": 100}
    one, other = placed(run(0, dataset=dataset)), placed(run(1, dataset=dataset))
    assert one.images.data_ptr() == other.images.data_ptr()
    assert len(one.train) == len(other.train) == 1338
    assert not torch.equal(one.validation, other.validation)


def test_every_tensor_of_a_run_is_on_its_device(run, digits):
    dataset = {"name": "digits", "validation": 100}
    data = place(digits, run(dataset=dataset), torch.device("meta"))
    held = [getattr(data, field.name) for field in fields(data) if field.name != "test"]
    assert {tensor.device.type for tensor in (*held, *data.test)} == {"meta"}


@pytest.fixture
def trial(run):
    """A trial: its seed is its own, its split that of all trials."""

    def make(number):
        planned = run(seed=1_000_000 + number, dataset={"name": "digits", "validation": 100})
        return replace(planned, trial=number)

    return make


def test_the_test_images_are_closed_to_a_trial(trial, placed):
    data = placed(trial(3))
    for name in ("test_images", "test_labels"):
        with pytest.raises(SealedTestError, match="a trial asked for the test images"):
            getattr(data, name)


def test_trials_share_one_split_and_runs_of_the_report_do_not(trial, run, placed):
    one, other = placed(trial(0)), placed(trial(5))
    assert torch.equal(one.validation, other.validation)
    reported = placed(run(seed=1_000_005, dataset={"name": "digits", "validation": 100}))
    assert not torch.equal(reported.validation, other.validation)
