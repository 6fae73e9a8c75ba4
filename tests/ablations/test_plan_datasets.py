"""Studies on several data sets: each has its arms, its control and its contrasts."""

from __future__ import annotations

import pytest

from ablations.errors import SpecError
from ablations.study_file import parse_study

SMALL, LARGE = {"name": "digits", "subset": 100}, {"name": "digits", "subset": 200}
BOTH = [SMALL, LARGE]
ON_SMALL, ON_LARGE = "on subset=100", "on subset=200"


def test_every_data_set_has_every_arm_the_control_first(plan):
    made = plan(dataset=BOTH, arms=["softmax"])
    assert [arm.name for arm in made.arms] == [
        *(f"{name} {ON_SMALL}" for name in ("control", "activation=relu", "softmax")),
        *(f"{name} {ON_LARGE}" for name in ("control", "activation=relu", "softmax")),
    ]
    assert [arm.dataset.subset for arm in made.arms] == [100] * 3 + [200] * 3
    assert [arm.n_images for arm in made.arms] == [100] * 3 + [200] * 3


@pytest.mark.parametrize(
    ("entries", "labels"),
    [
        (["digits", "fashion-mnist"], ["digits", "fashion-mnist"]),
        (["digits", {"name": "digits", "subset": 9}], ["digits", "subset=9"]),
        ([{"name": "digits", "subset": None}, SMALL], ["digits", "subset=100"]),
        (
            [SMALL, LARGE, "fashion-mnist"],
            ["digits,subset=100", "digits,subset=200", "fashion-mnist"],
        ),
    ],
)
def test_data_sets_are_told_apart_by_name_or_by_the_rest_where_that_is_the_same(
    study, entries, labels
):
    assert list(study(dataset=entries).each_dataset()) == labels


def test_arms_are_compared_on_their_own_data_set(plan):
    contrasts = plan(dataset=BOTH).contrasts
    assert [one["name"] for one in contrasts] == [
        f"activation=relu {ON_SMALL} - control {ON_SMALL}",
        f"activation=relu {ON_LARGE} - control {ON_LARGE}",
    ]


def test_a_list_of_one_is_the_study_without_a_list(plan):
    assert plan(dataset=[SMALL]).to_dict() == plan(dataset=SMALL).to_dict()


def test_another_data_set_adds_runs_and_moves_none(plan):
    alone, both = ({run.run_key for run in plan(dataset=d).runs} for d in (SMALL, BOTH))
    assert alone < both
    assert len(both) == 2 * len(alone)


def test_within_a_seed_the_longest_runs_come_first_on_whichever_data_set(plan):
    made = plan(dataset=BOTH, arms=["softmax"])
    first = [run.arm for run in made.runs if run.seed == 0]
    assert first[:2] == [f"control {ON_LARGE}", f"activation=relu {ON_LARGE}"]
    assert first[-2:] == [f"softmax {ON_LARGE}", f"softmax {ON_SMALL}"]
    assert [run.seed for run in made.runs] == [0] * 6 + [1] * 6
    assert [run.position for run in made.runs] == list(range(12))


def test_the_matrix_has_the_cells_on_every_data_set(plan):
    matrix = plan(dataset=BOTH, factors={"dataset.validation": [20]}).matrix
    assert matrix == [
        {"arm": f"control {ON_SMALL}", "levels": {"dataset.validation": 0}},
        {"arm": f"dataset.validation=20 {ON_SMALL}", "levels": {"dataset.validation": 20}},
        {"arm": f"control {ON_LARGE}", "levels": {"dataset.validation": 0}},
        {"arm": f"dataset.validation=20 {ON_LARGE}", "levels": {"dataset.validation": 20}},
    ]


def test_an_arm_is_matched_to_the_control_of_its_own_data_set(plan):
    sizes = [SMALL, {"name": "digits", "subset": 200, "image_size": [16, 16]}]
    arms = [{"name": "sized", "variant": "mlp", "matched_to": "control"}]
    made = plan(dataset=sizes, arms=arms)
    for control in {arm.control for arm in made.arms}:
        sized = made.arm(control.replace("control", "sized"))
        assert sized.n_parameters == pytest.approx(made.arm(control).n_parameters, rel=0.02)


