"""Latency: what is timed, how often, and what is left as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from ablations import latency as module
from ablations.latency import BATCHES, N_PASSES, WARM_UP, latency
from ablations.programs import initial_model

NAMES = {"cost/latency_1_seconds", "cost/latency_256_seconds"}


class Watched(nn.Module):
    """Keeps the size and the images of every pass; refuses to work in training mode."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, inputs):
        assert not self.training
        self.seen.append(inputs)
        return inputs.flatten(1)


@pytest.fixture
def clock(monkeypatch):
    """Sets how long a pass takes, in turn, by the clock that the passes are timed with."""

    def tells(*seconds):
        ticks = [0.0]
        for one in seconds:
            ticks += [ticks[-1], ticks[-1] + one]  # read before a pass and after it
        left = iter(ticks)
        monkeypatch.setattr(module.time, "perf_counter", lambda: next(left, ticks[-1]))

    return tells


def test_both_batches_are_timed_on_a_real_network(run, placed):
    one = run()
    found = latency(initial_model(one, torch.device("cpu")), placed(one))
    assert set(found) == NAMES
    assert all(seconds > 0 for seconds in found.values())


@pytest.mark.parametrize("was_training", [True, False])
def test_the_mode_is_restored(run, placed, was_training):
    model = Watched().train(was_training)
    latency(model, placed(run()))
    assert model.training is was_training


def test_a_pass_sees_training_images_as_a_network_is_given_them(run, placed):
    model, data = Watched(), placed(run())
    latency(model, data)
    assert {len(inputs) for inputs in model.seen} == set(BATCHES) == {1, 256}
    assert torch.equal(model.seen[0], data.inputs(data.images[:1]))
    n = len(data.images)
    assert n < 256  # so they are shown again from the first
    again = data.inputs(data.images[torch.arange(256) % n])
    assert torch.equal(model.seen[-1], again)


def test_no_test_image_is_read(run, placed, poison):
    assert set(latency(Watched(), poison(placed(run())))) == NAMES


def test_no_gradient_is_kept(run, placed):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), Watched())
    latency(model, placed(run()))
    assert not any(seen.requires_grad for seen in model[2].seen)


def test_the_median_leaves_out_the_first_passes(run, placed, clock, monkeypatch):
    monkeypatch.setattr(module, "BATCHES", (1,))
    clock(*[0.1] * WARM_UP, *[0.001] * 3, 0.002, *[0.003] * 3)
    model = Watched()
    found = latency(model, placed(run()))
    assert len(model.seen) == WARM_UP + N_PASSES
    assert found == {"cost/latency_1_seconds": pytest.approx(0.002)}


def test_one_pass_is_enough_for_a_slow_network(run, placed, clock, monkeypatch):
    monkeypatch.setattr(module, "BATCHES", (1,))
    clock(7.0)
    model = Watched()
    assert latency(model, placed(run())) == {"cost/latency_1_seconds": 7.0}
    assert len(model.seen) == 1


def test_a_network_with_fewer_images_than_a_batch_still_gets_a_whole_one(run, placed):
    data, model = placed(run()), Watched()
    latency(model, replace(data, images=data.images[:3]))
    assert len(model.seen[-1]) == 256


@pytest.mark.parametrize(("kind", "waited"), [("cuda", ["cuda"]), ("mps", ["mps"]), ("cpu", [])])
def test_every_device_has_answered_before_a_pass_has_ended(monkeypatch, kind, waited):
    told = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: told.append(device.type))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: told.append("mps"))
    module.wait_for(torch.device(kind))
    assert told == waited
