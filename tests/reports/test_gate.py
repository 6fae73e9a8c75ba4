"""Contrasts that get no verdict, why, and what a study may accept all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablations.history import Deviation
from reports.analysis import analyse
from reports.errors import PlanError
from reports.plan import ClaimSpec

VALUES = {
    "control": [0.900, 0.902, 0.898, 0.901, 0.899],
    "better": [0.920, 0.921, 0.919, 0.922, 0.918],
}


def codes(messages):
    return [message.code for message in messages]


@pytest.fixture
def judged(make_runs, make_plan):
    """The results of two arms, their table changed by `change`."""

    def judge(change=lambda runs: runs, **settings):
        return analyse(change(make_runs(VALUES)), make_plan(list(VALUES), **settings))

    return judge


def of_arm(column, values, otherwise):
    """Adds a column that says `values` of the arm's runs and `otherwise` of the control's."""
    return lambda runs: runs.assign(
        **{column: [otherwise if arm == "control" else values for arm in runs["arm"]]}
    )


MADE = {
    "unequal_epochs": (of_arm("epochs", 10, 5), "trained for 10 and 5 epochs"),
    "unequal_trials": (of_arm("trials", 40.0, 20.0), "tuned with 20 and 40 trials"),
    "unequal_seeds": (lambda runs: runs[:-1], "seeds [4] are of one arm only"),
    "mixed_split": (of_arm("split", "test-b", "test-a"), "scored on different images"),
    "selected_on_test": (of_arm("selected_on", "test", None), "chosen by the test images"),
}
PLANNED = {
    "endpoint_changed": "the endpoint's margin was 0.01 when results were first shown",
    "control_changed": "the control was another network",
    "seeds_dropped": "seeds [5] were dropped after results were shown",
}


def settings_of(code, **more):
    seeds = {"seeds": ()} if code == "unequal_seeds" else {}
    if code in PLANNED:
        seeds["deviations"] = (Deviation(code, PLANNED[code]),)
    return {**seeds, **more}


def change_of(code):
    return MADE[code][0] if code in MADE else lambda runs: runs


def test_an_even_study_is_judged(judged):
    results = judged(of_arm("epochs", 5, 5))
    assert results.contrasts[0].verdict == "better"
    assert results.refusals == ()


@pytest.mark.parametrize("code", [*MADE, *PLANNED])
def test_a_contrast_that_is_not_fair_keeps_its_numbers_and_gets_no_verdict(judged, code):
    results = judged(change_of(code), **settings_of(code))
    (contrast,) = results.contrasts
    assert contrast.verdict is None
    assert contrast.estimate == pytest.approx(0.02, abs=1e-3)
    assert contrast.ci_adjusted is not None
    assert codes(results.refusals) == [code]
    assert contrast.sentence.endswith(f"no verdict ({code})")


@pytest.mark.parametrize("code", MADE)
def test_a_refusal_says_what_was_found(judged, code):
    (refusal,) = judged(change_of(code), **settings_of(code)).refusals
    assert refusal.text.startswith("better - control (shared): ")
    assert MADE[code][1] in refusal.text


@pytest.mark.parametrize(
    "code", [code for code in [*MADE, *PLANNED] if code not in ("mixed_split", "selected_on_test")]
)
def test_what_a_study_accepts_is_judged_and_stamped(judged, code):
    results = judged(change_of(code), **settings_of(code, accepted=(code,)))
    assert results.contrasts[0].verdict == "better"
    assert results.refusals == ()
    assert code in codes(results.warnings)
    assert results.plan["deviations"][-1].startswith("accepted by the study: ")


@pytest.mark.parametrize("code", ["mixed_split", "selected_on_test", "unequal_epoch"])
def test_what_cannot_be_accepted_is_refused_in_the_plan(judged, code):
    with pytest.raises(PlanError, match=f"accepted: .*got '{code}'.*unequal_epochs"):
        judged(accepted=(code,))


def test_accepting_what_is_not_met_changes_nothing(judged):
    assert judged(accepted=("unequal_epochs",)).to_dict() == judged().to_dict()


def test_epochs_that_are_the_question_are_no_reason(make_runs, make_plan):
    plan = replace(make_plan(list(VALUES)), factors={"recipe.epochs": [5, 10]})
    runs = of_arm("epochs", 10, 5)(make_runs(VALUES))
    assert analyse(runs, plan).contrasts[0].verdict == "better"


def test_a_planned_seed_that_failed_is_no_reason(make_runs, make_plan):
    values = {**VALUES, "better": [*VALUES["better"][:4], "OOM"]}
    assert analyse(make_runs(values), make_plan(list(VALUES))).contrasts[0].verdict == "better"


def test_other_contrasts_are_judged(make_runs, make_plan):
    values = {**VALUES, "longer": VALUES["better"]}
    runs = make_runs(values).assign(epochs=5)
    runs.loc[runs["arm"] == "longer", "epochs"] = 9
    results = analyse(runs, make_plan(list(values)))
    assert [one.verdict for one in results.contrasts] == ["better", None]
    assert codes(results.refusals) == ["unequal_epochs"]


def test_a_claim_on_such_a_contrast_is_undecided(judged):
    claim = ClaimSpec("better is better", "better - control", "greater")
    results = judged(of_arm("epochs", 10, 5), claims=(claim,))
    assert results.claims[0].verdict == "undecided"


@pytest.mark.parametrize("column", ["trials", "split", "epochs", "selected_on"])
def test_what_a_table_does_not_say_is_no_difference(judged, column):
    known = [5.0] * 9 + [float("nan")]
    results = judged(lambda runs: runs.assign(**{column: known}))
    assert results.refusals == ()
    assert judged(lambda runs: runs.assign(**{column: float("nan")})).refusals == ()


def test_seeds_that_were_shown_and_are_gone_leave_no_verdict(judged):
    shown = {"better - control": tuple(range(10))}
    results = judged(shown=shown)
    assert results.contrasts[0].verdict is None
    assert codes(results.refusals) == ["seeds_dropped"]
    assert judged(shown={"better - control": (0, 1, 2, 3, 4)}).contrasts[0].verdict == "better"


def test_an_arm_that_a_look_stopped_has_no_unequal_seeds(make_runs, make_plan):
    values = {"control": VALUES["control"] * 2, "better": VALUES["better"]}
    plan = make_plan(list(values), seeds=(), looks=(5, 10))
    results = analyse(make_runs(values), plan)
    assert results.refusals == ()
    assert results.contrasts[0].verdict == "better"
