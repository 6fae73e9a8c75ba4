"""The LeNet family against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lenet_variants
from lenet_variants.errors import VariantError


def layers_of(*args, **levels):
    return dict(lenet_variants.create(*args, **levels).named_children())


def test_the_notes_network_layer_by_layer():
    layers = layers_of("lenet")
    assert list(layers) == [
        *("conv1", "act1", "pool1", "conv2", "act2", "pool2"),
        *("flatten", "fc1", "act3", "fc2", "act4", "output"),
    ]
    assert isinstance(layers["act1"], nn.Sigmoid)
    assert isinstance(layers["pool1"], nn.MaxPool2d)
    assert (layers["pool1"].kernel_size, layers["pool1"].stride) == (2, 2)
    assert (layers["fc1"].in_features, layers["fc1"].out_features) == (256, 120)


def test_no_pooling_leaves_the_pools_out():
    layers = layers_of("lenet", pooling="none")
    assert "pool1" not in layers
    assert layers["fc1"].in_features == 16 * 20 * 20


def test_any_number_of_blocks_and_hidden_layers():
    layers = layers_of("lenet", channels=[4, 5, 6], padding=2, hidden=[])
    assert [name for name in layers if name.startswith("conv")] == ["conv1", "conv2", "conv3"]
    assert not any(name.startswith("fc") for name in layers)
    assert layers["output"].in_features == 6 * 3 * 3


def test_kernel_and_padding_may_differ_by_block():
    layers = layers_of("lenet", kernel_size=[5, 3], padding=[2, 0])
    assert (layers["conv1"].kernel_size, layers["conv1"].padding) == ((5, 5), (2, 2))
    assert (layers["conv2"].kernel_size, layers["conv2"].padding) == ((3, 3), (0, 0))


def test_other_images_and_classes_are_taken():
    layers = layers_of("lenet", (3, 32, 40), 7)
    assert layers["conv1"].in_channels == 3
    assert layers["fc1"].in_features == 16 * 5 * 7
    assert layers["output"].out_features == 7


@pytest.mark.parametrize(
    ("input_shape", "layer"),
    [((1, 4, 28), "conv1"), ((1, 5, 5), "pool1"), ((1, 8, 8), "conv2"), ((1, 14, 14), "pool2")],
)
def test_images_too_small_are_refused_by_the_layer_that_vanishes(input_shape, layer):
    with pytest.raises(VariantError, match=f"^lenet {layer}: expected an input of at least"):
        lenet_variants.create("lenet", input_shape)


def test_lenet5_of_1998_layer_by_layer():
    layers = layers_of("lenet5-1998", (1, 32, 32))
    assert list(layers) == [
        *("conv1", "act1", "pool1", "squash1", "conv2", "act2", "pool2", "squash2"),
        *("flatten", "fc1", "act3", "fc2", "act4", "output"),
    ]
    kinds = [type(layer).__name__ for layer in layers.values()]
    assert kinds == [
        *("Conv2d", "ScaledTanh", "Subsampling", "ScaledTanh"),
        *("TableConv2d", "ScaledTanh", "Subsampling", "ScaledTanh"),
        *("Flatten", "Linear", "ScaledTanh", "Linear", "ScaledTanh", "RadialBasis"),
    ]


def test_todays_layout_normalises_in_place_of_a_bias():
    layers = layers_of("lenet-modern")
    assert list(layers)[:4] == ["conv1", "norm1", "act1", "pool1"]
    assert layers["conv1"].bias is None
    assert isinstance(layers["norm3"], nn.BatchNorm1d)


def test_global_average_pooling_gives_the_mean_of_each_map():
    torch.manual_seed(2)
    model = lenet_variants.create("lenet-gap")
    images = torch.rand(3, 1, 28, 28)
    until = list(model.named_children()).index(("gap", model.gap))
    maps = model[:until](images)
    torch.testing.assert_close(model(images), model.output(maps.mean(dim=(2, 3))))


def test_a_strided_convolution_may_stand_in_for_pooling():
    layers = layers_of("lenet", pooling="strided_conv", activation="relu")
    assert (layers["pool1"].in_channels, layers["pool1"].out_channels) == (6, 6)
    assert (layers["pool1"].kernel_size, layers["pool1"].stride) == ((2, 2), (2, 2))
    assert isinstance(layers["squash1"], nn.ReLU)


def test_local_weights_keep_the_receptive_fields():
    shared = lenet_variants.describe("lenet", {}, (1, 28, 28), 10)["layers"]
    local = lenet_variants.describe("locally-connected", {}, (1, 28, 28), 10)["layers"]
    assert [row["receptive_field"] for row in local] == [row["receptive_field"] for row in shared]
    assert [row["n_macs"] for row in local] == [row["n_macs"] for row in shared]
    assert local[0]["n_parameters"] == 6 * 24 * 24 * 26


def test_bias_may_be_of_the_map_of_the_unit_or_not_there():
    shapes = {
        word: getattr(lenet_variants.create("lenet", bias=word).conv1, "bias", None)
        for word in ("map", "unit", "none")
    }
    assert shapes["map"].shape == (6,)
    assert shapes["unit"].shape == (6, 24, 24)
    assert shapes["none"] is None


def test_whole_networks_with_tied_local_weights_equal_the_convolutional_one():
    torch.manual_seed(6)
    shared = lenet_variants.create("lenet")
    local = lenet_variants.create("locally-connected")
    rest = {k: v for k, v in shared.state_dict().items() if not k.startswith("conv")}
    local.load_state_dict({**local.state_dict(), **rest})
    with torch.no_grad():
        for one, own in ((shared.conv1, local.conv1), (shared.conv2, local.conv2)):
            own.weight.copy_(one.weight.flatten(1).T.expand_as(own.weight))
            own.bias.copy_(one.bias.reshape(-1, 1, 1).expand_as(own.bias))
    images = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(local(images), shared(images), atol=1e-5, rtol=1e-5)
