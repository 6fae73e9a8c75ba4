"""What is said of a wrong study file, and what may be written short."""

from __future__ import annotations

import pytest

from ablations.errors import SpecError
from ablations.probe_cards import CARDS
from ablations.study_file import parse_study
from lenet_variants import catalogue

RECIPE_KEYS = (
    "augmentation, batch_size, deterministic, epochs, gradient_clip, init, label_smoothing, "
    "learning_rate, loss, momentum, optimizer, precision, schedule, warmup, weight_decay"
)
VARIANTS = ", ".join(sorted(catalogue.names()))
ACTIVATIONS = "elu, gelu, identity, leaky_relu, relu, scaled_tanh, sigmoid, silu, tanh"
LEVELS = (
    "activation, bias, channels, connections, dropout, head, hidden, kernel_size, norm, output, "
    "padding, pooling, stride, weights"
)


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ({"lr": 0.1}, f".lr: unknown key 'lr'; (known: {RECIPE_KEYS})"),
        (
            {"epoch": 1},
            f".epoch: unknown key 'epoch'; did you mean 'epochs'? (known: {RECIPE_KEYS})",
        ),
        (
            {"optimizer": "adan"},
            ".optimizer: must be one of 'sgd', 'adam' or 'adamw', got 'adan'; did you mean 'adam'?",
        ),
        ({"epochs": 0}, ".epochs: must be >= 1, got 0"),
        ({"epochs": 2.5}, ".epochs: must be a whole number, got 2.5"),
        ({"epochs": "five"}, ".epochs: must be a whole number, got 'five'"),
        ({"epochs": True}, ".epochs: must not be true or false, got True"),
        ({"learning_rate": 0}, ".learning_rate: must be > 0.0, got 0"),
        ({"learning_rate": "fast"}, ".learning_rate: must be a number, got 'fast'"),
        ({"learning_rate": float("nan")}, ".learning_rate: must be finite, got nan"),
        ({"label_smoothing": 1}, ".label_smoothing: must be < 1.0, got 1"),
        ({"deterministic": "maybe"}, ".deterministic: must be true or false, got 'maybe'"),
        ({"momentum": 0.9}, ": momentum is used by sgd only, got optimizer 'adam'"),
        ([1], ": must be a mapping, got [1]"),
    ],
)
def test_bad_recipe_is_told_by_path_value_and_what_is_allowed(problems_of, recipe, problem):
    assert problems_of(recipe=recipe) == [f"recipe{problem}"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"study": None}, "study: is required and missing"),
        ({"study": ""}, "study: must not be empty, got ''"),
        ({"study": 3}, "study: must be text, got 3"),
        ({"study": "a\nb"}, "study: must not contain control characters, got 'a\\nb'"),
        ({"study": "a\x85b"}, "study: must not contain control characters, got 'a\\x85b'"),
        (
            {"study": "x" * 201},
            f"study: must have at most 200 characters, got '{'x' * 201}'",
        ),
        ({"endpoint": None}, "endpoint: is required and missing"),
        ({"endpoint": {}}, "endpoint.margin: is required and missing"),
        ({"endpoint": {"margin": 0}}, "endpoint.margin: must be > 0.0, got 0"),
        ({"endpoint": {"margin": 1, "alpha": 0.5}}, "endpoint.alpha: must be < 0.5, got 0.5"),
        (
            {"curves": "validation"},
            "curves: 'validation' needs a split; set dataset.validation to a number of images",
        ),
        (
            {"curves": "tets"},
            "curves: must be one of 'train', 'validation' or 'test', got 'tets'; "
            "did you mean 'test'?",
        ),
        (
            {"design": "grdi"},
            "design: must be one of 'one-factor', 'grid', 'pairs', 'zip', 'leave-one-out', "
            "'add-one-in' or 'arms', got 'grdi'; did you mean 'grid'?",
        ),
        (
            {"probes": ["shfit"]},
            f"probes.0: must be one of {', '.join(CARDS)}, or {{NAME: {{n_images: N}}}}, "
            "got 'shfit'; did you mean 'shift'?",
        ),
        (
            {"probes": [{"shift": {"pixels": 3}}]},
            "probes.0: shift takes n_images and nothing else, got {'pixels': 3}",
        ),
        (
            {"probes": [{"images": {"n_images": 3}}]},
            "probes.0: images takes no keys, got {'n_images': 3}",
        ),
        (
            {"probes": ["shift", {"shift": {"n_images": 0}}]},
            "probes.1: shift.n_images must be a whole number >= 1, got 0",
        ),
        ({"probes": ["images", "images"]}, "probes: names 'images' twice; drop one"),
        ({"plugins": "x.py"}, "plugins: must be a list, got 'x.py'"),
        ({"root_seed": -1}, "root_seed: must be >= 0, got -1"),
    ],
)
def test_bad_key_is_told_by_path_value_and_what_is_allowed(problems_of, changes, problem):
    assert problems_of(**changes) == [problem]


