"""Arms: what each comes to, what makes two of them the same, and what cannot be built."""

from __future__ import annotations

import json

import pytest

from ablations.errors import SpecError
from ablations.sizes import GROWTH_FACTORS
from lenet_variants import measure

SMALL = {"kernel_size": 3, "padding": 1}
WIDE = {"name": "wide", "variant": "lenet-wide", "levels": SMALL}

RBF = {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1, "output": "rbf"}}


@pytest.fixture
def arm_key(plan):
    """The key of the control, or of the arm of that name, of a study."""

    def key(name="control", **changes):
        return plan(**changes).arm(name).arm_key

    return key


@pytest.fixture
def told(plan):
    def problems(**changes):
        with pytest.raises(SpecError) as caught:
            plan(**changes)
        assert caught.value.where == "study 'example'"
        return list(caught.value.problems)

    return problems


def test_control_is_first_and_arms_follow_in_the_files_order(plan):
    made = plan(factors={"pooling": ["avg"], "activation": ["relu"]}, arms=["softmax", "mlp"])
    assert [arm.name for arm in made.arms] == [
        "control",
        "pooling=avg",
        "activation=relu",
        "softmax",
        "mlp",
    ]


def test_arm_has_every_level_whole_recipe_and_its_changes(plan):
    made = plan(design="grid", factors={"activation": ["relu"], "recipe.epochs": [3]})
    arm = made.arm("activation=relu,recipe.epochs=3")
    assert arm.changes == {"activation": "relu", "recipe.epochs": 3}
    assert (arm.levels["activation"], arm.levels["pooling"]) == ("relu", "max")
    assert (arm.recipe.epochs, arm.recipe.batch_size) == (3, 32)
    assert made.arm("control").changes == {}


def test_one_factor_arms_differ_from_the_control_in_one_thing(plan):
    made = plan(
        factors={
            "activation": ["relu", "tanh"],
            "recipe.learning_rate": [0.01],
            "dataset.permutation": ["fixed"],
        }
    )
    control = flat(made.arms[0])
    for arm in made.arms[1:]:
        differing = [key for key, value in flat(arm).items() if value != control[key]]
        assert differing == list(arm.changes)


def flat(arm):
    return {
        **arm.levels,
        **{f"recipe.{key}": value for key, value in arm.recipe.model_dump().items()},
        **{f"dataset.{key}": value for key, value in arm.dataset.model_dump().items()},
    }


def test_counts_are_those_of_measure(plan):
    arm = plan().arm("activation=relu")
    counts = measure.count("lenet", {**SMALL, "activation": "relu"}, (1, 8, 8), 10)
    assert (arm.n_parameters, arm.n_macs, arm.n_connections) == (
        counts.n_parameters,
        counts.n_macs,
        counts.n_connections,
    )


def test_image_size_of_an_arm_sets_its_input_and_its_counts(plan):
    made = plan(factors={"dataset.image_size": [[16, 12]]})
    arm = made.arm("dataset.image_size=16x12")
    assert arm.input_shape == (1, 16, 12)
    assert arm.n_macs == measure.count("lenet", SMALL, (1, 16, 12), 10).n_macs
    assert made.arm("control").input_shape == (1, 8, 8)


def test_image_size_probe_counts_at_multiples_of_the_arms_own_input(plan):
    growth = plan(probes=["image_size"]).arm("control").growth
    assert [row["input"] for row in growth] == [[1, 8 * n, 8 * n] for n in GROWTH_FACTORS]
    for row in growth:
        counts = measure.count("lenet", SMALL, tuple(row["input"]), 10)
        assert (row["n_parameters"], row["n_macs"]) == (counts.n_parameters, counts.n_macs)
        numbers = measure.n_activations("lenet", SMALL, tuple(row["input"]), 10)
        assert row["activation_bytes"] == 4 * numbers
    assert plan().arm("control").growth == ()
    assert "megapixel" not in plan().arm("control").to_dict()


def test_a_photograph_into_256_outputs_takes_768_million_weights(plan):
    arms = [{"name": "one layer", "variant": "softmax"}, "mlp", {"name": "codes", **RBF}]
    made = plan(probes=["image_size"], arms=arms)
    found = made.arm("one layer").megapixel
    assert (found["input"], found["n_outputs"]) == ([3, 1000, 1000], 256)
    assert found["n_macs"] == 768_000_000  # a weight each
    assert found["n_parameters"] == 768_000_256
    assert found["parameter_bytes"] == 3_072_001_024
    # The book's MLP has it as its first layer of 256 units, and one of 256 x 256 behind it.
    assert made.arm("mlp").megapixel["n_macs"] == 768_000_000 + 256 * 256
    assert made.arm("control").megapixel["n_parameters"] < 768_000_000
    assert made.arm("codes").megapixel == {}  # 84 units have no codes for 256 classes


