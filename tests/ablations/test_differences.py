"""Whether each arm of a plan changes what it says: its layers, its sizes, its scores."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Literal

import pytest
import torch
from torch import nn

from ablations import differences
from ablations.differences import compare
from lenet_variants import register_variant
from lenet_variants.anatomy import Difference

DIGITS = {"name": "digits", "subset": 100, "image_size": [28, 28]}
PLAIN = {"control": "lenet", "dataset": DIGITS, "factors": {}, "design": "arms", "seeds": 1}


@pytest.fixture
def comparison(plan):
    """The arms of a study of the plain LeNet on digits of 28x28, beside their control."""
    return lambda **changes: compare(plan(**{**PLAIN, **changes}))


@pytest.fixture
def one_factor(comparison):
    """The difference of the one arm of a study of one factor, and the warnings."""

    def make(factor, level):
        found = comparison(design="one-factor", factors={factor: [level]})
        return next(iter(found.arms.values())), found.warnings

    return make


@pytest.mark.parametrize(
    ("factor", "level", "layers"),
    [
        ("activation", "relu", Difference(replaced=("act1", "act2", "act3", "act4"))),
        ("norm", "batch", Difference(added=("norm1", "norm2", "norm3", "norm4"))),
        ("dropout", 0.5, Difference(added=("drop1", "drop2"))),
        ("bias", "none", Difference(replaced=("conv1", "conv2"))),
    ],
)
def test_a_level_shows_in_its_own_layers(one_factor, factor, level, layers):
    difference, warnings = one_factor(factor, level)
    assert difference.layers == layers
    assert list(difference.settings) == [factor]
    assert difference.settings[factor][1] == level
    assert difference.same_scores is False
    assert warnings == ()


def test_sizes_are_the_arms_less_the_controls(one_factor):
    difference, _ = one_factor("bias", "none")
    assert (difference.n_parameters, difference.n_macs) == (-22, 0)
    assert difference.n_connections == -(6 * 24**2 + 16 * 8**2)


@pytest.mark.parametrize(
    ("factor", "level"), [("recipe.learning_rate", 0.1), ("dataset.subset", 50)]
)
def test_a_recipe_or_other_data_leave_the_network_and_are_no_alias(one_factor, factor, level):
    difference, warnings = one_factor(factor, level)
    assert not difference.layers
    assert difference.same_scores is True
    assert difference.settings[factor][1] == level
    assert warnings == ()


def test_other_initial_weights_are_other_scores(one_factor):
    difference, warnings = one_factor("recipe.init", "kaiming")
    assert not difference.layers
    assert difference.same_scores is False
    assert warnings == ()


def test_layers_that_only_follow_are_told_with_their_growth(one_factor):
    difference, warnings = one_factor("pooling", "none")
    growth, more = 120 * (16 * 20 * 20 - 16 * 4 * 4), 6 * 25 * 16 * (20 * 20 - 8 * 8)
    assert difference.follows == {"conv2": (0, more), "fc1": (growth, growth)}
    assert warnings == (
        "arm 'pooling=none' changes more than pooling: conv2 and fc1 only follow, by +737,280 "
        "parameters (+1660% of the control's) and +1,543,680 MACs (+548% of the control's); an arm "
        "with matched_to: control keeps the size",
    )


def test_work_that_only_follows_is_told_where_the_size_stays(comparison):
    found = comparison(control="lenet-gap", design="one-factor", factors={"pooling": ["none"]})
    (warning,) = found.warnings
    assert "changes more than pooling: conv2 only follows, by +806,400 MACs (+336% of" in warning


def test_cells_of_a_grid_with_one_knock_on_are_told_together(comparison):
    factors = {"pooling": ["max", "none"], "activation": ["sigmoid", "relu", "tanh"]}
    (warning,) = comparison(design="grid", factors=factors).warnings
    assert warning.startswith(
        "arms 'pooling=none', 'pooling=none,activation=relu' and 'pooling=none,activation=tanh' "
        "change more than their factors: conv2 and fc1 only follow, by +737,280 parameters"
    )


def test_a_matched_arm_keeps_the_size_as_it_was_asked_to(comparison):
    arm = {"variant": "lenet", "levels": {"pooling": "none"}, "matched_to": "control"}
    found = comparison(arms=[{"name": "matched", **arm}])
    assert abs(found.arms["matched"].n_parameters) < 0.1 * 44_426
    assert set(found.arms["matched"].settings) == {"pooling", "hidden"}
    assert found.warnings == ()


def test_the_cells_of_a_grid_change_what_they_should(comparison):
    found = comparison(
        design="grid", factors={"activation": ["sigmoid", "relu"], "norm": ["none", "batch"]}
    )
    assert [len(one.settings) for one in found.arms.values()] == [1, 1, 2]
    assert found.warnings == ()


def test_a_listed_variant_that_brings_its_own_levels_changes_more(comparison):
    control = {"variant": "lenet", "levels": {"activation": "relu"}}
    found = comparison(control=control, arms=["lenet-avg", "lenet-d2l"])
    assert found.warnings[0] == (
        "arm 'lenet-avg' changes activation and pooling at once: its contrast cannot say which of "
        "them matters; add arms that change one each"
    )
    assert "'lenet-d2l' changes activation, pooling and padding at once" in found.warnings[1]


def test_one_level_spelled_in_two_ways_is_no_change(comparison):
    levels = {"padding": [0, 0], "pooling": "avg"}
    found = comparison(arms=[{"name": "spelled", "variant": "lenet", "levels": levels}])
    assert list(found.arms["spelled"].settings) == ["pooling"]
    assert found.warnings == ()


@pytest.mark.parametrize("contrast", ["two - one", "one - two"])
def test_an_arm_that_a_claim_holds_beside_a_nearer_one_says_what_it_changes_there(
    comparison, contrast
):
    relu = {"activation": "relu"}
    steps = [
        {"name": "one", "variant": "lenet", "levels": relu},
        {"name": "two", "variant": "lenet", "levels": {**relu, "norm": "batch"}},
        {"name": "three", "variant": "lenet", "levels": {**relu, "pooling": "avg"}},
    ]
    claim = {"text": "a", "contrast": contrast, "expect": "greater"}
    assert comparison(arms=steps, claims=[claim]).warnings == (
        "arm 'two' changes activation and norm at once: its contrast cannot say which of them "
        "matters; beside arm 'one', as claimed, it changes norm",
        "arm 'three' changes activation and pooling at once: its contrast cannot say which of them "
        "matters; add arms that change one each",
    )


def test_another_family_is_one_change_and_its_activation_a_second(comparison):
    sigmoid = {"name": "like", "variant": "mlp-matched", "levels": {"activation": "sigmoid"}}
    found = comparison(arms=["mlp", "softmax", sigmoid])
    assert found.arms["mlp"].settings == {
        "variant": ("lenet", "mlp"),
        "activation": ("sigmoid", "relu"),
    }
    # It has no layer for an activation, and `like` has the control's.
    assert list(found.arms["softmax"].settings) == ["variant"]
    assert list(found.arms["like"].settings) == ["variant"]
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("arm 'mlp' changes variant and activation at once")


@pytest.fixture
def switches(forget_plugins):
    """A plug-in with a level it ignores, one that acts in training alone, and one that freezes."""

    class Switched(nn.Sequential):
        def __init__(self, n_inputs, n_classes, rate):
            super().__init__(nn.Flatten(), nn.Linear(n_inputs, n_classes))
            self.rate = rate

        def forward(self, images):
            return nn.functional.dropout(super().forward(images), self.rate, self.training)

    @register_variant("switched", source="this test")
    def switched(
        input_shape,
        n_classes,
        *,
        act: Literal["relu", "tanh"] = "relu",
        rate: float = 0.0,
        frozen: bool = False,
    ):
        model = Switched(math.prod(input_shape), n_classes, rate)
        model[1].bias.requires_grad_(not frozen)
        return model


@pytest.mark.usefixtures("switches")
def test_a_switch_that_changes_nothing_is_told(comparison):
    found = comparison(control="switched", design="one-factor", factors={"act": ["tanh"]})
    assert found.arms["act=tanh"].same_scores is True
    assert not found.arms["act=tanh"].layers
    assert found.warnings == (
        "arm 'act=tanh' changes nothing: it gives the control's scores before training, with the "
        "same recipe and data; drop it, or mend the level it sets",
    )


@pytest.mark.usefixtures("switches")
@pytest.mark.parametrize(("level", "value"), [("rate", 0.5), ("frozen", True)])
def test_a_switch_that_shows_in_training_alone_is_a_change(comparison, level, value):
    found = comparison(control="switched", design="one-factor", factors={level: [value]})
    assert next(iter(found.arms.values())).same_scores is False
    assert found.warnings == ()


def test_a_level_that_changes_layers_of_no_level_is_told_where_those_are_named(
    comparison, forget_plugins
):
    def sneaking(input_shape, n_classes, *, act: Literal["relu", "tanh"] = "relu"):
        more = [("norm1", nn.LayerNorm(8))] if act == "tanh" else []
        act1 = {"relu": nn.ReLU, "tanh": nn.Tanh}[act]()
        layers = [("flatten", nn.Flatten()), ("fc1", nn.Linear(math.prod(input_shape), 8)), *more]
        return nn.Sequential(
            OrderedDict([*layers, ("act1", act1), ("output", nn.Linear(8, n_classes))])
        )

    register_variant("open", source="this test")(sneaking)
    register_variant("held", source="this test", layers={"act": ["act"]})(sneaking)
    study = {"design": "one-factor", "factors": {"act": ["tanh"]}}
    assert comparison(control="open", **study).warnings == ()
    assert comparison(control="held", **study).warnings == (
        "arm 'act=tanh' changes more than act: norm1 too, which belongs to no level it sets; mend "
        "the builder, or its `layers`",
    )


@pytest.mark.usefixtures("switches")
def test_an_arm_under_another_name_is_told_across_families(comparison):
    found = comparison(arms=["softmax", "switched"])
    assert found.warnings == (
        "arm 'switched' is arm 'softmax' under another name: it gives the same scores before "
        "training, with the same recipe and data; drop one",
    )
    apart = {"name": "switched", "variant": "switched", "recipe": {"epochs": 2}}
    assert not any("another name" in text for text in comparison(arms=["softmax", apart]).warnings)


def test_running_averages_tell_networks_apart(comparison, forget_plugins):
    @register_variant("averaged", source="this test")
    def averaged(input_shape, n_classes, *, momentum: float = 0.1):
        norm = nn.BatchNorm2d(input_shape[0], momentum=momentum)
        return nn.Sequential(norm, nn.Flatten(), nn.Linear(math.prod(input_shape), n_classes))

    factors = {"momentum": [0.5]}
    found = comparison(control="averaged", design="one-factor", factors=factors)
    assert found.arms["momentum=0.5"].same_scores is False


def test_a_network_that_is_too_large_is_compared_by_its_layers(comparison, monkeypatch):
    monkeypatch.setattr(differences, "MOST_PARAMETERS", 10_000)
    found = comparison(arms=["lenet-relu", "softmax"])
    assert found.arms["lenet-relu"].same_scores is None
    assert found.arms["lenet-relu"].layers
    assert found.arms["softmax"].same_scores is None  # the control is too large


def test_a_network_that_fails_is_left_for_its_runs_to_tell(comparison, forget_plugins):
    class Failing(nn.Module):
        def __init__(self, n_inputs, n_classes):
            super().__init__()
            self.output = nn.Linear(n_inputs, n_classes)

        def forward(self, images):
            if images.device.type != "meta":
                raise RuntimeError("broken")
            return self.output(images.flatten(1))

    @register_variant("failing", source="this test")
    def failing(input_shape, n_classes):
        return Failing(math.prod(input_shape), n_classes)

    assert comparison(arms=["failing"]).arms["failing"].same_scores is None


def test_plain_values_are_ready_for_json(one_factor):
    difference, _ = one_factor("channels", [6, 17])
    assert difference.to_dict() == {
        "settings": {"channels": [[6, 16], [6, 17]]},
        "layers": {
            "added": [],
            "removed": [],
            "replaced": ["conv2"],
            "resized": ["act2", "pool2", "flatten", "fc1"],
        },
        "sizes": {
            "conv2": {
                "output_shape": [[16, 8, 8], [17, 8, 8]],
                "n_parameters": [2_416, 2_567],
                "n_macs": [153_600, 163_200],
            },
            "act2": {"output_shape": [[16, 8, 8], [17, 8, 8]]},
            "pool2": {"output_shape": [[16, 4, 4], [17, 4, 4]]},
            "flatten": {"output_shape": [[256], [272]]},
            "fc1": {"n_parameters": [30_840, 32_760], "n_macs": [30_720, 32_640]},
        },
        "n_parameters": 151 + 16 * 120,
        "n_macs": 150 * 64 + 16 * 120,
        "n_connections": 151 * 64 + 16 * 120,
        "same_scores": False,
    }


def test_the_callers_generator_is_left_alone(comparison):
    state = torch.get_rng_state()
    comparison(arms=["lenet-relu"])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_that_cannot_be_matched_is_not_told_to_be(comparison, forget_plugins):
    @register_variant("wide", source="this test")
    def wide(input_shape, n_classes, *, width: int = 4):
        n_inputs = math.prod(input_shape)
        return nn.Sequential(nn.Flatten(), nn.Linear(n_inputs, width), nn.Linear(width, n_classes))

    factors = {"width": [2000]}
    (warning,) = comparison(control="wide", design="one-factor", factors=factors).warnings
    assert warning.endswith("of the control's); its size changes with it")


def test_a_contrast_of_arms_that_are_not_trained_as_long_is_told_to_get_no_verdict(comparison):
    entries = [
        {"name": "digits", "subset": 300},
        {"name": "digits", "subset": 30, "recipe": {"epochs": 10}},
    ]
    claim = {
        "text": "more images are better",
        "contrast": "control on subset=300 - control on subset=30",
        "expect": "greater",
    }
    study = {"dataset": entries, "control": "mlp", "arms": ["softmax"], "claims": [claim]}
    (warning,) = (text for text in comparison(**study).warnings if "no verdict" in text)
    assert warning == (
        "contrast 'control on subset=300 - control on subset=30': its arms are trained for 1 and "
        "10 epochs, so it gets no verdict; train both as long, or set accept: [unequal_epochs]"
    )
    for told in (
        comparison(**study, accept=["unequal_epochs"]).warnings,
        comparison(design="one-factor", factors={"recipe.epochs": [3]}).warnings,
    ):
        assert not any("no verdict" in text for text in told)