def test_unknown_key_is_told_with_the_nearest(problems_of):
    (problem,) = problems_of(sedes=3)
    assert problem.startswith("sedes: unknown key 'sedes'; did you mean 'seeds'? (known: accept, ")


@pytest.mark.parametrize(
    ("seeds", "problem"),
    [
        (0, "seeds: needs at least one seed"),
        ([], "seeds: needs at least one seed"),
        ([1, 0, 1], "seeds: names a seed twice: [0, 1, 1]"),
        ("0..2", "seeds: must be a list, got '0..2'"),
        (True, "seeds: must not be true or false, got True"),
        (2_000_000_000, "seeds: must be at most 10000 seeds, got 2000000000"),
        ([-1], "seeds.0: must be >= 0, got -1"),
        ([0, 2**31], "seeds.1: must be < 2147483648, got 2147483648"),
    ],
)
def test_bad_seeds_are_told(problems_of, seeds, problem):
    assert problems_of(seeds=seeds) == [problem]


@pytest.mark.parametrize(
    ("dataset", "problem"),
    [
        (
            "fashon-mnist",
            ".name: unknown data set 'fashon-mnist'; did you mean 'fashion-mnist'? (known: "
            "fashion-mnist, mnist, kmnist, cifar10, digits, idx:PATH, images:PATH, npz:PATH)",
        ),
        (
            {"name": "digits", "permutation": "blocks-0"},
            ".permutation: must be none, fixed or blocks-N, got 'blocks-0'",
        ),
        ({"name": "digits", "image_size": 8}, ".image_size: must be a list, got 8"),
        (
            {"name": "digits", "image_size": [0, 8]},
            ".image_size.0: must be >= 1, got 0",
        ),
        ({"name": "digits", "label_noise": 2}, ".label_noise: must be <= 1.0, got 2"),
        ({"name": "digits", "subset": 0}, ".subset: must be >= 1, got 0"),
    ],
)
def test_bad_dataset_is_told(problems_of, dataset, problem):
    assert problems_of(dataset=dataset) == [f"dataset{problem}"]


def test_bad_control_is_told_level_by_level(problems_of):
    assert problems_of(control="lenett") == [
        "control.variant: expected a registered name, got 'lenett'; did you mean 'lenet'? "
        f"(registered: {VARIANTS})"
    ]
    levels = {"poling": "max", "activation": "rellu"}
    assert problems_of(control={"variant": "lenet", "levels": levels}) == [
        f"control.levels.poling: no such level; did you mean 'pooling'? (levels: {LEVELS})",
        "control.levels.activation: expected one of 9 words, got 'rellu'; "
        f"did you mean 'relu'? (allowed: {ACTIVATIONS})",
    ]


