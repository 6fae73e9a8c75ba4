"""Warnings and refusals: their codes, and the names in their words."""

from __future__ import annotations

import numpy as np
import pytest

from reports.analysis import analyse
from reports.plan import ArmFacts

CONTROL = [0.900, 0.902, 0.898, 0.901, 0.899]
BETTER = [0.920, 0.921, 0.919, 0.922, 0.918]


@pytest.fixture
def cautions(make_runs, make_plan):
    """Warnings and refusals by code, from values by arm."""

    def of(values, **settings):
        settings.setdefault("seeds", tuple(range(max(map(len, values.values())))))
        results = analyse(make_runs(values), make_plan(list(values), **settings))
        return (
            {note.code: note.text for note in results.warnings},
            {note.code: note.text for note in results.refusals},
        )

    return of


def test_a_sound_study_of_six_seeds_needs_no_caution(cautions):
    warned, refused = cautions({"control": [*CONTROL, 0.9], "a": [*BETTER, 0.92]})
    assert warned == {}
    assert refused == {}


@pytest.mark.parametrize(("n", "code"), [(1, "one_run"), (2, "two_runs")])
def test_one_run_or_two_are_refused_an_interval(cautions, n, code):
    _, refused = cautions({"control": CONTROL[:n], "a": BETTER[:n]})
    assert "without interval, test or rank" in refused[code]
    assert f"{n} of the 3 pairs" in refused["too_few_pairs"]


def test_missing_pairs_are_named_in_the_refusal(cautions):
    _, refused = cautions({"control": CONTROL, "a": ["OOM", "OOM", "OOM", 0.9, "OOM"]})
    assert "missing seeds: 0 to 2, 4" in refused["too_few_pairs"]


@pytest.mark.parametrize("n", [3, 4])
def test_three_or_four_pairs_are_warned_about(cautions, n):
    warned, _ = cautions({"control": CONTROL[:n], "a": BETTER[:n]})
    assert warned["few_pairs"].startswith(f"a - control (shared): {n} pairs")


def test_a_family_too_large_for_the_exact_test_is_told_how_many_pairs_it_needs(cautions):
    warned, _ = cautions({"control": CONTROL, "a": BETTER})
    assert (
        "with 5 pairs the exact sign-flip test cannot reach 0.05; it needs 6"
        in (warned["no_exact_test"])
    )


def test_failed_runs_are_counted(cautions):
    warned, _ = cautions({"control": CONTROL, "a": [*BETTER[:4], "OOM"]})
    assert warned["failed_runs"] == "arm 'a': 1 OOM of 5 runs"


def test_collapsed_runs_are_counted(cautions):
    warned, _ = cautions({"control": CONTROL, "a": [*BETTER[:4], 0.1]})
    assert "arm 'a': 1 of 5 finished runs stayed near chance" in warned["collapsed_runs"]


def test_runs_without_their_endpoint_are_named(cautions):
    warned, _ = cautions({"control": CONTROL, "a": [*BETTER[:4], float("nan")]})
    assert (
        "arm 'a': finished without a finite test accuracy at seeds 4"
        in (warned["endpoint_missing"])
    )


def test_arms_that_vary_unequally_are_named(cautions):
    wild = [0.85, 0.95, 0.90, 0.80, 0.99]
    warned, _ = cautions({"control": CONTROL, "a": wild})
    assert "one arm varies" in warned["unequal_spread"]


def test_diverged_runs_of_unknown_chance_are_named(cautions):
    warned, _ = cautions({"control": CONTROL, "a": [*BETTER[:4], "DIVERGED"]}, arms=())
    assert "by endpoint.chance or the data set's n_classes" in warned["chance_unknown"]


def test_a_ceiling_is_named(cautions):
    warned, _ = cautions({"control": CONTROL, "a": [0.996, 0.997, 0.998, 0.996, 0.997]})
    assert "above 99.5 % test accuracy" in warned["ceiling"]


def test_identical_and_rigid_differences_are_suspicious(cautions):
    warned, _ = cautions({"control": CONTROL, "a": CONTROL})
    assert "check that the arms differ" in warned["identical"]
    warned, _ = cautions({"control": [0.5, 0.6, 0.7], "a": [0.6, 0.7, 0.8]})
    assert "check that seeds differ" in warned["no_spread"]


def test_seeds_added_after_a_verdict_are_named(cautions):
    warned, _ = cautions({"control": CONTROL, "a": BETTER}, shown={"a - control": (0, 1, 2)})
    assert warned["extended_after_results"].startswith("a - control (shared): seeds were added")


def test_a_verdict_that_hangs_on_one_seed_is_warned_about(cautions):
    arm = [*[x + 0.004 for x in CONTROL[:4]], 0.95]
    warned, _ = cautions({"control": CONTROL, "a": arm})
    assert "hangs on one seed" in warned["fragile"]


def test_seeds_that_may_have_been_picked_are_warned_about(make_runs, make_plan):
    runs = make_runs({"control": CONTROL, "a": BETTER})
    for seeds, is_odd in (((3, 17, 18, 19, 42), True), ((7, 5, 6, 8, 9), False)):
        table = runs.assign(seed=[seeds[seed] for seed in runs["seed"]])
        results = analyse(table, make_plan(["control", "a"], seeds=seeds))
        texts = [note.text for note in results.warnings if note.code == "odd_seeds"]
        assert bool(texts) == is_odd
    assert (
        "seeds 3, 17 to 19, 42 are not"
        in analyse(
            runs.assign(seed=[(3, 17, 18, 19, 42)[seed] for seed in runs["seed"]]),
            make_plan(["control", "a"], seeds=(3, 17, 18, 19, 42)),
        )
        .warnings[0]
        .text
    )


