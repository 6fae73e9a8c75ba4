"""Cards: resolving levels, identity, the catalogue."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lenet_variants import card, catalogue


def test_reading_cards_leaves_torch_unloaded():
    program = "import sys, lenet_variants.card as c; c.find('lenet'); print('torch' in sys.modules)"
    done = subprocess.run(  # noqa: S603 (our own interpreter and program)
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_resolving_fills_every_level_in():
    levels = catalogue.find("lenet").resolve({"channels": [3, 8]})
    assert levels == {
        "activation": "sigmoid",
        "pooling": "max",
        "channels": (3, 8),
        "kernel_size": 5,
        "padding": 0,
        "hidden": (120, 84),
    }


def test_all_problems_are_told_at_once():
    with pytest.raises(card.LevelError) as caught:
        catalogue.find("lenet").resolve({"poling": "avg", "activation": "rely", "channels": 6})
    assert set(caught.value.problems) == {"poling", "activation", "channels"}
    message = str(caught.value)
    assert "lenet: 3 levels are wrong" in message
    assert "poling: no such level; did you mean 'pooling'? (levels: activation, " in message
    assert "activation: expected one of 8 words, got 'rely'; did you mean 'relu'?" in message


def test_levels_are_checked_beside_each_other():
    d2l = catalogue.find("lenet-d2l")
    with pytest.raises(card.LevelError, match=r"lenet-d2l padding: .* each of the 3 channels"):
        d2l.resolve({"channels": [6, 16, 32]})
    assert d2l.resolve({"channels": [6, 16, 32], "padding": 2})["padding"] == 2


def test_one_bad_level_raises_no_second_complaint_about_its_neighbour():
    with pytest.raises(card.LevelError) as caught:
        catalogue.find("lenet").resolve({"channels": [0, 1, 2], "padding": [1, 1, 1]})
    assert set(caught.value.problems) == {"channels"}


@pytest.mark.parametrize(
    ("variant", "same", "levels"),
    [
        ("lenet-relu", "lenet", {"activation": "relu"}),
        ("lenet-d2l", "lenet-avg", {"padding": [2, 0]}),
        ("softmax", "mlp", {"hidden": []}),
    ],
)
def test_the_same_network_has_the_same_identity_under_either_name(variant, same, levels):
    first, second = catalogue.find(variant), catalogue.find(same)
    assert first.identity(first.resolve({})) == second.identity(second.resolve(levels))
    assert first.code == second.code


def test_identity_names_only_what_differs_from_the_family():
    lenet = catalogue.find("lenet")
    assert lenet.identity(lenet.resolve({})) == {}
    assert lenet.identity(lenet.resolve({"padding": [0, 0]})) == {}
    relu = catalogue.find("lenet-relu")
    assert relu.identity(relu.resolve({"activation": "sigmoid"})) == {}


def test_code_of_a_built_in_variant_is_its_familys_revision():
    assert catalogue.find("lenet-wide").code == {"family": "lenet", "revision": 1}


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(card.UnknownVariantError, match="got 'lenet5'; did you mean 'lenet'") as e:
        catalogue.find("lenet5")
    assert isinstance(e.value, LookupError)


def test_a_diff_with_an_unknown_level_is_refused():
    with pytest.raises(card.LevelError, match="lenet poling: no such level"):
        card.LENET.but("lenet-typo", {"poling": "avg"}, summary="", source="")


def test_names_come_in_the_order_of_the_catalogue():
    assert catalogue.names()[:9] == (
        "lenet",
        "lenet-relu",
        "lenet-avg",
        "lenet-narrow",
        "lenet-wide",
        "lenet-d2l",
        "mlp",
        "softmax",
        "mlp-matched",
    )