@pytest.mark.parametrize(
    ("factors", "problem"),
    [
        (
            {"activaton": ["relu"]},
            f".activaton: no such level; did you mean 'activation'? (levels: {LEVELS})",
        ),
        (
            {"activation": ["rellu"]},
            ".activation: expected one of 9 words, got 'rellu'; did you mean 'relu'? "
            f"(allowed: {ACTIVATIONS})",
        ),
        (
            {"recipe.epoch": [1]},
            f".recipe.epoch: unknown key 'epoch'; did you mean 'epochs'? (known: {RECIPE_KEYS})",
        ),
        ({"recipe.learning_rate": [0]}, ".recipe.learning_rate: must be > 0.0, got 0"),
        ({"recipe.momentum": [0.9]}, ".recipe: momentum is used by sgd only, got optimizer 'adam'"),
        (
            {"dataset.permutation": ["fixd"]},
            ".dataset.permutation: must be none, fixed or blocks-N, got 'fixd'",
        ),
        (
            {"dataset.name": ["mnist"]},
            ".dataset.name: the data set is no factor; give the key dataset a list of them",
        ),
        (
            {"data.subset": [1]},
            ".data.subset: must be a level, recipe.KEY or dataset.KEY, got 'data.subset'",
        ),
    ],
)
def test_bad_factor_is_told(problems_of, factors, problem):
    assert problems_of(factors=factors) == [f"factors{problem}"]


def test_design_and_factors_must_fit(problems_of):
    assert problems_of(design="arms") == [
        "factors: design 'arms' takes none; use 'one-factor', 'grid' or another design"
    ]
    assert problems_of(factors={}) == [
        "factors: design 'one-factor' has nothing to vary; name factors or arms"
    ]


@pytest.mark.parametrize(
    ("arms", "problem"),
    [
        (["mlp", "mlp"], "arms: the name 'mlp' is given twice; name each arm apart"),
        (
            [{"name": "a - b", "variant": "mlp"}],
            "arms.0.name: must not contain ' - ', which separates the arms of a contrast",
        ),
        (
            [{"name": "a\tb", "variant": "mlp"}],
            "arms.0.name: must not contain control characters, got 'a\\tb'",
        ),
        ([3], "arms.0: must be a mapping, got 3"),
        (
            [{"variant": "mlp", "levls": {}}],
            "arms.0.levls: unknown key 'levls'; did you mean 'levels'? "
            "(known: by, dataset, levels, matched_to, name, recipe, variant)",
        ),
        (
            ["mlpp"],
            "arms.0.variant: expected a registered name, got 'mlpp'; did you mean 'mlp'? "
            f"(registered: {VARIANTS})",
        ),
        (
            [{"variant": "mlp", "recipe": {"epochs": 0}}],
            "arms.0.recipe.epochs: must be >= 1, got 0",
        ),
        (
            [{"variant": "mlp", "recipe": {"momentum": 0.9}}],
            "arms.0.recipe: momentum is used by sgd only, got optimizer 'adam'",
        ),
        (
            [{"variant": "mlp", "dataset": {"subst": 3}}],
            "arms.0.dataset.subst: unknown key 'subst'; did you mean 'subset'? (known: "
            "image_size, label_noise, name, normalise, permutation, subset, validation)",
        ),
        (
            [{"variant": "mlp", "by": "weight"}],
            "arms.0.by: must be one of 'parameters' or 'macs', got 'weight'",
        ),
    ],
)
def test_bad_arm_is_told(problems_of, arms, problem):
    assert problems_of(arms=arms) == [problem]


def test_every_problem_of_a_file_is_told_at_once(problems_of):
    problems = problems_of(
        control="lenett",
        dataset="digts",
        endpoint={"margin": -1},
        seeds=[0, 0],
        recipe={"epochs": 0, "lr": 1},
        curves="validation",
        arms=[{"name": "a - b", "variant": "mlp"}, "mlpp"],
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "arms.0.name",
        "seeds",
        "recipe.epochs",
        "recipe.lr",
        "endpoint.margin",
        "control.variant",
        "arms.1.variant",
        "dataset.name",
        "curves",
    ]


