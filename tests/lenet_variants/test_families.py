"""Which levels do not go together, and what a study is told of it."""

from __future__ import annotations

import pytest

import lenet_variants
from lenet_variants import catalogue
from lenet_variants.errors import LevelError
from lenet_variants.families import LENET_LEVELS, MLP_LEVELS

REFUSED = [
    ("lenet", {"dropout": 0.5, "hidden": []}, "dropout", "expected 0 without hidden layers"),
    ("mlp", {"dropout": 0.5, "hidden": []}, "dropout", "got 0.5; give the level 'hidden'"),
    ("lenet", {"output": "rbf", "hidden": []}, "output", "expected 'linear' without hidden"),
    ("lenet", {"padding": 5}, "padding", "less than the kernel size, .* got 5 for kernel_size 5"),
    (
        *("lenet", {"kernel_size": [5, 1], "padding": [1, 1]}, "padding"),
        r"got \[1, 1\] for kernel_size \[5, 1\]",
    ),
    (
        *("lenet", {"connections": "c3-1998", "channels": [6, 15]}, "connections"),
        r"expected 'full' for channels \[6, 15\], got 'c3-1998', .* use channels \[6, 16\]",
    ),
    ("lenet", {"connections": "h2-1989"}, "connections", r"from 12 maps to 12; use channels"),
    ("lenet", {"connections": "c3-1998", "channels": [6]}, "connections", "use channels"),
    (
        *("lenet", {"connections": "c3-1998", "weights": ["shared", "local"]}, "connections"),
        "the second block has weights 'local'",
    ),
    ("lenet", {"weights": ["local"]}, "weights", "one value for each of the 2 blocks"),
    ("lenet", {"weights": ["local", "own"]}, "weights", r"got \['local', 'own'\]"),
    ("lenet", {"dropout": 1}, "dropout", "a finite number >= 0 and < 1, got 1"),
    ("lenet", {"stride": 0}, "stride", "an integer >= 1"),
    ("lenet", {"norm": "layer"}, "norm", "allowed: batch, group, none"),
]


@pytest.mark.parametrize(("variant", "levels", "level", "message"), REFUSED)
def test_levels_that_do_not_go_together_are_refused_with_the_reason(
    variant, levels, level, message
):
    with pytest.raises(LevelError, match=message) as caught:
        lenet_variants.create(variant, **levels)
    assert set(caught.value.problems) == {level}


def test_all_that_does_not_go_together_is_told_at_once():
    with pytest.raises(LevelError) as caught:
        catalogue.find("lenet").resolve(
            {"padding": 9, "dropout": 0.1, "hidden": [], "connections": "h2-1989"}
        )
    assert set(caught.value.problems) == {"padding", "dropout", "connections"}


def test_a_table_beside_a_local_first_block_is_allowed():
    model = lenet_variants.create("lenet", connections="c3-1998", weights=["local", "shared"])
    assert type(model.conv1).__name__ == "LocalConv2d"
    assert len(model.conv2.weight) == 60


def test_every_level_says_which_layers_it_makes():
    for levels in (LENET_LEVELS, MLP_LEVELS):
        assert all(level.layers for level in levels.values())
