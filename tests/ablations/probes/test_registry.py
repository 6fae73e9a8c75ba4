"""Probes by name: their keys, their names in the store, and the mode a network is measured in."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from ablations import probe_cards
from ablations.probe_cards import CARDS, ProbeSpec
from ablations.probes import ONCE_AN_ARM, PROBES, measure
from ablations.record import FILTERS_FILE, probe_key

SHIFT = ProbeSpec("shift")


def measured(asked, one):
    found, files = measure(asked, one)
    assert files == {}
    return found


def test_every_probe_has_a_card():
    assert {*PROBES, *ONCE_AN_ARM, "images"} == set(CARDS)


@pytest.mark.parametrize("name", PROBES)
def test_measure_names_its_numbers_and_repeats_them(probed, name):
    one, asked = probed(), ProbeSpec(name, 50)
    found, again = measured(asked, one), measured(asked, one)
    assert found.probe == name
    assert found.probe_key == probe_key(one.run.run_key, asked)
    card = CARDS[name]
    names = {metric.removeprefix(f"probe/{name}/") for metric in found.metrics}
    assert set(card.metrics) <= names
    by_layer = {metric.partition("/")[0] for metric in names - set(card.metrics)}
    assert by_layer == set(card.measures(n_epochs=1))
    assert (again.probe_key, again.metrics) == (found.probe_key, found.metrics)


class OnlyEvaluating(nn.Module):
    """Refuses to work in training mode."""

    def forward(self, inputs):
        assert not self.training
        return torch.zeros(len(inputs), 10)


@pytest.mark.parametrize("was_training", [True, False])
def test_measure_is_in_eval_mode_and_restores_the_former(probed, was_training):
    one = probed(OnlyEvaluating())
    one.model.train(was_training)
    measured(SHIFT, one)
    assert one.model.training is was_training


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_leaves_the_network_as_it_was(probed, name):
    one = probed()
    before = {key: value.clone() for key, value in one.model.state_dict().items()}
    measured(ProbeSpec(name, 50), one)
    after = one.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(parameter.grad is None for parameter in one.model.parameters())
    assert not any(module._forward_hooks for module in one.model.modules())


def test_probe_key_moves_with_run_sample_revision_and_parameters(monkeypatch):
    usual = CARDS["shift"]
    keys = [
        probe_key("ab", SHIFT),
        probe_key("cd", SHIFT),
        probe_key("ab", replace(SHIFT, n_images=5)),
    ]
    for other in (
        replace(usual, revision=usual.revision + 1),
        replace(usual, parameters={**usual.parameters, "directions": 4}),
    ):
        monkeypatch.setattr(probe_cards, "CARDS", {"shift": other})
        keys.append(probe_key("ab", SHIFT))
    assert len(set(keys)) == 5
    monkeypatch.setattr(probe_cards, "CARDS", {"shift": usual})
    assert probe_key("ab", SHIFT) == keys[0]


def test_pictures_are_a_file_and_no_numbers(probed):
    one, asked = probed(), ProbeSpec("filters")
    found, files = measure(asked, one)
    assert (found.metrics, list(files)) == ({}, [FILTERS_FILE])
    assert found.probe_key == probe_key(one.run.run_key, asked)
