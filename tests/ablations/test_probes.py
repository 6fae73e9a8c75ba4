"""Probes: numbers known by hand, keys, and the sample they are measured on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from ablations import probes
from ablations.data import Dataset, sampling
from ablations.data.dataset import Part, assemble
from ablations.evaluation import evaluate_test
from ablations.programs import initial_model
from ablations.run_data import place
from ablations.spec import SHIFT_METRICS

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def data(run, digits):
    return place(digits, run(dataset="digits"), CPU)


@pytest.fixture(scope="session")
def model(run):
    return initial_model(run(recipe={"init": "kaiming"}), CPU)


class Constant(nn.Module):
    """Says 3 of every image."""

    def forward(self, inputs):
        return nn.functional.one_hot(torch.full((len(inputs),), 3), 10).float()


class LitRow(nn.Module):
    """Says in which of the ten rows the light is; 9 in the dark."""

    def forward(self, inputs):
        rows = inputs.amax(dim=(1, 3))  # (N, 10)
        return torch.where(rows.amax(dim=1, keepdim=True) > 0, rows, torch.eye(10)[9])


def lit_rows() -> Dataset:
    """Ten images of 10x10, each with one lit row, which is its class."""
    pixels = torch.eye(10, dtype=torch.uint8)[:, :, None].expand(-1, -1, 10).numpy() * 255
    part = Part(pixels, torch.arange(10).numpy())
    return assemble("rows", part, part, source="made")


def test_shift_of_nothing_is_plain_accuracy(model, data, run):
    found = probes.shift(model, data)
    plain = evaluate_test(model, run(), data)
    assert len(data.test_labels) < sampling.SAMPLE_SIZE  # so the sample is all of them
    assert found["accuracy_0"] == plain.accuracy


def test_shift_by_hand(run):
    data = place(lit_rows(), run(dataset="digits"), CPU)
    found = probes.shift(LitRow(), data)
    # Sideways, every row stays lit. Up, every row becomes another. Down, only the last is still
    # called 9, since it leaves the image and the dark is called 9.
    assert found["accuracy_0"] == 1
    assert found["accuracy_1"] == found["consistency_1"] == pytest.approx((1 + 1 + 0.1 + 0) / 4)
    assert found["accuracy_2"] == found["consistency_2"] == pytest.approx((1 + 1 + 0.1 + 0) / 4)


def test_constant_classifier_is_consistent_and_right_by_chance(data):
    found = probes.shift(Constant(), data)
    share = (data.test_labels == 3).double().mean().item()
    assert {found["consistency_1"], found["consistency_2"]} == {1.0}
    assert {found[f"accuracy_{pixels}"] for pixels in (0, 1, 2)} == {share}


def test_shift_gives_the_metrics_that_a_study_may_name(model, data):
    assert set(probes.shift(model, data)) == set(SHIFT_METRICS)


class Watching(nn.Module):
    """Keeps what it is shown."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, inputs):
        self.seen.append(inputs.clone())
        return torch.zeros(len(inputs), 10)


def sample_of(data):
    watching = Watching()
    probes.shift(watching, data)
    return watching.seen[0]


def test_sample_is_stratified_and_the_same_for_every_run(run, digits, data, monkeypatch):
    monkeypatch.setattr(sampling, "SAMPLE_SIZE", 100)
    first = sample_of(data)
    again = sample_of(place(digits, run(7, dataset="digits", root_seed=3), CPU))
    assert torch.equal(first, again)
    assert len(first) == 100
    pixels = (first * 255).round().to(torch.uint8)
    drawn = [int((data.test_images == image).flatten(1).all(1).nonzero()[0]) for image in pixels]
    assert len(set(drawn)) == 100
    counts = torch.bincount(data.test_labels[drawn], minlength=10)
    shares = torch.bincount(data.test_labels, minlength=10) * 100 / len(data.test_labels)
    assert (counts - shares).abs().max() < 1


def test_measure_names_its_numbers_and_keeps_the_mode(model, data):
    for was_training in (True, False):
        model.train(was_training)
        found = probes.measure("shift", "ab", model, data)
        assert model.training is was_training
    assert found.probe == "shift"
    assert found.probe_key == probes.probe_key("ab", "shift")
    assert found.metrics == {f"probe/shift/{k}": v for k, v in probes.shift(model, data).items()}


class OnlyEvaluating(nn.Module):
    """Refuses to work in training mode."""

    def forward(self, inputs):
        assert not self.training
        return torch.zeros(len(inputs), 10)


def test_measure_is_in_eval_mode(data):
    probes.measure("shift", "ab", OnlyEvaluating().train(), data)


def test_measuring_twice_gives_the_same_numbers(model, data):
    first, again = (probes.measure("shift", "ab", model, data) for _ in range(2))
    assert (again.probe_key, again.metrics) == (first.probe_key, first.metrics)


def test_probe_key_moves_with_run_revision_and_parameters(monkeypatch):
    usual = probes.PROBES["shift"]
    keys = [probes.probe_key("ab", "shift"), probes.probe_key("cd", "shift")]
    for other in (
        replace(usual, revision=usual.revision + 1),
        replace(usual, parameters={**usual.parameters, "n_images": 5}),
    ):
        monkeypatch.setattr(probes, "PROBES", {"shift": other})
        keys.append(probes.probe_key("ab", "shift"))
    assert len(set(keys)) == 4
    monkeypatch.setattr(probes, "PROBES", {"shift": usual})
    assert probes.probe_key("ab", "shift") == keys[0]


def test_parameters_in_the_key_are_those_that_are_used():
    assert probes.PROBES["shift"].parameters == {
        "pixels": list(probes.SHIFTS),
        "directions": len(probes.DIRECTIONS),
        "n_images": sampling.SAMPLE_SIZE,
    }
