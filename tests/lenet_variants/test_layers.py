"""The layers of 1989 and 1998: what they equal, what they count, how they start."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lenet_variants import layers
from lenet_variants.errors import VariantError
from lenet_variants.families import TABLES

WINDOWS = [(5, 1, 0), (3, 2, 1), (5, 2, 2), (1, 1, 0)]  # kernel, stride, padding


@pytest.fixture(autouse=True)
def _fixed_draws():
    torch.manual_seed(3)


@pytest.fixture
def images():
    return torch.rand(4, 6, 14, 14)


def dense_like(sliding, images, *, bias):
    """A convolution of PyTorch's with the same windows, and the output it gives."""
    window = (sliding.kernel_size, sliding.stride, sliding.padding)
    conv = nn.Conv2d(sliding.in_channels, sliding.output[0], *window, bias=bias)
    return conv, conv(images)


def output_of(images, n_maps, window):
    return tuple(nn.Conv2d(images.shape[1], n_maps, *window)(images).shape[1:])


def counted(module, images):
    with FlopCounterMode(display=False) as counter:
        module(images)
    return counter.get_total_flops() // (2 * len(images))


# What the layers equal.


@pytest.mark.parametrize("window", WINDOWS)
def test_a_local_layer_with_tied_weights_is_the_convolution(images, window):
    output = output_of(images, 16, window)
    local = layers.LocalConv2d(tuple(images.shape[1:]), output, window, "unit")
    conv, expected = dense_like(local, images, bias=True)
    with torch.no_grad():
        local.weight.copy_(conv.weight.flatten(1).T.expand_as(local.weight))
        local.bias.copy_(conv.bias.reshape(-1, 1, 1).expand_as(local.bias))
    torch.testing.assert_close(local(images), expected, atol=1e-5, rtol=1e-5)


def test_a_local_layer_shares_nothing(images):
    local = layers.LocalConv2d((6, 14, 14), (2, 10, 10), (5, 1, 0), "unit")
    position, unit = 37, (0, 1, 3, 7)  # the 37th window is row 3, column 7
    local(images)[unit].backward()
    touched = local.weight.grad.flatten(1).any(dim=1).nonzero().flatten().tolist()
    assert touched == [position]
    assert local.bias.grad.count_nonzero() == 1


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("bias", ["map", "unit", "none"])
def test_a_full_table_is_the_convolution(images, window, bias):
    output = output_of(images, 16, window)
    table = layers.every_map(6, 16)
    ours = layers.TableConv2d(tuple(images.shape[1:]), output, window, bias, table)
    conv, expected = dense_like(ours, images, bias=bias != "none")
    with torch.no_grad():
        ours.weight.copy_(conv.weight.reshape_as(ours.weight))
        if ours.bias is not None:
            ours.bias.copy_(conv.bias.reshape(-1, 1, 1).expand_as(ours.bias))
    torch.testing.assert_close(ours(images), expected)


def test_the_c3_table_is_a_convolution_with_zeros_where_no_link_is(images):
    c3 = layers.TableConv2d((6, 14, 14), (16, 10, 10), (5, 1, 0), "map", layers.C3_TABLE)
    kernel = torch.zeros(16, 6, 5, 5)
    links = iter(c3.weight)
    for to, seen in enumerate(layers.C3_TABLE):
        for from_ in seen:
            kernel[to, from_] = next(links)
    expected = functional.conv2d(images, kernel, c3.bias.flatten())
    torch.testing.assert_close(c3(images), expected)


def test_subsampling_at_its_start_is_average_pooling(images):
    pooled = layers.Subsampling(6)(images)
    assert torch.equal(pooled, functional.avg_pool2d(images, 2))


def test_subsampling_is_a_sum_times_a_coefficient_and_a_bias_a_map(images):
    subsampling = layers.Subsampling(6)
    with torch.no_grad():
        subsampling.weight.copy_(torch.arange(6.0).reshape(6, 1, 1))
        subsampling.bias.copy_(-torch.arange(6.0).reshape(6, 1, 1))
    window = images[2, 5, 4:6, 8:10]
    assert subsampling(images)[2, 5, 2, 4].item() == pytest.approx(5 * window.sum().item() - 5)


def test_scaled_tanh_keeps_plus_and_minus_one():
    squashed = layers.ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0, 100.0]))
    torch.testing.assert_close(squashed, torch.tensor([-1.0, 0.0, 1.0, 1.7159]), atol=1e-4, rtol=0)


def test_radial_basis_scores_are_minus_the_squared_distances():
    output = layers.RadialBasis(84, 10)
    units = torch.randn(5, 84)
    expected = -(torch.cdist(units, output.codes) ** 2)
    torch.testing.assert_close(output(units), expected, atol=1e-3, rtol=1e-4)
    assert output(output.codes).argmax(dim=1).tolist() == list(range(10))


