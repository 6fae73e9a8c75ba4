"""The LeNet family against numbers worked out by hand."""

from __future__ import annotations

import pytest
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
