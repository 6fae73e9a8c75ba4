"""What can be trained as one program, and what is said of the rest."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lenet_variants
from lenet_variants.stacking import why_not_stacked

PIXELS = (1, 4, 4)


class Network(nn.Module):
    """A linear map after some step of a test."""

    def __init__(self, step):
        super().__init__()
        self.output = nn.Linear(16, 10)
        self.step = step

    def forward(self, images):
        return self.output(self.step(images.flatten(1)))


def by_the_data(values):
    return values if values.mean() > 0 else -values


def by_numpy(values):
    return torch.from_numpy(values.detach().numpy() * 2)


class Different(torch.autograd.Function):
    """Whose gradient is another one when it is stacked."""

    @staticmethod
    def forward(values):
        return values.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(_, gradient):
        return gradient

    @staticmethod
    def vmap(_, in_dims, values):
        return values * 2, in_dims[0]


@pytest.mark.parametrize("name", lenet_variants.names())
def test_every_built_in_variant_can_be_stacked(name):
    card = lenet_variants.find(name)
    model = lenet_variants.create(name, card.native_input)
    assert why_not_stacked(model, card.native_input, 10) is None


def test_dropout_layers_are_no_hindrance():
    model = lenet_variants.create("mlp", dropout=0.5)
    assert why_not_stacked(model, (1, 28, 28), 10) is None


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (by_the_data, "attempting to use a Tensor in some data-dependent"),
        (by_numpy, "data pointer"),
        (nn.functional.dropout, "random"),
        (Different.apply, "output.weight has another gradient in a stack than alone"),
    ],
)
def test_says_why_a_network_cannot_be_stacked(step, reason):
    assert reason in str(why_not_stacked(Network(step), PIXELS, 10))


def test_leaves_the_network_and_the_generator_as_they_were():
    model = lenet_variants.create("mlp", dropout=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    why_not_stacked(model, (1, 28, 28), 10)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(one.grad is None for one in model.parameters())


def test_weights_that_are_one_are_one_in_a_stack():
    class Tied(Network):
        def __init__(self):
            super().__init__(torch.tanh)
            self.first, self.second = nn.Linear(16, 16), nn.Linear(16, 16)
            self.second.weight = self.first.weight

        def forward(self, images):
            hidden = self.second(torch.tanh(self.first(images.flatten(1))))
            return self.output(self.step(hidden))

    assert why_not_stacked(Tied(), PIXELS, 10) is None


def test_frozen_weights_are_no_hindrance():
    model = Network(torch.tanh)
    model.output.weight.requires_grad_(requires_grad=False)
    assert why_not_stacked(model, PIXELS, 10) is None
