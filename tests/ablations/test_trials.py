from __future__ import annotations

import pytest

from ablations.record import RunState
from ablations.search_space import Axis
from ablations.spec import TUNING_SEED, EndpointSpec, Recipe
from ablations.trials import Trial, best, edges, search_name, trial_run, tuned_metric, worst

TUNING = {
    "trials": 4,
    "space": {"learning_rate": {"low": 0.001, "high": 1, "log": True}},
    "validation": 20,
}


def here(_):
    return "this machine"


def trial(number=0, value=0.5, state=RunState.FINISHED):
    return Trial(number, {"learning_rate": 0.1}, state, value, 0, f"key-{number}")


@pytest.fixture(scope="module")
def tuned(plan):
    """The plan of a tuned study with some keys of its tuning, or of itself, changed."""

    def make(tuning=None, **changes):
        return plan(tuning={**TUNING, **(tuning or {})}, **changes)

    return make


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        ("test/accuracy", ("validation/accuracy", "maximize")),
        ("test/loss", ("validation/loss", "minimize")),
        ("probe/shift/accuracy_1", ("validation/accuracy", "maximize")),
    ],
)
def test_what_recipes_are_chosen_by_is_of_the_validation_images(metric, found):
    assert tuned_metric(EndpointSpec(metric=metric, margin=0.1)) == found


def test_a_trial_has_its_own_seed_and_the_split_of_all_trials(tuned):
    made = tuned()
    runs = [trial_run(made.spec, made.arms[0], n, {"learning_rate": 0.1}) for n in (0, 3)]
    assert [run.seed for run in runs] == [TUNING_SEED, TUNING_SEED + 3]
    assert {run.split_seed for run in runs} == {TUNING_SEED}
    assert {run.dataset.validation for run in runs} == {20}
    assert {run.curves for run in runs} == {"validation"}
    assert {(run.comparison, run.recipe.learning_rate) for run in runs} == {("tuning", 0.1)}


def test_a_trial_is_no_run_of_the_report_though_all_else_were_equal(tuned):
    made = tuned(dataset={"name": "digits", "subset": 100, "validation": 20}, seeds=[7])
    run = made.runs[0]
    arm = made.arm(run.arm)
    other = trial_run(made.spec, arm, 0, {"learning_rate": run.recipe.learning_rate})
    assert other.identity["seed"] == TUNING_SEED
    assert other.identity["trial"] is True
    assert "trial" not in run.identity


def test_runs_of_the_report_keep_the_split_of_the_study(tuned):
    made = tuned()
    chosen = {arm.name: {"learning_rate": 0.5} for arm in made.arms}
    runs = made.tuned_to(chosen).runs
    assert {run.dataset.validation for run in runs} == {0}
    assert all(run.split_seed == run.seed for run in runs)


def test_a_search_is_another_in_another_place_with_another_space_or_another_arm(tuned):
    made = tuned()
    names = {
        search_name(made.spec, made.arms[0], here),
        search_name(made.spec, made.arms[1], here),
        search_name(made.spec, made.arms[0], lambda _: "another machine"),
        *(
            search_name(other.spec, other.arms[0], here)
            for other in (
                tuned({"validation": 30}),
                tuned({"sampler": "random"}),
                tuned({"space": {"learning_rate": [0.1, 1]}}),
                tuned(root_seed=1),
                tuned(endpoint={"metric": "test/loss", "margin": 0.1}),
            )
        ),
    }
    assert len(names) == 8


def test_a_search_goes_on_with_more_trials_and_whatever_the_shared_value_is(tuned):
    made = tuned()
    name = search_name(made.spec, made.arms[0], here)
    for other in (
        tuned({"trials": 9, "max_repeats": 0}),
        tuned(recipe={"epochs": 1, "batch_size": 32, "learning_rate": 0.7}),
        tuned(seeds=[5, 6]),
    ):
        assert search_name(other.spec, other.arms[0], here) == name


def test_the_best_trial_is_the_first_of_the_best():
    trials = [trial(0, 0.5), trial(1, 0.7), trial(2, 0.7), trial(3, None, RunState.DIVERGED)]
    assert best(trials, "maximize").number == 1
    assert best(trials, "minimize").number == 0
    assert best([], "maximize") is None


def test_an_arm_of_which_no_trial_finished_has_its_first_that_was_completed():
    failed, diverged = trial(0, None, RunState.OOM), trial(1, None, RunState.DIVERGED)
    assert best([failed, diverged, trial(2, None, RunState.DIVERGED)], "minimize").number == 1
    assert best([failed, trial(3, None, RunState.FAILED)], "maximize").number == 0


def test_a_trial_that_diverged_is_completed_and_one_that_failed_is_not():
    states = {state: trial(0, None, state).is_completed for state in RunState}
    assert [state for state, done in states.items() if done] == ["FINISHED", "DIVERGED"]
    assert worst("maximize") == 0.0
    assert worst("minimize") == float("inf")


@pytest.mark.parametrize(
    ("key", "axis", "value", "found"),
    [
        ("learning_rate", Axis(low=0.001, high=1, log=True), 0.99, {"learning_rate": "high"}),
        ("learning_rate", Axis(low=0.001, high=1, log=True), 0.05, {}),
        ("learning_rate", Axis(low=0.01, high=10, log=True), 0.0101, {"learning_rate": "low"}),
        ("learning_rate", Axis(values=(0.001, 0.01, 0.1)), 0.001, {"learning_rate": "low"}),
        ("weight_decay", Axis(low=0.001, high=1), 0.001, {"weight_decay": "low"}),
        ("weight_decay", Axis(low=0, high=1), 0.0, {}),  # nothing lies below
        ("momentum", Axis(values=(0.0, 0.9)), 0.0, {}),
        ("weight_decay", Axis(low=0, high=1), 1.0, {"weight_decay": "high"}),
        ("batch_size", Axis(values=(1, 2)), 1, {}),
        ("batch_size", Axis(values=(1, 2)), 2, {"batch_size": "high"}),
    ],
)
def test_an_edge_is_one_where_a_recipe_could_go_beyond(key, axis, value, found):
    assert edges({key: axis}, Recipe(), {key: value}) == found


def test_the_keys_of_trials_are_held_still(tuned):
    """What is stored under them would be lost; `test_identity` says what to do where they move."""
    made = tuned()
    run = trial_run(made.spec, made.arms[0], 3, {"learning_rate": 0.1})
    assert run.run_key[:16] == "2748d09381f9cd46"
    assert search_name(made.spec, made.arms[0], here) == "example: control [b127936e0831]"
