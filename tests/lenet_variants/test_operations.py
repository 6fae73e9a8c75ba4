"""Counting operations: as PyTorch's own counter does, and with the shapes it would have."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lenet_variants import catalogue, create
from lenet_variants.operations import Operations


def passes(model, images):
    """A forward pass under either counter: flops, and shape, stride and dtype of what came."""
    told = []
    for counter in (FlopCounterMode(display=False), Operations(), Operations()):
        with torch.no_grad(), counter:
            made = model(images)
        flops = counter.n_flops if isinstance(counter, Operations) else counter.get_total_flops()
        told.append((flops, made.shape, made.stride(), made.dtype, made.device))
    return told


@pytest.mark.parametrize("name", catalogue.names())
def test_every_variant_counts_as_under_pytorchs_own_counter(name):
    card = catalogue.find(name)
    with torch.device("meta"):
        model = create(name, card.native_input, card.n_classes).eval()
    reference, *ours = passes(model, torch.zeros(2, *card.native_input, device="meta"))
    assert reference[0] > 0
    assert ours == [reference] * 2  # worked out, then remembered


class Wild(nn.Module):
    """What a user's forward may do: its own products, attention, slices, changes in place."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 8))

    def forward(self, images):
        rows = images.flatten(1)[:, :64].unflatten(1, (8, 8)).transpose(1, 2)
        rows = functional.scaled_dot_product_attention(rows, rows @ self.weight, rows)
        rows = torch.cat([rows, rows.clone().add_(1)], dim=1).softmax(dim=2, dtype=torch.float64)
        ones = torch.ones(3, device=rows.device)
        return torch.einsum("nij,k->nik", rows, ones.double()) + rows.mean((1, 2))[:, None, None]


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_what_a_users_forward_does_counts_the_same(device):
    with torch.device(device):
        reference, *ours = passes(Wild(), torch.zeros(2, 1, 28, 28))
    assert reference[0] > 0
    assert ours == [reference] * 2


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x.to(memory_format=torch.channels_last).relu(),
        lambda x: torch.relu(x.transpose(2, 3)),
        lambda x: x + 1,
        lambda x: x * 1.0,
        lambda x: (x > 0) + True,
        lambda x: x.int() + 1,
        lambda x: x.int() + 1.0,
        lambda x: functional.pad(x, (1, 2)).amax(dim=(2, 3)),
    ],
)
def test_strides_and_types_are_those_of_the_operation(operation):
    images = torch.zeros(2, 3, 4, 5, device="meta")
    reference, *ours = passes(operation, images)
    assert ours == [reference] * 2


def test_what_is_made_of_other_operations_counts_by_those():
    class Inferring(nn.Module):
        def forward(self, images):
            with torch.inference_mode():  # in which PyTorch hands `linear` on as it is
                return functional.linear(images, torch.zeros(7, 5, device=images.device))

    reference, *ours = passes(Inferring(), torch.zeros(2, 5, device="meta"))
    assert reference[0] == 2 * 2 * 5 * 7
    assert ours == [reference] * 2


def test_numbers_are_computed_where_there_are_any():
    with Operations() as counter:
        made = functional.linear(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    assert made.tolist() == [[11.0]]
    assert counter.n_flops == 4


def test_a_result_shares_nothing_with_another():
    image = torch.zeros(1, device="meta")
    with Operations():
        first, second = image.relu(), image.relu()
        second.add_(1)
    assert first is not second
    assert (first._version, second._version) == (0, 1)


def test_an_operation_that_needs_numbers_fails_as_ever():
    with Operations(), pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        torch.zeros(3, device="meta").nonzero()
