"""One contrast: numbers, flags and verdict from the outcomes of two arms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.analysis import analyse
from reports.contrasts import answer
from reports.plan import ArmFacts, ClaimSpec, ContrastSpec
from reports.questions import claimed_question, planned_questions
from reports.statistics.paired import paired_contrast
from reports.table import outcomes, validated_runs

CONTROL = [0.900, 0.902, 0.898, 0.901, 0.899]


@pytest.fixture
def ask(make_runs, make_plan):
    """The answer to `a - control` from values by arm."""

    def ask_it(values, *, examples=None, is_final=True, **settings):
        metric = settings.get("metric", "test/accuracy")
        plan = make_plan(list(values), **settings)
        table = validated_runs(make_runs(values, metric=metric))
        question = planned_questions(plan, is_final=is_final)[0]
        return answer(question, plan, outcomes(table, metric), examples=examples)

    return ask_it


def shifted(by: float, jitter: float = 0.0005) -> list[float]:
    signs = [1, -1, 0, 1, -1]
    return [x + by + jitter * sign for x, sign in zip(CONTROL, signs, strict=True)]


@pytest.mark.parametrize(
    ("by", "jitter", "verdict", "flags"),
    [
        (0.020, 0.0005, "better", ()),
        (0.006, 0.0010, "better", ("size_uncertain",)),
        (0.002, 0.0005, "better-but-small", ()),
        (0.0, 0.0005, "equivalent", ()),
        (-0.002, 0.0005, "worse-but-small", ()),
        (-0.006, 0.0010, "worse", ("size_uncertain",)),
        (-0.020, 0.0005, "worse", ()),
        (0.004, 0.0100, "undecided", ()),
    ],
)
def test_each_verdict_can_be_reached(ask, by, jitter, verdict, flags):
    result = ask({"control": CONTROL, "a": shifted(by, jitter)})
    assert result.verdict == verdict
    assert result.flags == flags


def test_numbers_are_those_of_the_paired_contrast(ask):
    result = ask({"control": CONTROL, "a": shifted(0.01)})
    expected = paired_contrast(shifted(0.01), CONTROL, margin=0.005, alpha=0.05)
    assert (result.estimate, result.ci, result.p) == (expected.estimate, expected.ci, expected.p)
    assert result.method == "paired"
    assert result.n_pairs == 5


def test_three_rows_by_hand(ask):
    values = {"control": [0.90, 0.91, 0.92], "a": [0.92, 0.94, 0.93]}
    result = ask(values, seeds=(0, 1, 2), margin=0.05)
    assert result.estimate == pytest.approx(0.02)
    assert result.ci_adjusted == pytest.approx((-0.0048414, 0.0448414), abs=1e-7)
    # t(0.95, 2) = 2.919986
    assert result.ci_equivalence == pytest.approx((0.0031415, 0.0368585), abs=1e-6)
    assert result.relative_error_reduction == pytest.approx(0.02 / 0.09)
    assert result.verdict == "equivalent"


def test_a_missing_seed_is_listed_and_left_out(ask):
    result = ask({"control": CONTROL, "a": [*shifted(0.02)[:3], "OOM", shifted(0.02)[4]]})
    assert result.n_pairs == 4
    assert result.missing_pairs == (3,)
    assert result.estimate_with_failures == result.estimate


def test_a_seed_that_nobody_trained_is_missing_too(ask):
    result = ask({"control": CONTROL[:4], "a": shifted(0.02)[:4]})
    assert result.missing_pairs == (4,)


def test_a_diverged_run_counts_as_chance_beside_the_estimate(ask):
    values = {"control": CONTROL, "a": [*shifted(0.02)[:4], "DIVERGED"]}
    result = ask(values)
    assert result.estimate == pytest.approx(0.02, abs=1e-3)
    d = [a - b for a, b in zip([*shifted(0.02)[:4], 0.1], CONTROL, strict=True)]
    assert result.estimate_with_failures == pytest.approx(np.mean(d))


def test_failures_that_change_the_verdict_leave_it_undecided(ask):
    result = ask({"control": CONTROL, "a": [*shifted(0.02)[:4], "DIVERGED"]})
    assert result.verdict == "undecided"
    assert "failures_decide" in result.flags
    assert "counting diverged runs as chance would make it" in result.sentence


def test_failures_that_confirm_the_verdict_do_not(ask):
    values = {"control": CONTROL, "a": [0.1 + 1e-4 * i for i in range(4)] + ["DIVERGED"]}
    result = ask(values)
    assert result.verdict == "worse"
    assert "failures_decide" not in result.flags


def test_without_a_known_chance_a_lost_run_counts_as_the_worst_that_was_seen(ask):
    values = {"control": CONTROL, "a": [*shifted(0.02)[:4], "DIVERGED"]}
    result = ask(values, arms=())
    d = [a - b for a, b in zip([*shifted(0.02)[:4], min(CONTROL)], CONTROL, strict=True)]
    assert result.estimate_with_failures == pytest.approx(np.mean(d))
    assert result.verdict == "better"  # though by less than the 2 points of those that finished


def test_a_run_that_finished_without_a_number_is_lost_like_one_that_diverged(ask):
    values = {"control": CONTROL, "a": [*shifted(0.02)[:4], float("inf")]}
    diverged = {**values, "a": [*values["a"][:4], "DIVERGED"]}
    assert ask(values).estimate_with_failures == ask(diverged).estimate_with_failures
    assert ask(values).verdict == "undecided"


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_pairs_get_no_verdict(ask, n):
    result = ask({"control": CONTROL[:n], "a": shifted(0.02)[:n]}, seeds=tuple(range(n)))
    assert result.verdict is None
    assert result.ci is None
    assert result.p is None
    assert result.minimum_detectable is None
    assert "needs at least 3" in result.sentence


def test_a_study_that_is_not_final_gives_values_and_no_verdict(ask):
    result = ask({"control": CONTROL, "a": shifted(0.02)}, is_final=False)
    assert result.verdict is None
    assert result.ci_adjusted is not None
    assert result.sentence.startswith("not final: ")


def test_seeds_added_after_a_verdict_was_shown_ask_for_more_than_planned_ones(ask):
    control = [*CONTROL, 0.9, 0.901]
    values = {"control": control, "a": [*shifted(0.007, 0.002), 0.909, 0.906]}
    more = {"seeds": tuple(range(7))}
    assert ask(values, shown={"a - control": tuple(range(7))}, **more).verdict == "better"
    extended = ask(values, shown={"a - control": (0, 1, 2)}, **more)
    assert extended.method == "anytime"
    assert extended.verdict == "undecided"
    assert "extended_after_results" in extended.flags
    assert "97.5 % interval that allows for seeds added after a verdict" in extended.sentence


def test_too_few_seeds_after_a_verdict_was_shown_get_none(ask):
    values = {"control": CONTROL[:4], "a": shifted(0.02)[:4]}
    extended = ask(values, shown={"a - control": (0, 1, 2)}, seeds=(0, 1, 2, 3))
    assert (extended.verdict, extended.ci_adjusted) == (None, None)
    assert extended.flags == ("extended_after_results",)
    assert "needs more, now that seeds were added" in extended.sentence


def test_identical_arms_are_called_identical(ask):
    result = ask({"control": CONTROL, "a": CONTROL})
    assert result.flags == ("identical",)
    assert result.ci_adjusted == (0.0, 0.0)
    assert result.verdict == "equivalent"
    assert result.seeds_for_margin == 3


def test_a_difference_without_spread_is_flagged(ask):
    result = ask({"control": [0.5, 0.6, 0.7], "a": [0.6, 0.7, 0.8]}, seeds=(0, 1, 2))
    assert result.flags == ("no_spread",)
    assert result.verdict == "better"
    assert result.minimum_detectable == 0.0


def test_one_seed_that_flips_the_verdict_makes_it_fragile(ask):
    healthy = [0.990, 0.991, 0.989, 0.990, 0.992, 0.990, 0.991, 0.989, 0.990, 0.990]
    noisy = [x + 0.0002 * (-1) ** i for i, x in enumerate(healthy)]
    result = ask({"control": healthy, "a": [*noisy[:9], 0.10]}, seeds=tuple(range(10)))
    assert result.verdict == "undecided"
    assert "fragile" in result.flags


def test_sign_flip_that_disagrees_with_t_makes_it_fragile(ask):
    # t gives p = 0.029; of the 64 sign patterns 4 are as extreme: p = 0.0625
    d = [0.030, 0.028, 0.031, 0.029, 0.030, -0.001]
    control = [0.5] * 6
    result = ask({"control": control, "a": [0.5 + x for x in d]}, seeds=tuple(range(6)))
    assert result.p < 0.05 < result.p_sign_flip
    assert "fragile" in result.flags


def test_five_seeds_are_not_fragile_because_sign_flip_cannot_reach_its_level(ask):
    result = ask({"control": CONTROL, "a": shifted(0.02)})
    assert result.p_sign_flip == 0.0625
    assert result.flags == ()


def test_arms_of_other_size_are_confounded_with_capacity(ask):
    def arms(n_parameters):
        return (ArmFacts("control", n_parameters=1000), ArmFacts("a", n_parameters=n_parameters))

    values = {"control": CONTROL, "a": shifted(0.02)}
    assert "capacity_confounded" in ask(values, arms=arms(1101)).flags
    assert "capacity_confounded" in ask(values, arms=arms(900)).flags
    assert ask(values, arms=arms(1100)).flags == ()


def matched_of(make_runs, make_plan, *others):
    """By contrast the one that stands for it, of arms of 1,000 or 2,000 parameters."""
    arms = (ArmFacts("control", family="lenet", n_parameters=1000), *others)
    values = {arm.name: CONTROL for arm in arms}
    results = analyse(make_runs(values), make_plan(list(values), arms=arms))
    return {one.arm: one.matched for one in results.contrasts}


def test_a_contrast_that_size_may_explain_names_the_one_of_equal_size(make_runs, make_plan):
    mlp = ArmFacts("mlp", family="mlp", n_parameters=2000)
    sized = ArmFacts("sized", family="mlp", n_parameters=1001, matched_to="control")
    assert matched_of(make_runs, make_plan, mlp, sized) == {"mlp": "sized - control", "sized": None}


def test_only_an_arm_that_was_given_the_size_and_has_the_change_stands_for_another(
    make_runs, make_plan
):
    wide = ArmFacts("wide", family="lenet", n_parameters=2000, changes={"channels": [12, 32]})
    plain = ArmFacts("plain", family="lenet", n_parameters=1000, changes={"channels": [12, 32]})
    other = replace(plain, name="other", matched_to="control", changes={"pooling": "avg"})
    same = replace(plain, name="same", matched_to="control")
    mlp = ArmFacts("mlp", family="mlp", n_parameters=1000, matched_to="control")
    assert matched_of(make_runs, make_plan, wide, plain, other, mlp)["wide"] is None
    assert matched_of(make_runs, make_plan, wide, other, same)["wide"] == "same - control"


def test_minimised_metric_is_a_negated_maximised_one(ask):
    better = shifted(0.02)
    gain = ask({"control": CONTROL, "a": better}, metric="test/gain")
    loss = ask(
        {"control": [-x for x in CONTROL], "a": [-x for x in better]},
        metric="test/gain",
        direction="minimize",
    )
    assert loss.estimate == gain.estimate
    assert loss.ci_adjusted == gain.ci_adjusted
    assert loss.verdict == gain.verdict == "better"
    assert "lowers test gain by 0.02" in loss.sentence


def test_looks_widen_the_interval_and_use_it_for_equivalence(ask):
    values = {"control": CONTROL, "a": shifted(0.0)}
    once = ask(values)
    often = ask(values, looks=(5, 10), seeds=tuple(range(10)))
    assert often.missing_pairs == ()
    assert (once.method, often.method) == ("paired", "sequential")
    assert often.ci_adjusted.width > 1.1 * once.ci_adjusted.width
    assert often.ci_equivalence == often.ci_adjusted
    assert "that allows for 2 looks" in often.sentence


def bits(accuracy: float, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.arange(1000) < round(1000 * accuracy))


def test_stored_correctness_gives_an_interval_over_new_images(ask):
    rng = np.random.default_rng(0)
    values = {"control": CONTROL, "a": [0.920, 0.921, 0.919, 0.922, 0.918]}
    examples = {
        f"key-{arm}-shared-{seed}": bits(value, rng)
        for arm, by_seed in values.items()
        for seed, value in enumerate(by_seed)
    }
    result = ask(values, examples=examples)
    assert result.new_images_ci.low < result.ci.low
    assert result.new_images_ci.high > result.ci.high
    middle = (result.new_images_ci.low + result.new_images_ci.high) / 2
    assert middle == pytest.approx(result.estimate)


@pytest.mark.parametrize("broken", ["absent", "other length", "other accuracy"])
def test_correctness_that_does_not_fit_gives_no_interval(ask, broken):
    rng = np.random.default_rng(0)
    values = {"control": CONTROL, "a": shifted(0.02, 0.001)}
    examples = {
        f"key-{arm}-shared-{seed}": bits(value, rng)
        for arm, by_seed in values.items()
        for seed, value in enumerate(by_seed)
    }
    assert ask(values, examples=examples).new_images_ci is not None
    if broken == "absent":
        del examples["key-a-shared-0"]
    elif broken == "other length":
        examples["key-a-shared-0"] = examples["key-a-shared-0"][:500]
    else:
        examples["key-a-shared-0"] = bits(0.5, rng)
    assert ask(values, examples=examples).new_images_ci is None


def test_a_tuned_contrast_reads_tuned_runs_only(make_runs, make_plan):
    contrast = ContrastSpec("a - control", "a", "control", "tuned")
    plan = make_plan(["control", "a"], contrasts=(contrast,))
    table = validated_runs(make_runs({"control": CONTROL, "a": shifted(0.02)}))
    (question,) = planned_questions(plan)
    assert answer(question, plan, outcomes(table, "test/accuracy")).n_pairs == 0


def test_a_report_that_is_made_twice_says_the_same(ask):
    lost = {"control": CONTROL, "a": [*[0.1 + 1e-4 * i for i in range(4)], "DIVERGED"]}
    first = ask(lost)
    assert first.verdict == "worse"
    again = ask(lost, shown={"a - control": (0, 1, 2, 3)})
    assert (again.method, again.verdict, again.flags) == ("paired", "worse", first.flags)


@pytest.mark.parametrize(
    ("by", "verdict"), [(0.02, "better"), (-0.02, "worse"), (0.0, "equivalent")]
)
def test_enough_added_seeds_bring_every_verdict(ask, by, verdict):
    control = [0.9 + 0.001 * (seed % 3) for seed in range(16)]
    arm = [x + by + 0.0005 * (-1) ** seed for seed, x in enumerate(control)]
    shown = {"a - control": tuple(range(5))}
    result = ask({"control": control, "a": arm}, seeds=tuple(range(16)), shown=shown)
    assert (result.method, result.verdict) == ("anytime", verdict)
    assert result.flags == ("extended_after_results",)


def test_a_lost_run_of_a_metric_without_a_better_side_is_scored_at_both_ends(make_runs, make_plan):
    claim = ClaimSpec("a loses less", "a - control", "less", metric="test/loss")
    values = {
        "control": [0.5, 0.52, 0.51, 0.5, 0.51],
        "a": [0.4, 0.43, 0.41, "DIVERGED", "DIVERGED"],
    }
    plan = make_plan(["control", "a"], claims=(claim,), arms=())
    table = validated_runs(make_runs(values, metric="test/loss"))
    question = claimed_question(claim, plan)
    result = answer(question, plan, outcomes(table, "test/loss"))
    assert "failures_decide" in result.flags
