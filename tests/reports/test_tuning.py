from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from reports.analysis import analyse
from reports.plan import ArmFacts, ContrastSpec
from reports.tuning import budget_section, tuning_notes, tuning_section

SPACE = {
    "learning_rate": {"low": 0.01, "high": 1.0, "log": True, "step": None, "values": None},
    "batch_size": {"low": None, "high": None, "log": False, "step": None, "values": [32, 64]},
}


def trial(number, value, state="FINISHED", n_repeats=0):
    return {"number": number, "value": value, "state": state, "n_repeats": n_repeats}


def searched(arm="control", trials=(), **changes):
    trials = list(trials) or [trial(n, 0.1 * n) for n in range(4)]
    return {
        "arm": arm,
        "n_completed": sum(one["state"] in ("FINISHED", "DIVERGED") for one in trials),
        "chosen": {"learning_rate": 0.1, "batch_size": 32},
        "value": 0.3,
        "trial": 3,
        "edges": {},
        "importance": None,
        "trials": trials,
        **changes,
    }


def tuning(*arms, **changes):
    return {
        "metric": "validation/accuracy",
        "direction": "maximize",
        "sampler": "tpe",
        "n_trials": 4,
        "space": SPACE,
        "importance": {"evaluator": "fanova", "seed": 0},
        "arms": list(arms) or [searched(), searched("relu")],
        **changes,
    }


def contrast(comparison, verdict):
    return SimpleNamespace(
        name="relu - control", arm="relu", control="control", comparison=comparison, verdict=verdict
    )


def test_the_section_counts_trials_and_leaves_them_out():
    trials = [
        trial(0, 0.5),
        trial(1, None, "DIVERGED"),
        trial(2, None, "OOM", 3),
        trial(3, 0.4, n_repeats=1),
    ]
    (arm,) = tuning_section(tuning(searched(trials=trials)))["arms"]
    assert (arm["n_completed"], arm["n_diverged"], arm["n_repeats"]) == (3, 1, 4)
    assert "trials" not in arm
    assert arm["chosen"] == {"learning_rate": 0.1, "batch_size": 32}


def test_the_budget_is_the_expected_best_of_so_many_trials():
    (arm,) = budget_section(tuning(searched(trials=[trial(0, 0.2), trial(1, 0.6)])))["arms"]
    assert arm == {"arm": "control", "expected_best": [pytest.approx(0.4), pytest.approx(0.6)]}


def test_a_trial_that_diverged_is_the_worst_of_a_budget_and_one_that_failed_is_none():
    trials = [trial(0, 0.5), trial(1, None, "DIVERGED"), trial(2, None, "OOM")]
    (arm,) = budget_section(tuning(searched(trials=trials)))["arms"]
    assert arm["expected_best"] == [pytest.approx(0.25), pytest.approx(0.5)]


def test_an_endless_loss_counts_as_the_greatest_that_was_seen():
    arms = [
        searched(trials=[trial(0, 1.0), trial(1, None, "DIVERGED")]),
        searched("relu", trials=[trial(0, 3.0), trial(1, 2.0)]),
    ]
    found = budget_section(tuning(*arms, metric="validation/loss", direction="minimize"))
    assert found["arms"][0]["expected_best"] == [pytest.approx(2.0), pytest.approx(1.0)]


def test_there_is_no_budget_before_a_trial_has_finished():
    assert budget_section(tuning(searched(trials=[trial(0, None, "DIVERGED")]))) is None


def test_two_recipes_that_disagree_are_told_with_what_was_chosen():
    contrasts = [contrast("tuned", "better"), contrast("shared", "worse")]
    arms = [
        searched(chosen={"learning_rate": 0.5, "batch_size": 64}),
        searched("relu", chosen={"learning_rate": 0.0123456, "batch_size": 32}),
    ]
    (note,) = tuning_notes(tuning(*arms), contrasts)
    assert (note.code, note.about, note.comparison) == (
        "recipes_disagree",
        "relu - control",
        "tuned",
    )
    assert note.text == (
        "relu - control: worse at the shared recipe, better where each arm has the recipe that "
        "tuning chose for it: learning_rate 0.0123, batch_size 32 for 'relu', learning_rate 0.5, "
        "batch_size 64 for 'control'. What the shared recipe shows is of that recipe as much as of "
        "the arm"
    )