def test_arms_of_unlike_size_are_warned_about(make_runs, make_plan):
    facts = (ArmFacts("control", n_parameters=44_426), ArmFacts("a", n_parameters=178_110))
    plan = make_plan(["control", "a"], arms=facts)
    warned = {
        n.code: n.text for n in analyse(make_runs({"control": CONTROL, "a": BETTER}), plan).warnings
    }
    assert "178,110 parameters against 44,426" in warned["capacity_confounded"]


def test_kernels_that_are_not_deterministic_are_warned_about(make_runs, make_plan):
    facts = (ArmFacts("control"), ArmFacts("a", recipe={"deterministic": False}))
    plan = make_plan(["control", "a"], arms=facts)
    results = analyse(make_runs({"control": CONTROL, "a": BETTER}), plan)
    told = [note.text for note in results.warnings if note.code == "nondeterministic"]
    assert [text.partition(":")[0] for text in told] == ["arm 'a'"]


def test_arms_that_share_no_seed_are_warned_about(make_runs, make_plan):
    runs = make_runs({"control": CONTROL, "a": BETTER})
    runs.loc[runs["arm"] == "a", "seed"] += 10
    results = analyse(runs, make_plan(["control", "a"], seeds=()))
    assert results.contrasts[0].method == "welch"
    assert results.contrasts[0].verdict == "better"
    assert "5 and 5 runs that share no seed" in results.contrasts[0].sentence
    assert "intervals are Welch's" in {n.code: n.text for n in results.warnings}["unpaired_seeds"]
    few = analyse(runs[runs["seed"].isin([0, 1, 2, 10, 11])], make_plan(["control", "a"], seeds=()))
    assert few.contrasts[0].verdict is None
    assert "fewer than 3 runs" in {n.code: n.text for n in few.refusals}["too_few_runs"]


def test_devices_that_differ_are_warned_about(make_runs, make_plan):
    runs = make_runs({"control": CONTROL, "a": BETTER})
    results = analyse(runs.assign(device=["one", "other"] * 5), make_plan(["control", "a"]))
    assert "trained on one and other" in {n.code: n.text for n in results.warnings}["mixed_devices"]


def test_seeds_of_a_bare_table_may_have_been_picked_too(make_runs, make_plan):
    runs = make_runs({"control": CONTROL, "a": BETTER})
    table = runs.assign(seed=[(3, 17, 18, 19, 42)[seed] for seed in runs["seed"]])
    results = analyse(table, make_plan(["control", "a"], seeds=()))
    assert "odd_seeds" in {note.code for note in results.warnings}


def test_an_arm_that_does_not_vary_beside_one_that_does_is_warned_about(cautions):
    warned, _ = cautions({"control": [0.5] * 5, "a": [0.6, 0.9, 0.1, 0.5, 0.2]})
    assert "varies infinitely as much" in warned["unequal_spread"]


def test_skewed_differences_are_warned_about(cautions):
    jump = [x + y for x, y in zip(CONTROL, [0.001, 0.002, 0.001, 0.002, 0.09], strict=True)]
    warned, _ = cautions({"control": CONTROL, "a": jump})
    assert "skewed (+1.5)" in warned["skewed_differences"]
    assert "skewed_differences" not in cautions({"control": CONTROL, "a": BETTER})[0]


def test_answers_that_do_not_fit_are_named(make_runs, make_plan):
    runs = make_runs({"control": CONTROL, "a": BETTER})
    examples = {
        key: np.arange(1000) < round(1000 * value)
        for key, value in zip(runs["run_key"], runs["test/accuracy"], strict=True)
    }
    plan = make_plan(["control", "a"])
    fits = {note.code for note in analyse(runs, plan, examples=examples).warnings}
    assert "examples_unusable" not in fits
    examples["key-a-shared-2"] = ~examples["key-a-shared-2"]
    warned = {note.code: note.text for note in analyse(runs, plan, examples=examples).warnings}
    assert warned["examples_unusable"].startswith("runs of 'a' kept no answers")


def test_a_difference_that_the_images_cannot_show_is_warned_about(make_runs, make_plan):
    rng = np.random.default_rng(3)
    values = {"control": CONTROL, "a": [x + 0.002 for x in CONTROL]}
    runs = make_runs(values)
    examples = {
        key: rng.permutation(np.arange(1000) < round(1000 * value))
        for key, value in zip(runs["run_key"], runs["test/accuracy"], strict=True)
    }
    plan = make_plan(list(values))
    warned = {note.code: note.text for note in analyse(runs, plan, examples=examples).warnings}
    assert "this one may be luck of the images" in warned["below_test_noise"]
    assert "below_test_noise" not in {note.code for note in analyse(runs, plan).warnings}


def test_a_note_says_which_arm_or_contrast_it_is_about(make_runs, make_plan):
    runs = make_runs({"control": [0.9] * 3, "a": [0.8, 0.81, 0.82], "b": [0.8, "DIVERGED", "OOM"]})
    results = analyse(runs, make_plan(["control", "a", "b"], seeds=(0, 1, 2)))
    told = {(note.code, note.kind, note.about, note.comparison) for note in results.warnings}
    assert ("few_pairs", "contrast", "a - control", "shared") in told
    assert ("failed_runs", "arm", "b", "shared") in told
    assert ("no_exact_test", "study", "", "") in told
    refused = {(note.code, note.kind, note.about) for note in results.refusals}
    assert {("one_run", "arm", "b"), ("too_few_pairs", "contrast", "b - control")} <= refused
