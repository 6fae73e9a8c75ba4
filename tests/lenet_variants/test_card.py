"""Cards: resolving levels, identity, the catalogue."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lenet_variants import card, catalogue
from lenet_variants.errors import LevelError


def test_reading_cards_leaves_torch_unloaded():
    program = "import sys, lenet_variants as c; c.find('lenet'); print('torch' in sys.modules)"
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
        "stride": 1,
        "padding": 0,
        "hidden": (120, 84),
        "head": "fc",
        "norm": "none",
        "dropout": 0.0,
        "connections": "full",
        "weights": "shared",
        "bias": "map",
        "output": "linear",
    }


def test_all_problems_are_told_at_once():
    with pytest.raises(LevelError) as caught:
        catalogue.find("lenet").resolve({"poling": "avg", "activation": "rely", "channels": 6})
    assert set(caught.value.problems) == {"poling", "activation", "channels"}
    message = str(caught.value)
    assert "lenet: 3 levels are wrong" in message
    assert "poling: no such level; did you mean 'pooling'? (levels: activation, " in message
    assert "activation: expected one of 9 words, got 'rely'; did you mean 'relu'?" in message


def test_levels_are_checked_beside_each_other():
    d2l = catalogue.find("lenet-d2l")
    with pytest.raises(LevelError, match=r"lenet-d2l padding: .* each of the 3 blocks"):
        d2l.resolve({"channels": [6, 16, 32]})
    assert d2l.resolve({"channels": [6, 16, 32], "padding": 2})["padding"] == 2


def test_one_bad_level_raises_no_second_complaint_about_its_neighbour():
    with pytest.raises(LevelError) as caught:
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
    assert catalogue.find("lenet-wide").code == {"family": "lenet", "revision": 2}


def test_a_diff_with_an_unknown_level_is_refused():
    about = {"summary": "", "source": "", "counts": card.Counts(0, 0, 0)}
    with pytest.raises(LevelError, match="lenet poling: no such level"):
        catalogue.LENET.but("lenet-typo", {"poling": "avg"}, **about)


def test_a_diff_inherits_the_input_and_says_everything_else_anew():
    about = {"summary": "tiny", "source": "ours", "counts": card.Counts(1, 2, 3)}
    lenet5 = catalogue.find("lenet5-1998")
    made = lenet5.but("lenet5-small", {"hidden": [60, 20]}, **about)
    assert made.native_input == (1, 32, 32)
    assert (made.summary, made.unspecified, made.counts.n_connections) == ("tiny", (), 3)
    assert made.identity(made.resolve({}))["hidden"] == (60, 20)
    assert made.identity(made.resolve({}))["output"] == "rbf"
