"""The probe `gradient_flow`: against autograd by hand, and counts of networks made for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from ablations.probe_cards import GRADIENT_FLOW
from ablations.probes.gradient_flow import gradient_flow
from ablations.programs import initial_model
from ablations.stacked import Stacked
from lenet_variants import catalogue

CPU = torch.device("cpu")
RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


def test_norms_are_those_of_one_backward_pass_over_the_whole_sample(probed):
    one = probed(n_images=250)  # several batches, the last one short
    images, labels = one.training_sample()
    with torch.no_grad():
        one.model.output.weight.mul_(3)  # the end of a training, other than its start
    loss = functional.cross_entropy(one.model(one.data.inputs(images)), labels)
    loss.backward()
    found = gradient_flow(one)
    for name in ("conv1", "conv2", "fc1", "fc2", "output"):
        layer = getattr(one.model, name)
        norm = torch.cat([layer.weight.grad.flatten(), layer.bias.grad]).norm().item()
        assert found[f"gradient_norm/{name}"] == pytest.approx(norm, rel=1e-4)
        assert found[f"epoch_0_gradient_norm/{name}"] != pytest.approx(norm, rel=1e-2)


def test_the_start_is_the_network_of_the_seed(probed):
    one = probed(n_images=100)
    found = gradient_flow(one)
    assert all(found[name.removeprefix("epoch_0_")] == value for name, value in found.items())
    other = replace(one, run=probed(seed=5).run, model=probed(seed=5).model)
    assert (
        gradient_flow(other)["epoch_0_gradient_norm/conv1"] != found["epoch_0_gradient_norm/conv1"]
    )


def test_weights_that_were_kept_are_measured_like_the_last(probed):
    one, other, last = probed(n_images=100), probed(seed=5), probed(seed=6)
    kept = {2: other.model.state_dict(), 1: one.model.state_dict()}
    found = gradient_flow(replace(one, model=last.model, kept=kept))
    alone = {2: gradient_flow(replace(one, model=other.model)), 1: gradient_flow(one)}
    for epoch, own in alone.items():
        ends = {name: value for name, value in own.items() if not name.startswith("epoch_")}
        assert {name: found[f"epoch_{epoch}_{name}"] for name in ends} == ends
    assert found["gradient_norm/conv1"] not in {
        own["gradient_norm/conv1"] for own in alone.values()
    }


def test_sigmoids_are_flat_where_their_input_is_far_from_0(probed):
    one = probed(n_images=100)
    with torch.no_grad():
        one.model.fc1.weight.zero_()
        one.model.fc1.bias.zero_()
        one.model.fc1.bias[:30] = 20.0  # stuck at 1, for all images
        one.model.fc1.bias[30:40] = -20.0  # stuck at 0
        one.model.fc1.bias[40:50] = 2.0  # 0.88: not within 5 % of an end
    found = gradient_flow(one)
    assert found["saturation/fc1"] == found["dead/fc1"] == 40 / 120
    images, _ = one.training_sample()
    outputs = torch.sigmoid(one.model.conv1(one.data.inputs(images)))
    flat = (outputs <= 0.05) | (outputs >= 0.95)
    assert found["saturation/conv1"] == pytest.approx(flat.double().mean().item())
    assert found["dead/conv1"] == flat.all(dim=0).double().mean().item()


def test_relus_do_not_saturate_and_are_dead_at_0_for_all_images(probed):
    one = probed(n_images=100, control=RELU)
    with torch.no_grad():
        one.model.fc2.weight.zero_()
        one.model.fc2.bias.fill_(1.0)
        one.model.fc2.bias[:21] = -1.0
    found = gradient_flow(one)
    assert found["dead/fc2"] == 21 / 84
    assert not any("saturation" in name for name in found)
    images, _ = one.training_sample()
    outputs = torch.relu(one.model.conv1(one.data.inputs(images)))
    assert found["dead/conv1"] == (outputs == 0).all(dim=0).double().mean().item()


@pytest.mark.parametrize("activation", ["tanh", "scaled_tanh"])
def test_both_ends_of_a_tanh_count(probed, activation):
    levels = {"kernel_size": 3, "padding": 1, "activation": activation}
    one = probed(n_images=50, control={"variant": "lenet", "levels": levels})
    with torch.no_grad():
        one.model.fc1.weight.zero_()
        one.model.fc1.bias.zero_()
        one.model.fc1.bias[:12], one.model.fc1.bias[12:24] = -9.0, 9.0
    assert gradient_flow(one)["saturation/fc1"] == 24 / 120


@pytest.mark.parametrize("name", catalogue.names())
def test_every_variant_has_the_measures_of_its_layers(probed, name):
    card = catalogue.find(name)
    dataset = {"name": "digits", "image_size": list(card.native_input[1:])}
    control = {"variant": name, "levels": {"hidden": [20]} if card.matched_to else {}}
    found = gradient_flow(probed(n_images=20, control=control, dataset=dataset))
    ends = set(GRADIENT_FLOW.measures(n_epochs=1))
    assert {metric.partition("/")[0] for metric in found} <= ends
    assert sum(metric.startswith("epoch_0_") for metric in found) == len(found) / 2
    assert any(metric.startswith("gradient_norm/") for metric in found)


class ByFunctions(nn.Module):
    """A plug-in whose activations are no modules."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(64, 8)
        self.body = nn.Linear(8, 8)
        self.last = nn.Linear(8, 10)

    def forward(self, x):
        hidden = self.stem(x.flatten(1)).tanh()
        return self.last(functional.relu(self.body(hidden)))


def test_activations_of_a_plug_in_may_be_functions(probed, monkeypatch):
    monkeypatch.setattr("ablations.probes.gradient_flow.initial_model", lambda *_: ByFunctions())
    found = gradient_flow(probed(ByFunctions(), n_images=30))
    assert {name for name in found if not name.startswith("epoch_")} == {
        *(f"gradient_norm/{name}" for name in ("stem", "body", "last")),
        *("saturation/stem", "dead/stem", "dead/body"),
    }


def test_networks_of_a_stack_are_measured_as_networks_alone(probed, run, placed):
    runs = [run(seed) for seed in (0, 1)]
    program = Stacked(runs, CPU, n_images=100)
    one = probed(n_images=50)
    for own, model in zip(runs, program.models, strict=True):
        stacked = gradient_flow(replace(one, run=own, model=model.eval()))
        alone = gradient_flow(replace(one, run=own, model=initial_model(own, CPU).eval()))
        assert stacked == alone
