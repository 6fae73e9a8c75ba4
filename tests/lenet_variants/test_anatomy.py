"""Where two networks differ: what was changed, and what only follows."""

from __future__ import annotations

import pytest
from torch import nn

from lenet_variants import register_variant
from lenet_variants.anatomy import Difference, anatomy, difference

DIGITS = ((1, 28, 28), 10)


def change(**levels):
    return difference(anatomy("lenet", {}, *DIGITS), anatomy("lenet", levels, *DIGITS))


def test_the_same_network_does_not_differ():
    assert not change()
    assert change() == Difference()


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"activation": "relu"}, Difference(replaced=("act1", "act2", "act3", "act4"))),
        ({"pooling": "avg"}, Difference(replaced=("pool1", "pool2"))),
        (
            {"pooling": "none"},
            Difference(removed=("pool1", "pool2"), resized=("conv2", "act2", "flatten", "fc1")),
        ),
        (
            {"channels": [6, 17]},
            Difference(replaced=("conv2",), resized=("act2", "pool2", "flatten", "fc1")),
        ),
        ({"norm": "group"}, Difference(added=("norm1", "norm2", "norm3", "norm4"))),
        ({"dropout": 0.5}, Difference(added=("drop1", "drop2"))),
        ({"head": "gap"}, Difference(added=("gap",), resized=("flatten", "fc1"))),
        ({"weights": "local"}, Difference(replaced=("conv1", "conv2"))),
        ({"weights": ["shared", "local"]}, Difference(replaced=("conv2",))),
        ({"connections": "c3-1998"}, Difference(replaced=("conv2",))),
        ({"output": "rbf"}, Difference(replaced=("output",))),
        ({"hidden": [120]}, Difference(removed=("fc2", "act4"), resized=("output",))),
    ],
)
def test_a_level_changes_its_own_layers_and_others_follow(levels, expected):
    found = change(**levels)
    assert found == expected
    assert found
    assert set(found.own).isdisjoint(found.resized)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_what_a_layer_takes_is_not_its_own(norm):
    narrow = anatomy("lenet", {"norm": norm, "channels": [6, 16]}, *DIGITS)
    wide = anatomy("lenet", {"norm": norm, "channels": [6, 32]}, *DIGITS)
    assert difference(narrow, wide).own == ("conv2",)
    assert "norm2" in difference(narrow, wide).resized


def test_weights_outside_the_layers_are_a_part(forget_variants):
    class Scaled(nn.Module):
        def __init__(self, n_inputs, n_classes, width):
            super().__init__()
            self.flat = nn.Flatten()
            self.scale = nn.Parameter(nn.init.normal_(nn.Linear(width, n_classes).weight))
            self.fc = nn.Linear(n_inputs, width)

        def forward(self, images):
            return self.fc(self.flat(images)) @ self.scale.T

    @register_variant("scaled", source="own")
    def scaled(input_shape, n_classes, *, width: int = 4):
        return Scaled(784, n_classes, width)

    parts = anatomy("scaled", {}, *DIGITS)
    assert parts["forward"].parameter_shapes == (("scale", (10, 4)),)
    wider = difference(parts, anatomy("scaled", {"width": 5}, *DIGITS))
    assert wider.own == ("fc",)
    assert wider.resized == ("forward",)