def test_a_claim_at_fault_leaves_those_after_it_their_numbers(raw_study):
    bad = {"text": "bad", "contrast": "a - b"}
    good = {"text": "good", "contrast": "a - b", "expect": "less"}
    seen = []
    with pytest.raises(SpecError) as caught:
        parse_study(raw_study(claims=[bad, good]), misfits=lambda spec: seen.append(spec) or [])
    assert [claim.text for claim in seen[0].claims] == ["claims.0", "good"]
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"dataset": "digits"}, {"dataset": {"name": "digits"}}),
        ({"control": "lenet-d2l"}, {"control": {"variant": "lenet-d2l", "levels": {}}}),
        ({"arms": ["mlp"]}, {"arms": [{"name": "mlp", "variant": "mlp"}]}),
        ({"arms": [{"variant": "mlp"}]}, {"arms": [{"name": "mlp", "variant": "mlp"}]}),
        ({"seeds": 3}, {"seeds": [0, 1, 2]}),
        ({"recipe": {"learning_rate": "1e-2"}}, {"recipe": {"learning_rate": 0.01}}),
    ],
)
def test_shorthand_means_what_is_written_out(study, short, long):
    assert study(**short) == study(**long)


def test_seeds_keep_the_order_given(study):
    assert study(seeds=[3, 1, 2]).seeds == (3, 1, 2)


def test_what_only_the_data_show_is_told_with_the_files_own_mistakes(raw_study):
    def misfits(spec):
        return [f"arm 'control': too small for {spec.dataset.name}"]

    with pytest.raises(SpecError) as caught:
        parse_study({**raw_study(), "sees": 3}, misfits=misfits)
    first, second = caught.value.problems
    assert first.startswith("sees: unknown key 'sees'")
    assert second == "arm 'control': too small for digits"


def test_misfits_are_not_asked_of_a_study_whose_arms_cannot_be_known(raw_study):
    def misfits(spec):
        raise AssertionError(spec)

    with pytest.raises(SpecError, match="control"):
        parse_study({**raw_study(control="lenett"), "sees": 3}, misfits=misfits)


@pytest.mark.parametrize(
    ("seeds", "problem"),
    [
        ({"looks": [2, 5]}, "seeds.looks: must be numbers of seeds that increase from 3 or more"),
        ({"looks": [5, 5]}, "such as [5, 10, 15, 20], got [5, 5]"),
        ({"looks": []}, "got []"),
        ({"looks": [5, "x"]}, "seeds.looks.1: must be a whole number, got 'x'"),
        ({"looks": 5}, "seeds.looks: must be a list, got 5"),
        ({"looks": [5, 20_000]}, "seeds.looks: must be at most 10000 seeds, got 20000"),
        ({"looks": [5], "first": 3}, "seeds.first: unknown key 'first'; (known: looks)"),
        ({}, "seeds.looks: is required and missing"),
        ([0, -1], "seeds.1: must be >= 0, got -1"),
    ],
)
def test_looks_that_cannot_be_are_told_with_the_rest(problems_of, seeds, problem):
    first, second = problems_of(seeds=seeds, curves="validation")
    assert problem in first
    assert second.startswith("curves: 'validation' needs a split")


def test_looks_need_something_to_decide(problems_of):
    (problem,) = problems_of(seeds={"looks": [3, 5]}, design="arms", factors={})
    assert problem.startswith("seeds.looks: seeds are added until every contrast is decided")


def test_epochs_that_are_no_number_are_told_beside_a_probe_that_follows_them(problems_of):
    arms = [{"name": "other", "variant": "mlp", "recipe": {"epochs": "few"}}]
    factors = {"recipe.epochs": ["many", 4]}
    assert problems_of(probes=["gradient_flow"], arms=arms, factors=factors) == [
        "arms.0.recipe.epochs: must be a whole number, got 'few'",
        "factors.recipe.epochs: must be a whole number, got 'many'",
    ]