def test_arm_key_ignores_the_arms_name(arm_key):
    named = [{"name": "a net", "variant": "mlp"}]
    assert arm_key("a net", arms=named) == arm_key("mlp", arms=["mlp"])


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        (
            {"recipe": {"epochs": 1, "optimizer": "adam"}},
            {"recipe": {"optimizer": "adam", "epochs": 1}},
        ),
        ({"recipe": {"learning_rate": 0.001}}, {"recipe": {}}),
        ({"recipe": {"learning_rate": "1e-2"}}, {"recipe": {"learning_rate": 0.01}}),
        ({"recipe": {"gradient_clip": 1}}, {"recipe": {"gradient_clip": 1.0}}),
        ({"dataset": {"name": "digits", "normalise": "unit"}}, {"dataset": "digits"}),
        ({"control": {"variant": "lenet", "levels": {"kernel_size": [3, 3], "padding": 1}}}, {}),
        ({"control": {"variant": "lenet", "levels": {"padding": 1.0, "kernel_size": 3}}}, {}),
        ({"control": {"variant": "lenet", "levels": {**SMALL, "pooling": "max"}}}, {}),
        ({"study": "another", "question": "why?", "probes": ["shift"], "seeds": 1}, {}),
        ({"endpoint": {"metric": "test/loss", "margin": 1}}, {}),
    ],
)
def test_arm_key_does_not_depend_on_how_it_is_written(arm_key, changes, same):
    assert arm_key(**changes) == arm_key(**same)


def test_arm_key_does_not_depend_on_the_order_of_factors(plan):
    factors = {"activation": ["relu"], "pooling": ["avg"]}
    made = plan(design="grid", factors=factors)
    turned = plan(design="grid", factors=dict(reversed(factors.items())))
    assert {arm.arm_key for arm in made.arms} == {arm.arm_key for arm in turned.arms}


def test_named_variant_is_the_same_arm_as_its_family_at_those_levels(arm_key):
    relu = {"variant": "lenet", "levels": {**SMALL, "activation": "relu"}}
    factors = {"pooling": ["avg"]}
    assert arm_key(control={"variant": "lenet-relu", "levels": SMALL}, factors=factors) == arm_key(
        control=relu, factors=factors
    )
    assert arm_key("activation=relu") == arm_key(control=relu, factors=factors)


def test_matched_mlp_is_the_mlp_with_its_hidden_sizes(plan, arm_key):
    made = plan(arms=["mlp-matched"])
    matched = made.arm("mlp-matched")
    (width,) = matched.levels["hidden"]
    by_hand = {"name": "by hand", "variant": "mlp", "levels": {"hidden": [width]}}
    assert matched.arm_key == arm_key("by hand", arms=[by_hand])
    assert matched.arm_key != arm_key("mlp", arms=["mlp"])


def test_matched_mlp_is_as_near_to_its_target_as_one_layer_can_be(plan):
    made = plan(arms=[WIDE, {"variant": "mlp-matched", "matched_to": "wide"}])
    target, arm = made.arm("wide"), made.arm("mlp-matched")
    (width,) = arm.levels["hidden"]
    miss = abs(arm.n_parameters - target.n_parameters)
    for other in (width - 1, width + 1):
        counts = measure.count("mlp", {"hidden": (other,)}, (1, 8, 8), 10)
        assert abs(counts.n_parameters - target.n_parameters) >= miss


def test_matching_by_macs_matches_macs(plan):
    arms = [{"name": by, "variant": "mlp-matched", "by": by} for by in ("parameters", "macs")]
    made = plan(arms=arms)
    control = made.arm("control")
    miss = {name: abs(made.arm(name).n_macs - control.n_macs) for name in ("parameters", "macs")}
    assert miss["macs"] < miss["parameters"]


def test_matched_mlp_keeps_hidden_sizes_given_by_hand(plan):
    arm = {"variant": "mlp-matched", "levels": {"hidden": [30]}}
    assert plan(arms=[arm]).arm("mlp-matched").levels["hidden"] == (30,)