@pytest.mark.parametrize(
    "verdicts", [("better", "better"), (None, "better"), ("better", None), (None, None)]
)
def test_two_recipes_that_agree_or_were_not_judged_do_not_disagree(verdicts):
    tuned, shared = verdicts
    contrasts = [contrast("tuned", tuned), contrast("shared", shared)]
    assert list(tuning_notes(tuning(), contrasts)) == []


def test_an_optimum_on_the_edge_says_what_to_widen():
    arm = searched(edges={"learning_rate": "low", "batch_size": "high"})
    low, high = tuning_notes(tuning(arm), [])
    assert (low.code, low.about, low.comparison) == ("search_edge", "control", "tuned")
    assert "the learning_rate that was chosen, 0.1, lies at the lower end" in low.text
    assert "0.01 to 1; better may lie beyond it: widen tuning.space.learning_rate" in low.text
    assert "at the upper end of what was searched, 32 to 64" in high.text


def test_a_search_that_was_cut_short_is_told():
    trials = [trial(0, 0.5), trial(1, None, "OOM"), trial(2, 0.4), trial(3, 0.3)]
    (note,) = tuning_notes(tuning(searched(trials=trials)), [])
    assert note.code == "search_short"
    assert "3 of 4 trials were completed" in note.text


@pytest.fixture
def tuned_study(make_runs, make_plan):
    """Runs of two arms at both recipes; ReLU is worse at the shared one."""
    arms = ("control", "relu")
    facts = tuple(
        ArmFacts(
            name,
            dataset={"name": "made", "n_classes": 10},
            recipe={"learning_rate": 3.0},
            tuned_recipe={"learning_rate": 0.1},
        )
        for name in arms
    )
    contrasts = tuple(
        ContrastSpec("relu - control", "relu", "control", comparison)
        for comparison in ("tuned", "shared")
    )
    shared = {"control": [0.80, 0.81, 0.79, 0.80, 0.82], "relu": [0.5, 0.52, 0.49, 0.5, 0.51]}
    tuned = {"control": [0.82, 0.83, 0.81, 0.82, 0.84], "relu": [0.9, 0.91, 0.89, 0.9, 0.93]}
    runs = pd.concat(
        [
            make_runs(shared),
            make_runs(tuned, comparison="tuned").assign(trials=[4.0] * 5 + [4.0] * 5),
        ]
    )
    return runs, make_plan(arms, contrasts=contrasts, arms=facts)


def test_a_tuned_study_gives_both_families_and_the_tuned_one_is_primary(tuned_study):
    runs, plan = tuned_study
    found = analyse(runs, plan, tuning=tuning())
    assert [(c.comparison, c.family, c.verdict) for c in found.contrasts] == [
        ("tuned", "primary", "better"),
        ("shared", "secondary", "worse"),
    ]
    recipes = {(arm.name, arm.comparison): arm.recipe["learning_rate"] for arm in found.arms}
    assert recipes["relu", "tuned"] == 0.1
    assert recipes["relu", "shared"] == 3.0
    assert "recipes_disagree" in [note.code for note in found.warnings]
    assert found.to_dict()["budget"]["metric"] == "validation/accuracy"


def test_arms_tuned_with_unequal_trials_get_no_verdict(tuned_study):
    runs, plan = tuned_study
    runs.loc[(runs["arm"] == "relu") & (runs["comparison"] == "tuned"), "trials"] = 3.0
    tuned, shared = analyse(runs, plan, tuning=tuning()).contrasts
    assert tuned.verdict is None
    assert "unequal_trials" in tuned.sentence
    assert shared.verdict == "worse"


def test_a_study_that_did_not_tune_says_nothing_of_it(tuned_study):
    runs, plan = tuned_study
    found = analyse(runs, plan).to_dict()
    assert found["tuning"] is None
    assert found["budget"] is None