def test_a_factor_keeps_its_own_level_on_each_data_set(plan):
    larger = {"name": "digits", "subset": 200, "image_size": [16, 16]}
    made = plan(dataset=[SMALL, larger], factors={"dataset.subset": [100, 300]})
    where = "on subset=200,image_size=16x16"
    assert [arm.name for arm in made.arms] == [
        f"control {ON_SMALL}",
        f"dataset.subset=300 {ON_SMALL}",
        f"control {where}",
        f"dataset.subset=100 {where}",
        f"dataset.subset=300 {where}",
    ]


def test_arms_that_two_data_sets_make_the_same_are_refused(plan):
    more = {"name": "digits", "subset": 300}
    with pytest.raises(SpecError) as caught:
        plan(dataset=[SMALL, more], factors={"dataset.subset": [300, 400]})
    assert caught.value.problems[0] == (
        "arm 'control on subset=300': is the same network, recipe and data as arm "
        "'dataset.subset=300 on subset=100'; drop one"
    )


def test_what_one_data_set_cannot_give_is_told_by_its_name(plan):
    with pytest.raises(SpecError) as caught:
        plan(dataset=[SMALL, {"name": "digits", "subset": 100_000}])
    assert caught.value.problems == (
        "data set subset=100000: dataset.subset: must be 10 (one a class) to 1438 (all "
        "training images), got 100000",
    )


@pytest.mark.parametrize(
    ("dataset", "problem"),
    [
        ([], "dataset: must not be empty, got []"),
        (
            [SMALL, dict(SMALL)],
            "dataset: has the images of 'digits' twice; drop one, or give them other keys than the "
            "recipe",
        ),
        (["digits", "minst"], "dataset.1.name: unknown data set 'minst'; did you mean 'mnist'?"),
        (
            ["digits", {"name": "mnist", "subst": 3}],
            "dataset.1.subst: unknown key 'subst'; did you",
        ),
        (["digits", "images:a - b"], "dataset.1.name: must not contain ' - ' beside other data"),
        ({"name": "digits", "subset": 0}, "dataset.subset: must be >= 1, got 0"),
        (7, "dataset: must be a mapping, got 7"),
        (
            {"name": "digits", "recipe": {"epochs": 3}},
            "dataset.recipe: belongs to one of several data sets; put it under recipe",
        ),
        (
            [SMALL, {**LARGE, "recipe": {"epoch": 3}}],
            "dataset.1.recipe.epoch: unknown key 'epoch'; did you mean 'epochs'?",
        ),
        (
            [SMALL, {**LARGE, "recipe": {"warmup": 3}}],
            "dataset.1.recipe: warmup must be below epochs (1), got 3.0",
        ),
        (
            [SMALL, {**SMALL, "recipe": {"epochs": 3}}],
            "dataset: has the images of 'digits' twice; drop one, or give them other keys than the "
            "recipe",
        ),
    ],
)
def test_a_wrong_list_is_told_with_its_place(raw_study, dataset, problem):
    with pytest.raises(SpecError) as caught:
        parse_study(raw_study(dataset=dataset))
    assert caught.value.problems[0].startswith(problem)


