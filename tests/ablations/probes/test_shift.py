"""The probe `shift`: numbers known by hand, and the same ones by brute force in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ablations.data import Dataset, permuted_order, prepare
from ablations.data.dataset import Part, assemble
from ablations.evaluation import evaluate_test
from ablations.probe_cards import MOST_PIXELS, SHIFT
from ablations.probes.shift import DIRECTIONS, moved, shift
from ablations.spec import DataSpec


class Constant(nn.Module):
    """Says 3 of every image."""

    def forward(self, inputs):
        return functional.one_hot(torch.full((len(inputs),), 3), 10).float()


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


def test_shift_of_nothing_is_plain_accuracy(probed):
    one = probed()
    plain = evaluate_test(one.model, one.run, one.data)
    assert len(one.data.test_labels) < one.n_images  # so the sample is all of them
    assert shift(one)["accuracy_0"] == plain.accuracy


def test_shift_by_hand(probed):
    found = shift(probed(LitRow(), data=lit_rows()))
    # Sideways, every row stays lit. Up, straight or aslant, every row becomes another. Down, only
    # the last is still called 9, since it leaves the image and the dark is called 9.
    expected = (2 * 1 + 3 * 0.1 + 3 * 0) / 8
    assert found["accuracy_0"] == 1
    assert found["accuracy_1"] == found["consistency_1"] == pytest.approx(expected)
    assert found["accuracy_2"] == pytest.approx((2 * 1 + 3 * 0.1) / 8)


def test_constant_classifier_is_consistent_and_right_by_chance(probed):
    one = probed(Constant())
    found = shift(one)
    share = (one.data.test_labels == 3).double().mean().item()
    assert {found[f"consistency_{n}"] for n in range(1, MOST_PIXELS + 1)} == {1.0}
    assert {found[f"accuracy_{n}"] for n in range(MOST_PIXELS + 1)} == {share}
    assert found["accuracy_area"] == pytest.approx(share)


def shifted(images, down, right):
    """The same images moved pixel by pixel, in plain loops over what goes where."""
    result = np.zeros_like(images)
    _, _, height, width = images.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[:, :, row, column] = images[:, :, row - down, column - right]
    return result


@pytest.mark.parametrize("way", [(0, 0), (1, -2), (-3, 0), (7, 7), (0, 8), (-9, 1)])
def test_images_are_moved_as_in_plain_loops(digits, way):
    images = digits.test_images[:5]
    assert np.array_equal(moved(images, *way).numpy(), shifted(images.numpy(), *way))


def test_all_numbers_agree_with_brute_force_on_the_same_images(probed):
    control = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}
    one = probed(n_images=60, control=control)
    images, labels = (tensor.numpy() for tensor in one.test_sample())

    def answers(pixels):
        with torch.inference_mode():
            return one.model(one.data.inputs(torch.from_numpy(pixels))).argmax(dim=1).numpy()

    found, unmoved, accuracies = shift(one), answers(images), []
    for n in range(MOST_PIXELS + 1):
        ways = [(n * down, n * right) for down, right in DIRECTIONS]
        told = np.stack([answers(shifted(images, *way)) for way in ways])
        accuracies.append((told == labels).mean())
        assert found[f"accuracy_{n}"] == pytest.approx(accuracies[-1], abs=1e-12)
        if n:
            assert found[f"consistency_{n}"] == pytest.approx((told == unmoved).mean(), abs=1e-12)
    assert found["accuracy_area"] == pytest.approx(np.mean(accuracies), abs=1e-12)
    assert len(set(accuracies)) > 2  # or nothing was moved


def test_change_of_a_layer_is_the_norm_of_the_difference_over_that_in_place(probed):
    one = probed(n_images=150)  # more than one batch
    images, _ = one.test_sample()
    conv1 = one.model.conv1
    with torch.inference_mode():
        before = conv1(one.data.inputs(images))
        ratios = [
            (conv1(one.data.inputs(moved(images, *way))) - before).norm() / before.norm()
            for way in DIRECTIONS
        ]
    assert shift(one)["change/conv1"] == pytest.approx(torch.stack(ratios).mean().item(), 1e-5)


class Circular(nn.Module):
    """Convolutions with circular padding and global pooling: blind to where things are."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1, padding_mode="circular")
        self.conv2 = nn.Conv2d(6, 16, 3, padding=1, padding_mode="circular")
        self.output = nn.Linear(16, 10)

    def forward(self, x):
        maps = torch.relu(self.conv2(torch.relu(self.conv1(x))))  # (N, 16, H, W)
        return self.output(maps.mean(dim=(2, 3)))


def test_global_pooling_and_circular_padding_are_invariant_to_circular_shifts(digits):
    torch.manual_seed(0)
    network, images = Circular().eval(), digits.test_images[:50] / 255
    with torch.inference_mode():
        logits = network(images)
        for way in [(1, 0), (0, -3), (5, 2)]:
            rolled = network(images.roll(way, dims=(2, 3)))
            torch.testing.assert_close(rolled, logits, rtol=1e-5, atol=1e-6)
            assert not torch.allclose(network(moved(images, *way)), logits, atol=1e-4)


def bordered(inner: int) -> Dataset:
    """Noise in the middle of dark images, so that a shift of so far loses nothing."""
    pixels = np.zeros((20, 28, 28), dtype=np.uint8)
    drawn = np.random.default_rng(0).integers(1, 255, (20, inner, inner))
    edge = (28 - inner) // 2
    pixels[:, edge : edge + inner, edge : edge + inner] = drawn
    part = Part(pixels, np.arange(20) % 10)
    return assemble("bordered", part, part, source="made")


def test_such_a_network_is_consistent_as_long_as_nothing_leaves_the_image(probed):
    torch.manual_seed(0)
    found = shift(probed(Circular(), data=bordered(12)))
    assert {found[f"consistency_{n}"] for n in range(1, 9)} == {1.0}
    assert found["change/output"] < 1e-5
    assert found["change/conv1"] > 0.1  # equivariant: the maps move with the image


def test_yields_what_its_card_says(probed):
    found = shift(probed(n_images=20))
    assert set(SHIFT.metrics) <= set(found)
    layers = {name.partition("/")[2] for name in set(found) - set(SHIFT.metrics)}
    assert layers == {"conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "output"}
    assert SHIFT.parameters == {"most_pixels": MOST_PIXELS, "directions": len(DIRECTIONS)}


@pytest.mark.parametrize("permutation", ["fixed", "blocks-2"])
def test_an_mlp_with_its_columns_in_another_order_is_as_sensitive_as_before(
    probed, digits, permutation
):
    mlp = {"control": {"variant": "mlp", "levels": {"hidden": [12]}}}
    plain = probed(**mlp)
    order = permuted_order(digits.digest, permutation, (8, 8))
    dataset = {"name": "digits", "permutation": permutation}
    other = probed(dataset=dataset, data=prepare(digits, DataSpec(**dataset)), **mlp)
    assert not torch.equal(other.data.test_images, plain.data.test_images)
    layers = [layer for layer in plain.model.modules() if isinstance(layer, nn.Linear)]
    others = [layer for layer in other.model.modules() if isinstance(layer, nn.Linear)]
    for layer, same in zip(layers, others, strict=True):
        same.load_state_dict(layer.state_dict())
    with torch.no_grad():
        others[0].weight.copy_(layers[0].weight[:, torch.from_numpy(order)])
    found, expected = shift(other), shift(plain)
    assert found == pytest.approx(expected, abs=1e-6)
    assert len({found[f"consistency_{n}"] for n in range(1, MOST_PIXELS + 1)}) > 2