@pytest.mark.parametrize(("width", "n_classes"), [(84, 10), (16, 10), (128, 100), (84, 47), (2, 1)])
def test_codes_are_signs_that_tell_all_classes_apart(width, n_classes):
    codes = layers.RadialBasis(width, n_classes).codes
    assert codes.shape == (n_classes, width)
    assert set(codes.unique().tolist()) <= {-1.0, 1.0}
    n_different = (codes.unsqueeze(0) != codes.unsqueeze(1)).sum(dim=2)
    n_different.fill_diagonal_(width)
    assert n_different.min() >= width // 4


def test_too_few_units_for_the_codes_are_refused():
    with pytest.raises(VariantError, match=r"at least 16 units .* 10 classes, got 12; make"):
        layers.RadialBasis(12, 10)


# The tables.


def test_the_c3_table_has_60_links_and_every_map_feeds_ten():
    assert sum(len(seen) for seen in layers.C3_TABLE) == 60
    feeds = Counter(from_ for seen in layers.C3_TABLE for from_ in seen)
    assert feeds == dict.fromkeys(range(6), 10)
    assert [len(seen) for seen in layers.C3_TABLE] == [3] * 6 + [4] * 9 + [6]
    assert len(set(layers.C3_TABLE)) == 16


def test_the_h2_table_joins_eight_of_twelve_evenly():
    assert [len(set(seen)) for seen in layers.H2_TABLE] == [8] * 12
    feeds = Counter(from_ for seen in layers.H2_TABLE for from_ in seen)
    assert feeds == dict.fromkeys(range(12), 8)


def test_tables_have_the_maps_their_cards_ask_for():
    assert set(layers.TABLES) == set(TABLES)
    for name, table in layers.TABLES.items():
        n_inputs, n_outputs = TABLES[name]
        assert len(table) == n_outputs
        assert {from_ for seen in table for from_ in seen} == set(range(n_inputs))


# What they count: by their own links, and as PyTorch's counter sees them.


def test_links_of_a_table_are_those_that_are_there(images):
    c3 = layers.TableConv2d((6, 14, 14), (16, 10, 10), (5, 1, 0), "map", layers.C3_TABLE)
    assert c3.links((16, 10, 10)) == (150_000, 151_600)
    assert counted(c3, images) == 240_000  # the counter sees the zeros, too


def test_links_of_a_local_layer_are_its_weights_and_biases(images):
    local = layers.LocalConv2d((6, 14, 14), (16, 10, 10), (5, 1, 0), "unit")
    assert local.links((16, 10, 10)) == (240_000, 241_600)
    assert counted(local, images) == 240_000
    assert sum(one.numel() for one in local.parameters()) == 241_600


def test_links_without_bias_are_the_products(images):
    table = layers.every_map(6, 4)
    shared = layers.TableConv2d((6, 14, 14), (4, 10, 10), (5, 1, 0), "none", table)
    local = layers.LocalConv2d((6, 14, 14), (4, 10, 10), (5, 1, 0), "none")
    assert shared.links((4, 10, 10)) == local.links((4, 10, 10)) == (60_000, 60_000)


def test_links_of_subsampling_and_of_the_output_codes(images):
    assert layers.Subsampling(6).links((6, 14, 14)) == (0, 5_880)
    assert layers.RadialBasis(84, 10).links((10,)) == (840, 840)
    assert counted(layers.Subsampling(6), images) == 0
    assert counted(layers.RadialBasis(84, 10), torch.rand(4, 84)) == 0


# How they start.


@pytest.mark.parametrize("bias", ["map", "unit"])
def test_table_weights_start_within_one_over_the_root_of_their_maps_fan_in(bias):
    c3 = layers.TableConv2d((6, 14, 14), (16, 10, 10), (5, 1, 0), bias, layers.C3_TABLE)
    rows = torch.split(c3.weight.detach(), [len(seen) for seen in layers.C3_TABLE])
    for seen, row, of_map in zip(layers.C3_TABLE, rows, c3.bias.detach(), strict=True):
        bound = (len(seen) * 25) ** -0.5
        assert 0.9 * bound < row.abs().max() <= bound
        assert of_map.abs().max() <= bound


def test_local_weights_start_like_those_of_the_convolution():
    local = layers.LocalConv2d((6, 14, 14), (16, 10, 10), (5, 1, 0), "unit")
    bound = 150**-0.5
    assert 0.99 * bound < local.weight.abs().max() <= bound
    assert local.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert 0.9 * bound < local.bias.abs().max() <= bound


def test_layers_say_how_they_are_made():
    c3 = layers.TableConv2d((6, 14, 14), (16, 10, 10), (5, 1, 0), "unit", layers.C3_TABLE)
    assert str(c3) == (
        "TableConv2d(6, 16, kernel_size=5, stride=1, padding=0, bias=unit, links=60)"
    )
    assert str(layers.RadialBasis(84, 10)) == "RadialBasis(84, 10)"
