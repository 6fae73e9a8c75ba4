from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from torch import nn

from ablations.cli import cards
from ablations.errors import SpecError
from lenet_variants import catalogue, register_variant
from lenet_variants.contract import Check

PAGE = Path(__file__).parents[3] / "docs" / "registry.md"


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


def test_a_description_carries_the_card(console):
    cards.show_description(cards.describe("lenet5-1998", None, None), console)
    text = _text(console)
    assert "LeCun, Bottou, Bengio, Haffner 1998" in text
    assert "family lenet" not in text
    assert "lenet, revision 2" in text
    assert text.count("left open") == 1
    assert "rows of a Hadamard matrix" in text
    assert "60,000" in text
    assert "340,908" in text
    assert "60,000 parameters, 240 kB in float32" in text


def test_another_input_is_told_from_the_native_one(console):
    cards.show_description(cards.describe("softmax", "3x1000x1000", 256), console)
    text = _text(console)
    assert "3x1000x1000, not its native 1x28x28; 256 classes" in text
    assert "768,000,256" in text
    assert "768,000,256 parameters, 3.072 GB in float32" in text


def test_levels_can_be_set_as_yaml(console):
    facts = cards.describe("lenet", None, None, ["pooling=avg", "channels=[3, 8]"])
    assert facts["levels"]["pooling"] == "avg"
    assert facts["levels"]["channels"] == [3, 8]
    assert facts["n_parameters"] == 27_180


@pytest.mark.parametrize("setting", ["pooling", "channels=[3"])
def test_a_setting_that_cannot_be_read_is_refused(setting):
    with pytest.raises(SpecError, match=r"--set: .*\n.*LEVEL=VALUE such as pooling=avg, got"):
        cards.describe("lenet", None, None, [setting])


def test_a_layer_table_fits_eighty_columns():
    console = Console(file=io.StringIO(), width=80)
    for name in ("lenet5-1998", "lenet-modern", "lenet1-1989", "locally-connected"):
        cards.show_description(cards.describe(name, None, None), console)
    assert "…" not in _text(console)


def test_variants_are_shown_with_what_they_are(console):
    cards.show_variants(cards.variants(), console)
    text = _text(console)
    for words in ("61,706", "340,908", "1x16x16", "softmax regression", "describe lenet5-1998"):
        assert words in text


def test_a_plug_in_that_declares_no_size_is_counted(forget_variants):
    @register_variant("flat", source="own", native_input=(1, 4, 4))
    def flat(input_shape, n_classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(16, n_classes))

    (row,) = [row for row in cards.variants() if row["name"] == "flat"]
    assert (row["n_parameters"], row["n_macs"], row["n_connections"]) == (170, 160, 170)


def test_the_registry_page_has_a_line_a_variant_and_is_fresh():
    rows = [row for row in cards.variants() if catalogue.find(row["name"]).plugin_digest is None]
    page = cards.registry_page(rows)
    assert page == PAGE.read_text(encoding="utf-8"), "docs/registry.md is stale: make docs"
    assert len([line for line in page.splitlines() if line.startswith("| `")]) == len(rows)


def test_promises_are_shown_kept_or_broken(console):
    checks = [
        Check("builds", passed=True, detail="at 1x28x28"),
        Check("seeds", passed=False, detail="got [numpy] draws"),
    ]
    cards.show_checks("my-net", checks, console)
    text = _text(console)
    assert "kept    builds" in text
    assert "broken  seeds" in text
    assert "got [numpy] draws" in text
    assert "1 promise broken" in text
