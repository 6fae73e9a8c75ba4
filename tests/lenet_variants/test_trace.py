"""Watched forward passes of networks that are not ours."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lenet_variants import layers
from lenet_variants.errors import VariantError
from lenet_variants.trace import trace

SHAPE = (1, 6, 6)


class OwnWeights(nn.Module):
    """A product in `forward` beside a layer."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(36, 8)
        self.weight = nn.Parameter(torch.zeros(8, 3))

    def forward(self, images):
        return self.fc1(images.flatten(1)) @ self.weight


class Twice(nn.Module):
    """One layer that runs two times."""

    def __init__(self):
        super().__init__()
        self.square = nn.Linear(36, 36)

    def forward(self, images):
        return self.square(self.square(images.flatten(1)))[:, :3]


class Residual(nn.Module):
    """A sum in place of a tensor whose receptive field was known."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 1)
        self.conv2 = nn.Conv2d(2, 2, 3, padding=1)
        self.conv3 = nn.Conv2d(2, 3, 6)

    def forward(self, images):
        x = self.conv1(images)
        x += self.conv2(x)
        return self.conv3(x).flatten(1)


class Returns(nn.Module):
    """A forward that returns what it is told."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, images):
        return self.answer(images)


class Counter(nn.Module):
    """A layer that returns no tensor."""

    def forward(self, images):
        return len(images)


class AsksItsSize(nn.Module):
    """A network with a layer that returns no tensor."""

    def __init__(self):
        super().__init__()
        self.size = Counter()
        self.output = nn.Linear(36, 3)

    def forward(self, images):
        return self.output(images.reshape(self.size(images), 36))


def rows(model):
    return {layer.name: layer for layer in trace(model, SHAPE, 3, "cpu", where="my-net")}


def test_what_happens_outside_the_layers_stands_in_a_last_row():
    table = rows(OwnWeights())
    assert list(table) == ["fc1", "forward"]
    assert (table["forward"].n_parameters, table["forward"].n_macs) == (24, 24)


def test_a_layer_that_runs_twice_works_twice_and_weighs_once():
    (row,) = rows(Twice()).values()
    assert (row.n_parameters, row.n_macs) == (36 * 36 + 36, 2 * 36 * 36)
    assert row.n_connections == 2 * (36 * 36 + 36)


def test_what_returns_no_tensor_is_no_layer():
    assert list(rows(AsksItsSize())) == ["output"]


def test_tied_weights_are_counted_once():
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 36), nn.Linear(36, 36), nn.Linear(36, 3))
    model[2].weight = model[1].weight
    total = sum(layer.n_parameters for layer in rows(model).values())
    assert total == sum(one.numel() for one in model.parameters())


def test_frozen_weights_are_parameters_that_do_not_train():
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    model[1].weight.requires_grad_(requires_grad=False)
    assert (rows(model)["1"].n_parameters, rows(model)["1"].n_trainable) == (111, 3)


def test_normalisation_has_a_link_for_each_scale_and_bias():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(36, 3))
    assert rows(model)["0"].n_connections == 2 * 36


def test_a_receptive_field_is_not_guessed_after_a_sum_in_place():
    table = rows(Residual())
    assert table["conv2"].receptive_field == (3, 3)
    assert table["conv3"].receptive_field is None


def test_the_network_keeps_its_mode():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(36, 3))
    assert model.training
    rows(model)
    assert model.training


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda images: images.flatten()[:3], r"expected logits of shape \[2, 3\].* got \[3\]"),
        (lambda images: (images,), "got tuple; return one row an image"),
        (lambda images: images.flatten(1)[:, :3].argmax(1, keepdim=True).expand(2, 3), "int64"),
        (lambda images: images @ torch.zeros(5, 5), r"run on images of \[1, 6, 6\]"),
    ],
)
def test_a_forward_that_does_not_give_logits_is_refused(answer, message):
    with pytest.raises(VariantError, match=f"^my-net forward: .*{message}"):
        rows(Returns(answer))


def test_a_layer_that_fails_is_named_with_what_it_got():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 5), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(VariantError, match=r"after entering 1 \(Conv2d\) with \[2, 4, 4\]: Calcul"):
        rows(model)


def test_a_layer_without_output_is_named():
    model = nn.Sequential(nn.Unfold(6, stride=7), Returns(lambda x: x[:, :0]), nn.Flatten())
    with pytest.raises(VariantError, match=r"to have an output, got \[0, 1\] from 1 \(Returns\)"):
        rows(model)


def test_a_layer_that_counts_its_own_links_is_believed_and_leaves_nothing_over():
    table = layers.TableConv2d((1, 6, 6), (2, 4, 4), (3, 1, 0), "map", [[0], []])
    table_rows = rows(nn.Sequential(table, nn.Flatten(), nn.Linear(32, 3)))
    assert table_rows["0"].n_macs == 16 * 9  # the counter sees twice that: the second map's zeros
    assert table_rows["0"].n_connections == 16 * 9 + 32
    assert "forward" not in table_rows
