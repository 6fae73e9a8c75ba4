"""What is said of a study whose search cannot be made."""

from __future__ import annotations

import pytest

from ablations.errors import SpecError
from ablations.spec import Recipe

RECIPE_KEYS = ", ".join(sorted(Recipe.model_fields))


SEARCH = {"learning_rate": {"low": 0.001, "high": 1, "log": True}}


@pytest.mark.parametrize(
    ("tuning", "problem"),
    [
        ({"space": SEARCH}, "tuning: trials is required by the sampler 'tpe'"),
        ({"trials": 0, "space": SEARCH}, "tuning.trials: must be >= 1, got 0"),
        ({"trials": 3}, "tuning.space: is required and missing"),
        ({"trials": 3, "space": {}}, "tuning.space: must not be empty, got {}"),
        (
            {"trials": 3, "space": {"learning_rat": [1]}},
            "tuning.space: unknown key 'learning_rat' of a recipe; did you mean 'learning_rate'? "
            f"(known: {RECIPE_KEYS})",
        ),
        (
            {"trials": 3, "space": {"learning_rate": {"low": 0.1, "hgh": 1}}},
            "tuning.space.learning_rate.hgh: unknown key 'hgh'; did you mean 'high'? "
            "(known: high, log, low, step, values)",
        ),
        (
            {"trials": 3, "space": SEARCH, "sampler": "cmaes", "validation": 9},
            "tuning.sampler: must be one of 'tpe', 'random' or 'grid', got 'cmaes'",
        ),
        (
            {"space": SEARCH, "sampler": "grid"},
            "tuning: the sampler 'grid' needs lists of values, got learning_rate with low and high",
        ),
        (
            {"trials": 3, "space": {"learning_rate": [0.1, 1]}, "sampler": "grid"},
            "tuning: trials must be the grid's 2 cells, got 3; leave it out",
        ),
        (
            {"trials": 3, "space": SEARCH},
            "tuning.validation: recipes are chosen by images kept out of training, and digits "
            "keeps none; set it to a number of images",
        ),
    ],
)
def test_a_search_that_cannot_be_made(problems_of, tuning, problem):
    assert problems_of(tuning=tuning) == [problem]


def test_a_factor_is_not_tuned_away_and_seeds_do_not_meet(problems_of):
    tuning = {"trials": 3, "space": SEARCH, "validation": 20}
    factors = {"recipe.learning_rate": [0.001, 0.1]}
    assert problems_of(tuning=tuning, factors=factors, seeds=[0, 1_000_000]) == [
        "tuning.space.learning_rate: is a factor of this study, so tuning it would undo the "
        "factor; drop one of the two",
        "seeds: must be below 1,000,000, where the seeds of tuning begin, got 1000000",
    ]


def test_losses_of_two_kinds_are_not_tuned_between(problems_of):
    tuning = {"trials": 3, "space": {"loss": ["cross_entropy", "mse"]}, "validation": 20}
    (problem,) = problems_of(tuning=tuning, endpoint={"metric": "test/loss", "margin": 0.1})
    assert problem.startswith("tuning.space.loss: recipes are chosen by their loss here")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"arms": [{"name": "fast", "variant": "lenet", "recipe": {"learning_rate": 3}}]},
            "arm 'fast': has other than arm 'control' only what is tuned (learning_rate), so that "
            "both would be tuned to one recipe; drop one",
        ),
        (
            {
                "factors": {"dataset.validation": [10, 20]},
                "dataset": {"name": "digits", "subset": 100, "validation": 10},
                "tuning": {"trials": 3, "space": SEARCH},
            },
            "tuning: arm 'dataset.validation=20': keeps out 20 images and the study 10; set "
            "tuning.validation, so that all arms are tuned on as many",
        ),
        (
            {
                "factors": {"recipe.optimizer": ["sgd"]},
                "tuning": {
                    "trials": 3,
                    "validation": 20,
                    "sampler": "random",
                    "space": {"momentum": [0.0, 0.9]},
                },
            },
            "tuning: arm 'control': momentum is used by sgd only, got optimizer 'adam'",
        ),
    ],
)
def test_arms_that_cannot_be_tuned_alike(plan, changes, problem):
    usual = {
        "tuning": {"trials": 3, "space": SEARCH, "validation": 20},
        "control": "lenet",
        "dataset": {"name": "digits", "subset": 100, "image_size": [28, 28]},
    }
    asked = {**usual, **changes}
    asked["dataset"] = {**asked["dataset"], "image_size": [28, 28]}
    with pytest.raises(SpecError) as caught:
        plan(**asked)
    assert problem in caught.value.problems


def test_images_to_tune_on_that_are_not_there_are_told_once_by_the_key_that_asks_for_them(plan):
    with pytest.raises(SpecError) as caught:
        plan(
            tuning={"trials": 3, "space": SEARCH, "validation": 95},
            dataset={"name": "digits", "subset": 100, "image_size": [28, 28]},
            control="lenet",
        )
    assert caught.value.problems == (
        "tuning.validation: must be 0 to 90, so that each of 10 classes keeps an image of 100 to "
        "train on, got 95",
    )
