"""Which cells a study's rules leave, and what its overrides set for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.cells import Cells
from ablations.errors import SpecError
from ablations.study_file import parse_study

GRID = {
    "design": "grid",
    "factors": {
        "activation": ["sigmoid", "relu"],
        "pooling": ["max", "avg"],
        "recipe.learning_rate": [0.001, "1e-2"],
    },
}
SHORT = {"activation": "relu", "pooling": "avg", "recipe.learning_rate": 0.01}


@pytest.fixture
def cells(study):
    """The cells of the grid above with some keys changed, and what is wrong with it."""

    def make(**changes):
        problems = []
        left = Cells(study(**{**GRID, **changes}), problems).left()
        return left, problems

    return make


@pytest.fixture
def told(raw_study):
    """What is told of the grid above with some keys changed."""

    def problems(**changes):
        with pytest.raises(SpecError) as caught:
            parse_study(raw_study(**{**GRID, **changes}))
        return list(caught.value.problems)

    return problems


def test_without_rules_every_cell_is_left(cells):
    left, problems = cells()
    assert len(left) == 8
    assert problems == []


def test_exclude_drops_what_matches_one_of_its_rules(cells):
    rules = [{"activation": "relu", "pooling": "avg"}, {"recipe.learning_rate": 0.01}]
    left, problems = cells(exclude=rules)
    assert problems == []
    assert left == [{}, {"pooling": "avg"}, {"activation": "relu"}]


def test_a_rule_may_name_the_controls_own_level(cells):
    left, _ = cells(exclude=[{"activation": "relu", "pooling": "max"}])
    assert len(left) == 6
    assert all(cell.get("activation") != "relu" or "pooling" in cell for cell in left)


def test_require_keeps_the_control_and_what_matches_one_of_its_rules(cells):
    left, problems = cells(require=[{"activation": "relu", "pooling": "avg"}])
    assert problems == []
    assert left == [{}, {"activation": "relu", "pooling": "avg"}, SHORT]


RULE = st.dictionaries(
    st.sampled_from(["activation", "pooling"]), st.sampled_from(["own", "other"]), min_size=1
)


@given(st.lists(RULE, max_size=2), st.lists(RULE, max_size=2))
def test_what_is_left_is_the_product_less_what_the_rules_say(study, exclude, require):
    levels = {"activation": ("sigmoid", "relu"), "pooling": ("max", "avg")}

    def named(rule):
        return {name: levels[name][word == "other"] for name, word in rule.items()}

    rules = {"exclude": [*map(named, exclude)], "require": [*map(named, require)]}
    problems = []
    left = Cells(study(**{**GRID, **rules}), problems).left()
    whole = [
        {"activation": a, "pooling": p, "recipe.learning_rate": r}
        for a in levels["activation"]
        for p in levels["pooling"]
        for r in (0.001, 0.01)
    ]

    def any_matches(rules, cell):
        return any(rule.items() <= cell.items() for rule in rules)

    own = {"activation": "sigmoid", "pooling": "max", "recipe.learning_rate": 0.001}
    expected = [
        cell
        for cell in whole
        if not any_matches(rules["exclude"], cell)
        and (cell == own or not require or any_matches(rules["require"], cell))
    ]
    assert [{**own, **cell} for cell in left] == expected
    assert (own in expected) == (not any("matches the control" in text for text in problems))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"exclude": [{"pooling": "max", "recipe.learning_rate": 0.001}]},
            "exclude.0: matches the control, which every study has; name a level that is not the "
            "control's",
        ),
        (
            {"exclude": [{"activation": "tanh"}]},
            "exclude.0.activation: no such level in this study, got 'tanh' (there are: sigmoid, "
            "relu)",
        ),
        (
            {"require": [{"activation": "relu"}], "exclude": [{"activation": "relu"}]},
            "require.0: matches no arm of the design that the rules before it leave; drop it, or "
            "mend its levels",
        ),
        (
            {
                "design": "one-factor",
                "exclude": [{"activation": "relu", "pooling": "avg"}],
            },
            "exclude.0: matches no arm of the design; drop it, or mend its levels",
        ),
        (
            {
                "exclude": [{"activation": "relu"}],
                "overrides": [{"match": {"activation": "relu"}, "recipe": {"epochs": 2}}],
            },
            "overrides.0.match: matches no arm of the design that the rules before it leave; drop "
            "it, or mend its levels",
        ),
        (
            {"design": "leave-one-out", "factors": {"activation": ["relu", "tanh"]}},
            "designs 'leave-one-out' and 'add-one-in' switch every factor from the control's level "
            "to one other: activation lists 2 beside the control's sigmoid; list one, or take "
            "design 'one-factor'",
        ),
        (
            {"factors": {"activation": ["sigmoid"]}},
            "factors: design 'grid' comes to the control alone; list a level that is not the "
            "control's",
        ),
        (
            {
                "factors": {"activation": ["relu"], "pooling": ["avg"]},
                "exclude": [{"activation": "relu"}, {"pooling": "avg"}],
            },
            "exclude, require: leave no arm of the design but the control; drop one of them",
        ),
        (
            {"design": "zip", "factors": {"activation": ["relu"], "pooling": ["avg", "l2"]}},
            "design 'zip' takes the first levels together, then the second, and so on: every "
            "factor must list as many, got activation 1, pooling 2",
        ),
    ],
)
def test_rules_and_designs_that_cannot_be_meant_are_told(cells, changes, problem):
    left, problems = cells(**changes)
    assert problems == [problem]
    assert {} in left or "matches the control" in problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"exclude": [{"activaton": "relu"}]},
            "exclude.0: 'activaton' is no factor of this study; did you mean 'activation'? "
            "(factors: activation, pooling, recipe.learning_rate)",
        ),
        ({"exclude": [{}]}, "exclude.0: must not be empty, got {}"),
        (
            {"require": [{"pooling": "mean"}]},
            "require.0.pooling: expected one of 7 words, got 'mean' (allowed: avg, l2, max, none, "
            "overlapping_max, strided_conv, subsampling)",
        ),
        (
            {"ladder": ["pooling"]},
            "ladder: belongs to design 'add-one-in', got design 'grid'",
        ),
        (
            {"design": "add-one-in", "ladder": ["norm"]},
            "ladder: 'norm' is no factor of this study; (factors: activation, pooling, "
            "recipe.learning_rate)",
        ),
        (
            {"design": "add-one-in", "ladder": ["pooling", "pooling"]},
            "ladder: names a factor twice: pooling, pooling",
        ),
        (
            {"overrides": [{"match": {"activation": "relu"}}]},
            "overrides.0: sets nothing; give it a recipe or a dataset",
        ),
        (
            {"overrides": [{"match": {"activation": "relu"}, "recipe": {"learning_rate": 1}}]},
            "overrides.0.recipe.learning_rate: is a factor of this study already; drop one of the "
            "two",
        ),
        (
            {"overrides": [{"match": {"activation": "relu"}, "recipe": {"epochs": 0}}]},
            "overrides.0.recipe.epochs: must be >= 1, got 0",
        ),
        (
            {"design": "pairs", "factors": {}},
            "factors: design 'pairs' needs the parts to switch; name factors",
        ),
    ],
)
def test_a_file_with_rules_that_mean_nothing_is_refused(told, changes, problem):
    assert told(**changes) == [problem]


def test_an_override_gives_the_cells_it_matches_another_recipe_and_data(plan):
    made = plan(
        factors={"activation": ["sigmoid", "relu"], "pooling": ["avg"]},
        overrides=[
            {"match": {"activation": "sigmoid"}, "recipe": {"learning_rate": 0.1}},
            {"match": {"pooling": "avg"}, "recipe": {"epochs": 2}, "dataset": {"subset": 50}},
        ],
    )
    told = {
        arm.name: (arm.recipe.learning_rate, arm.recipe.epochs, arm.dataset.subset)
        for arm in made.arms
    }
    assert told == {
        "control": (0.1, 1, 100),
        "activation=relu": (0.001, 1, 100),
        "pooling=avg": (0.1, 2, 50),
    }
    assert made.arm("pooling=avg").changes == {
        "pooling": "avg",
        "recipe.epochs": 2,
        "dataset.subset": 50,
    }
    assert made.arm("control").changes == {}
    assert made.arm("activation=relu").changes == {
        "activation": "relu",
        "recipe.learning_rate": 0.001,
    }


def test_overrides_that_contradict_each_other_are_told_by_the_arms_name(plan):
    with pytest.raises(
        SpecError, match=r"arm 'control': overrides: set recipe\.epochs to 2 and to"
    ):
        plan(
            overrides=[
                {"match": {"activation": "sigmoid"}, "recipe": {"epochs": 2}},
                {"match": {"activation": "sigmoid"}, "recipe": {"epochs": 3}},
            ]
        )