def test_a_data_set_may_have_a_recipe_of_its_own(plan):
    entries = [SMALL, {**LARGE, "recipe": {"epochs": 7}}]
    arms = ["softmax", {"name": "own", "variant": "mlp", "recipe": {"epochs": 9}}]
    made = plan(dataset=entries, arms=arms)
    assert {arm.name: arm.recipe.epochs for arm in made.arms if arm.recipe.epochs > 1} == {
        f"own {ON_SMALL}": 9,
        f"control {ON_LARGE}": 7,
        f"activation=relu {ON_LARGE}": 7,
        f"softmax {ON_LARGE}": 7,
        f"own {ON_LARGE}": 9,
    }
    # Beside its own control, an arm has nothing other that both of them have.
    assert made.arm(f"softmax {ON_LARGE}").changes == {"variant": "softmax"}
    assert made.arm(f"own {ON_LARGE}").changes == {"variant": "mlp", "recipe.epochs": 9}
    plain = {run.run_key for run in plan(dataset=BOTH, arms=arms).runs}
    moved = {run.run_key for run in made.runs} - plain
    assert len(moved) == 3 * len(made.spec.seeds)
    small = plan(dataset=SMALL, recipe={**made.spec.recipe.model_dump(), "epochs": 7}, arms=arms)
    large = plan(dataset=LARGE, recipe={**made.spec.recipe.model_dump(), "epochs": 7}, arms=arms)
    assert moved < {run.run_key for run in large.runs}
    assert not moved & {run.run_key for run in small.runs}


def test_mistakes_in_an_entry_hide_no_others_and_are_told_with_its_number(raw_study):
    entries = [SMALL, {**LARGE, "subset": 0}, {"name": "mnits", "recipe": {"epoch": 3}}]
    with pytest.raises(SpecError) as caught:
        parse_study(raw_study(dataset=entries, control="lenett"))
    starts = [text.partition(": ")[0] for text in caught.value.problems]
    expected = ("dataset.1.subset", "dataset.2.recipe.epoch", "dataset.2.name", "control.variant")
    assert {*expected} == {*starts}


def test_what_is_wrong_on_one_data_set_alone_names_it(raw_study):
    entries = [SMALL, {**LARGE, "recipe": {"epochs": 2}}]
    arms = [{"name": "slow", "variant": "mlp", "recipe": {"warmup": 3}}]
    with pytest.raises(SpecError) as caught:
        parse_study(raw_study(dataset=entries, arms=arms, recipe={"epochs": 5}))
    assert caught.value.problems == (
        "arms.0.recipe: warmup must be below epochs (2), got 3.0 (on subset=200)",
    )


def test_an_override_goes_before_the_recipe_of_a_data_set(plan):
    entries = [SMALL, {**LARGE, "recipe": {"epochs": 7}}]
    overrides = [{"match": {"activation": "relu"}, "recipe": {"epochs": 3}}]
    made = plan(dataset=entries, overrides=overrides)
    assert made.arm(f"activation=relu {ON_LARGE}").recipe.epochs == 3
    assert made.arm(f"control {ON_LARGE}").recipe.epochs == 7


def test_a_factor_cannot_be_a_data_sets_own_too(raw_study):
    entries = [SMALL, {**LARGE, "recipe": {"epochs": 7}}]
    with pytest.raises(SpecError) as caught:
        parse_study(raw_study(dataset=entries, factors={"recipe.epochs": [1, 3]}))
    assert caught.value.problems == (
        "dataset.1.recipe.epochs: is a factor of this study already; drop one of the two",
    )


def test_the_study_is_written_as_it_was_read(study):
    for written in (SMALL, BOTH, [SMALL, {**LARGE, "recipe": {"epochs": 3}}]):
        plain = study(dataset=written).model_dump(mode="json", exclude_unset=True)
        assert plain["dataset"] == written


def test_a_metric_must_be_there_on_every_data_set(plan, raw_study):
    split = {"name": "digits", "subset": 200, "validation": 50}
    endpoint = {"metric": "validation/loss", "margin": 0.1}
    assert plan(dataset=split, endpoint=endpoint)
    with pytest.raises(SpecError, match=r"endpoint\.metric: unknown metric 'validation/loss'"):
        plan(dataset=[SMALL, split], endpoint=endpoint)
    with pytest.raises(SpecError, match="curves: 'validation' needs a split"):
        parse_study(raw_study(dataset=[SMALL, split], curves="validation"))


def test_each_run_records_the_curve_of_its_own_data_set(plan):
    split = {"name": "digits", "subset": 200, "validation": 50}
    curves = {run.arm: run.curves for run in plan(dataset=[SMALL, split]).runs}
    assert curves["control on subset=100"] == "train"
    assert curves["control on subset=200,validation=50"] == "validation"
