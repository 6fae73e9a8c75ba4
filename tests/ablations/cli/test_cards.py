from __future__ import annotations

import io

import pytest
from rich.console import Console

from ablations.cli import cards
from ablations.errors import SpecError


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=160)


def _text(console: Console) -> str:
    return console.file.getvalue()


def test_a_description_shows_every_layer_with_its_share(console):
    cards.show_description(cards.describe("lenet", None, None), console)
    text = _text(console)
    for name in ("conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "output"):
        assert name in text
    assert "30,840" in text  # fc1: 256 x 120 + 120
    assert "69.4%" in text
    assert "44,426" in text


def test_a_matched_variant_is_sized_to_the_one_its_card_names():
    matched = cards.describe("mlp-matched", None, None)
    lenet = cards.describe("lenet", None, None)
    assert abs(matched["n_parameters"] / lenet["n_parameters"] - 1) < 0.02


def test_a_shape_that_cannot_be_read_is_refused():
    with pytest.raises(SpecError, match=r"--input: 1 problem\n.*such as 1x28x28, got '28'"):
        cards.describe("lenet", "28", None)


def test_variants_are_shown_by_what_differs(console):
    cards.show_variants(cards.variants(), console)
    text = _text(console)
    assert "sized to lenet" in text
    assert "61,706" in text