def test_arms_own_recipe_and_data_enter_its_key(plan):
    keys = {
        plan(arms=[{"variant": "mlp", **own}]).arm("mlp").arm_key
        for own in (
            {},
            {"recipe": {"epochs": 2}},
            {"dataset": {"permutation": "fixed"}},
            {"levels": {"hidden": [3]}},
        )
    }
    assert len(keys) == 4


def test_matching_an_arm_that_stands_later_is_refused(told):
    arms = [{"variant": "mlp", "matched_to": "softmax"}, "softmax"]
    assert told(arms=arms) == [
        "arm 'mlp': matched_to must name an arm that stands before it, got 'softmax' "
        "(there are: control, activation=relu)"
    ]


def test_an_arm_can_be_matched_to_a_cell_of_the_design(plan):
    made = plan(
        factors={"channels": [[2, 4]]},
        arms=[{"variant": "mlp-matched", "matched_to": "channels=2x4"}],
    )
    cell, matched = made.arm("channels=2x4"), made.arm("mlp-matched")
    assert abs(matched.n_parameters - cell.n_parameters) < 0.02 * cell.n_parameters


def test_asking_for_all_images_at_their_own_size_asks_for_nothing(plan, digits):
    everything = {"subset": len(digits.train_labels), "image_size": [8, 8]}
    assert (
        plan(dataset={"name": "digits", **everything}).arms[0].arm_key
        == plan(dataset="digits").arms[0].arm_key
    )


@pytest.mark.parametrize(
    ("arm", "same"),
    [
        ({"name": "again", "variant": "lenet", "levels": SMALL}, "control"),
        (
            {"name": "again", "variant": "lenet-relu", "levels": SMALL},
            "activation=relu",
        ),
        (
            {"name": "again", "variant": "lenet", "levels": {"kernel_size": [3, 3], "padding": 1}},
            "control",
        ),
        (
            {"name": "again", "variant": "lenet", "levels": SMALL, "recipe": {"epochs": 1}},
            "control",
        ),
    ],
)
def test_two_arms_that_are_one_training_are_refused(told, arm, same):
    assert told(arms=[arm]) == [
        f"arm 'again': is the same network, recipe and data as arm {same!r}; drop one"
    ]


def test_name_that_the_design_takes_is_refused(told):
    assert told(arms=[{"name": "control", "variant": "mlp"}]) == [
        "arms: the name 'control' is taken by the design; rename the arm"
    ]


def test_level_named_twice_is_refused(told):
    factors = {"activation": ["relu", "relu"], "recipe.learning_rate": ["1e-2", 0.01]}
    assert told(factors=factors) == [
        "factors.activation: the level 'relu' is named twice",
        "factors.recipe.learning_rate: the level 0.01 is named twice",
    ]


def test_every_arm_that_vanishes_is_told_by_name(told):
    problems = told(factors={"kernel_size": [5, 7, 2, 11]})
    assert [problem.partition(": expected")[0] for problem in problems] == [
        "arm 'kernel_size=5': lenet pool2",
        "arm 'kernel_size=7': lenet conv2",
        "arm 'kernel_size=11': lenet conv1",
    ]


def test_recipe_keys_that_clash_in_one_cell_are_told_by_the_arms_name(told):
    factors = {"recipe.optimizer": ["sgd", "adam"], "recipe.momentum": [0.0, 0.9]}
    assert told(design="grid", factors=factors, recipe={"optimizer": "sgd"}) == [
        "arm 'recipe.optimizer=adam,recipe.momentum=0.9': "
        "momentum is used by sgd only, got optimizer 'adam'"
    ]


def test_data_that_cannot_be_given_is_told_by_the_arms_name(told):
    assert told(factors={"dataset.subset": [200, 9999]}) == [
        "arm 'dataset.subset=9999': dataset.subset: must be 10 (one a class) to 1438 "
        "(all training images), got 9999"
    ]


def test_arm_of_the_plan_is_plain_json(plan):
    arm = plan(factors={"channels": [[3, 8]]}, probes=["image_size"]).arm("channels=3x8")
    plain = arm.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["changes"] == {"channels": [3, 8]}
    assert plain["levels"]["channels"] == [3, 8]
    assert plain["arm_key"] == arm.arm_key
    assert "identity" not in plain


def test_an_arm_matched_to_one_that_cannot_be_made_is_not_told_again(told):
    problems = told(control="lenet", factors={}, arms=["mlp-matched"])
    assert [text.partition(":")[0] for text in problems] == ["arm 'control'"]
