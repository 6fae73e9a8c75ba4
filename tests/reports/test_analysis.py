"""Whole studies: invariances, families, partial and odd ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ablations.history import Deviation
from reports.analysis import analyse
from reports.errors import DuplicateRunError, UnknownMetricError
from reports.plan import AnalysisPlan, ClaimSpec, ContrastSpec, Endpoint

VALUES = {
    "control": [0.900, 0.902, 0.898, 0.901, 0.899],
    "better": [0.920, 0.921, 0.919, 0.922, 0.918],
    "same": [0.901, 0.902, 0.897, 0.901, 0.900],
    "noisy": [0.95, 0.88, 0.91, 0.93, 0.86],
    "broken": [0.85, "DIVERGED", 0.86, "OOM", 0.84],
}


def words(results):
    return [contrast.verdict for contrast in results.contrasts]


@pytest.fixture
def plan(make_plan):
    claims = (
        ClaimSpec("better is better", "better - control", "greater"),
        ClaimSpec("same is the same", "same - control", "equivalent"),
    )
    return make_plan(list(VALUES), claims=claims)


def test_a_study_gets_a_verdict_for_each_contrast(make_runs, plan):
    results = analyse(make_runs(VALUES), plan)
    assert words(results) == ["better", "equivalent", "undecided", "undecided"]
    assert [claim.verdict for claim in results.claims] == ["supported", "supported"]
    assert [arm.name for arm in results.arms] == list(VALUES)
    assert results.final


def test_shuffled_rows_give_the_same_bytes(make_runs, plan):
    runs = make_runs(VALUES)
    runs["probe/shift/accuracy_1"] = runs["test/accuracy"] - 0.1
    curves = pd.DataFrame(
        {"arm": "control", "seed": seed, "epoch": epoch, "train/loss": 1.0 / (epoch + seed)}
        for seed in range(5)
        for epoch in (1, 2)
    )
    first = json.dumps(analyse(runs, plan, curves=curves).to_dict(), allow_nan=False)
    for draw in range(3):
        shuffled = runs.sample(frac=1, random_state=draw)
        mixed = curves.sample(frac=1, random_state=draw)
        np.random.seed(draw)  # noqa: NPY002 - nothing may depend on the global generator
        assert json.dumps(analyse(shuffled, plan, curves=mixed).to_dict()) == first


def test_a_constant_added_to_every_run_of_a_seed_changes_no_contrast(make_runs, plan):
    runs = make_runs(VALUES)
    moved = runs.assign(**{"test/accuracy": runs["test/accuracy"] + 0.01 * runs["seed"]})
    for before, after in zip(
        analyse(runs, plan).contrasts[:3], analyse(moved, plan).contrasts[:3], strict=True
    ):
        assert after.estimate == pytest.approx(before.estimate)
        assert after.ci_adjusted == pytest.approx(before.ci_adjusted)
        assert after.verdict == before.verdict


def test_scaling_values_and_margin_changes_no_verdict(make_runs, make_plan):
    values = {name: held for name, held in VALUES.items() if name != "broken"}
    runs = make_runs(values, metric="test/gain")
    scaled = runs.assign(**{"test/gain": 100 * runs["test/gain"]})
    small = analyse(runs, make_plan(list(values), metric="test/gain", margin=0.005))
    large = analyse(scaled, make_plan(list(values), metric="test/gain", margin=0.5))
    assert words(small) == words(large) == ["better", "equivalent", "undecided"]
    for before, after in zip(small.contrasts, large.contrasts, strict=True):
        assert after.estimate == pytest.approx(100 * before.estimate)
        assert after.p == pytest.approx(before.p)
        assert after.flags == before.flags


def test_swapping_arm_and_control_mirrors_the_verdict(make_runs, make_plan):
    values = {name: VALUES[name] for name in ("control", "better")}
    there = analyse(make_runs(values), make_plan(["control", "better"])).contrasts[0]
    back = analyse(make_runs(values), make_plan(["better", "control"])).contrasts[0]
    assert (there.verdict, back.verdict) == ("better", "worse")
    assert back.estimate == pytest.approx(-there.estimate)
    assert back.ci_adjusted == pytest.approx(there.ci_adjusted.flipped())
    assert back.seeds_for_margin == there.seeds_for_margin


def test_less_is_better_where_the_endpoint_says_so(make_runs, make_plan):
    negated = {name: [-x for x in VALUES[name]] for name in ("control", "better", "same")}
    names = list(negated)
    results = analyse(
        make_runs(negated, metric="test/gain"),
        make_plan(names, metric="test/gain", direction="minimize"),
    )
    assert words(results) == ["better", "equivalent"]
    assert results.arms[0].mean == pytest.approx(-0.9)


def test_a_repeated_table_is_refused(make_runs, plan):
    runs = make_runs(VALUES)
    with pytest.raises(DuplicateRunError, match="runs 'key-better-shared-0' and"):
        analyse(pd.concat([runs, runs]), plan)


def test_an_endpoint_that_nobody_measured_is_refused(make_runs, make_plan):
    with pytest.raises(UnknownMetricError, match="did you mean 'test/accuracy'"):
        analyse(make_runs(VALUES), make_plan(list(VALUES), metric="test/accurac"))


def test_family_size_is_that_of_the_plan_and_not_of_what_finished(make_runs, make_plan):
    values = {**VALUES, "broken": ["OOM"] * 5}
    whole = analyse(make_runs(VALUES), make_plan(list(VALUES))).contrasts[0]
    lost = analyse(make_runs(values), make_plan(list(VALUES))).contrasts[0]
    assert lost.ci_adjusted == whole.ci_adjusted
    assert lost.p_adjusted == pytest.approx(4 * lost.p)


def test_holm_alone_is_flagged_and_does_not_decide(make_runs, make_plan):
    around_zero = [-1.5, -0.5, -0.3, 0.3, 0.5, 1.5]
    values = {
        "control": [0.5] * 6,
        "clear": [0.6 + 0.001 * z for z in around_zero],
        "close": [0.51185 + 0.01 * z for z in around_zero],
    }
    plan = make_plan(list(values), seeds=tuple(range(6)), margin=0.001)
    close = analyse(make_runs(values), plan).contrasts[1]
    assert 0.025 < close.p < 0.05
    assert close.p_adjusted == close.p  # the clear one has spent its share
    assert close.ci_adjusted.low < 0 < close.ci_adjusted.high
    assert close.verdict == "undecided"
    assert "holm_only" in close.flags


def test_a_partial_study_shows_values_and_no_verdicts(make_runs, plan):
    runs = make_runs(VALUES)
    results = analyse(runs[runs["seed"] < 4], plan)
    assert not results.final
    assert words(results) == [None] * 4
    assert results.contrasts[0].ci_adjusted is not None
    assert all(contrast.sentence.startswith("not final: ") for contrast in results.contrasts)
    assert [claim.verdict for claim in results.claims] == [None, None]
    assert results.warnings[0].code == "not_final"
    assert "5 of 25 planned runs" in results.warnings[0].text


def test_failed_runs_are_outcomes_and_interrupted_runs_are_not(make_runs, make_plan):
    failed = {**VALUES, "better": [*VALUES["better"][:4], "TIMEOUT"]}
    stopped = {**VALUES, "better": [*VALUES["better"][:4], "INTERRUPTED"]}
    assert analyse(make_runs(failed), make_plan(list(VALUES))).final
    assert not analyse(make_runs(stopped), make_plan(list(VALUES))).final


def test_runs_outside_the_plan_are_in_no_number(make_runs, make_plan):
    runs = make_runs({**VALUES, "stray": [0.99] * 5})
    extra = make_runs({"better": [0.5] * 7})
    runs = pd.concat([runs, extra[extra["seed"] >= 5]])
    expected = analyse(make_runs(VALUES), make_plan(list(VALUES)))
    results = analyse(runs, make_plan(list(VALUES)))
    assert results.contrasts == expected.contrasts
    assert results.arms == expected.arms
    notes = [note.text for note in results.warnings if note.code == "unplanned_runs"]
    assert "arm 'better' (shared): 2 run(s) outside the plan" in notes[0]
    assert "seeds 5, 6" in notes[0]
    assert "arm 'stray'" in notes[1]
    assert list(results.plan["deviations"]) == notes


def test_deviations_that_the_store_knows_of_come_first(make_runs, make_plan):
    known = (Deviation("endpoint_changed", "the margin was changed after results"),)
    plan = make_plan(list(VALUES), deviations=known)
    assert analyse(make_runs(VALUES), plan).plan["deviations"] == [
        "the margin was changed after results"
    ]


def test_a_study_of_one_arm_describes(make_runs, make_plan):
    results = analyse(make_runs({"control": VALUES["control"]}), make_plan(["control"]))
    assert results.contrasts == ()
    assert results.arms[0].mean == pytest.approx(0.9)
    assert results.final


def test_a_bare_plan_takes_its_arms_from_the_table():
    runs = pd.DataFrame(
        {"arm": list("aaabbb"), "seed": [0, 1, 2] * 2, "test/loss": [3, 2, 4, 2, 1, 2.5]}
    )
    plan = AnalysisPlan(
        control="a",
        factors={},
        endpoint=Endpoint("test/loss", "minimize", 0.1),
        contrasts=(ContrastSpec("b - a", "b", "a"),),
    )
    results = analyse(runs, plan)
    assert results.final
    assert [arm.name for arm in results.arms] == ["a", "b"]
    assert results.contrasts[0].estimate == pytest.approx(3.5 / 3)


def test_a_tuned_study_has_two_families(make_runs, make_plan):
    names = ["control", "better", "same"]
    values = {name: VALUES[name] for name in names}
    contrasts = tuple(
        ContrastSpec(f"{name} - control", name, "control", comparison)
        for comparison in ("tuned", "shared")
        for name in names[1:]
    )
    runs = pd.concat([make_runs(values), make_runs(values, comparison="tuned")])
    results = analyse(runs, make_plan(names, contrasts=contrasts))
    assert [c.family for c in results.contrasts] == ["primary"] * 2 + ["secondary"] * 2
    assert len(results.arms) == 6
    assert results.contrasts[0].ci_adjusted == results.contrasts[2].ci_adjusted


def test_a_study_without_any_finished_run_reports_its_failures(make_runs, make_plan):
    runs = make_runs({"control": ["OOM"] * 3, "a": ["FAILED"] * 3})
    plan = make_plan(["control", "a"], seeds=(0, 1, 2))
    results = analyse(runs.drop(columns="test/accuracy"), plan)
    assert results.final
    assert [arm.n_failed for arm in results.arms] == [3, 3]
    assert words(results) == [None]
    json.dumps(results.to_dict(), allow_nan=False)


def test_an_empty_table_is_a_partial_study(make_plan):
    empty = pd.DataFrame(columns=["run_key", "arm", "comparison", "seed", "state"])
    results = analyse(empty, make_plan(["control", "a"]))
    assert not results.final
    assert results.contrasts[0].missing_pairs == (0, 1, 2, 3, 4)


def test_a_curve_on_the_test_images_is_stamped(make_runs, plan):
    def codes(curves):
        return [note.code for note in analyse(make_runs(VALUES), plan, curves=curves).warnings]

    curves = pd.DataFrame([{"arm": "control", "seed": 0, "epoch": 1, "train/loss": 1.0}])
    assert "test_curve" not in codes(curves)
    assert "test_curve" in codes(curves.assign(**{"test/loss": 1.0}))


LOOKED_AT = {
    "control": [*VALUES["control"], 0.902, 0.898, 0.900, 0.901, 0.899],
    "better": VALUES["better"],
    "noisy": [*VALUES["noisy"], 0.91, 0.92, 0.88, 0.93, 0.87],
}


def test_an_arm_that_a_look_has_stopped_is_compared_at_its_look(make_runs, make_plan):
    plan = make_plan(list(LOOKED_AT), seeds=tuple(range(15)), looks=(5, 10, 15))
    results = analyse(make_runs(LOOKED_AT), plan)
    assert results.final
    assert words(results) == ["better", "undecided"]
    assert [contrast.n_pairs for contrast in results.contrasts] == [5, 10]
    assert results.contrasts[1].sentence.endswith("the next look is at 15 seeds")
    assert results.refusals == ()


def test_seeds_between_two_looks_are_not_final(make_runs, make_plan):
    values = {name: held[:7] for name, held in LOOKED_AT.items()}
    plan = make_plan(list(values), seeds=tuple(range(15)), looks=(5, 10, 15))
    results = analyse(make_runs(values), plan)
    assert not results.final
    assert words(results) == [None, None]
    (note,) = [note for note in results.warnings if note.code == "not_final"]
    assert "6 of 25 planned runs" in note.text
