"""What a study's past says of its present: verdicts seen, and plans changed after."""

from __future__ import annotations

import pytest

from ablations import history as past
from ablations.history import (
    adopted,
    deviations,
    n_gone,
    remembering,
    shown_looks,
    shown_seeds,
    shown_texts,
)

RELU = "activation=relu - control"


def extended(history, plan, now_ms=1):
    return past.extended(history, plan, now_ms)


def with_shown(history, plan, seeds, now_ms=1):
    return past.with_shown(history, plan, seeds, now_ms)


def said(found):
    return [one.text for one in found]


@pytest.fixture
def plain(plan):
    return lambda **changes: plan(**changes).to_dict()


@pytest.fixture
def seen(plain):
    """The history after the small study's verdicts were shown."""
    first = plain()
    return with_shown(extended([], first), first, {RELU: [1, 0]})


def test_first_plan_starts_the_history_with_nothing_shown(plain):
    first = plain()
    (entry,) = extended([], first)
    assert entry["digest"] == first["digest"]
    assert entry["seeds"] == [0, 1]
    assert entry["arms"] == {arm["name"]: arm["arm_key"] for arm in first["arms"]}
    assert entry["control_levels"] == [first["arms"][0]["levels"]]
    assert entry["shown"] == {}
    assert entry["seen"] is False


def test_the_same_plan_again_adds_nothing_and_another_is_put_last(plain):
    history = extended([], plain())
    assert extended(history, plain()) == history
    longer = extended(history, plain(seeds=3))
    assert longer[:1] == history
    assert longer[1]["seeds"] == [0, 1, 2]


def test_going_back_to_an_earlier_plan_is_an_entry_of_its_own(plain):
    history = extended(extended(extended([], plain()), plain(seeds=3)), plain())
    assert [entry["seeds"] for entry in history] == [[0, 1], [0, 1, 2], [0, 1]]


def test_a_data_set_more_leaves_the_controls_of_the_others_as_they_were(plain):
    one = {"name": "digits", "subset": 100}
    more = plain(dataset=[{"name": "digits", "subset": 200}, one])
    history = with_shown(extended([], plain()), plain(), {RELU: [0, 1]})
    history = extended(history, more)
    assert len(history[-1]["control_levels"]) == 1
    assert said(deviations(history, more)) == []
    assert shown_seeds(history, more) == {
        "activation=relu on subset=100 - control on subset=100": [0, 1]
    }


def test_numbers_that_were_seen_without_a_verdict_bind_the_plan_as_well(plain):
    first = plain()
    history = with_shown(extended([], first), first, {})
    assert shown_seeds(history, first) == {}
    other = plain(endpoint={"metric": "test/accuracy", "margin": 0.2})
    assert said(deviations(extended(history, other), other)) == [
        "the endpoint's margin was 0.02 when results were first shown, now 0.2"
    ]
    assert said(deviations(extended(extended([], first), other), other)) == []


def test_a_contrast_that_was_shown_the_other_way_round_was_shown(plain, seen):
    small = {"kernel_size": 3, "padding": 1}
    swapped = plain(
        control={"variant": "lenet", "levels": {**small, "activation": "relu"}},
        factors={"activation": ["sigmoid"]},
    )
    assert shown_seeds(extended(seen, swapped), swapped) == {"activation=sigmoid - control": [0, 1]}
    assert said(deviations(extended(seen, swapped), swapped)) == [
        "the control was another network when results were first shown"
    ]


def test_a_recipe_that_was_changed_is_told_as_that(plain, seen):
    other = plain(recipe={"epochs": 2, "batch_size": 32})
    assert said(deviations(extended(seen, other), other)) == [
        "every arm was trained otherwise when results were first shown"
    ]


def test_of_several_verdicts_on_a_contrast_the_one_on_the_fewest_seeds_counts(plain):
    few, many, now = plain(study="peek"), plain(study="early", seeds=8), plain(seeds=9)
    shown = {
        "early": with_shown(extended([], many), many, {RELU: list(range(8))}),
        "peek": with_shown(extended([], few), few, {RELU: [0, 1]}),
    }
    assert shown_seeds(remembering([], shown, now), now) == {RELU: [0, 1]}


def test_what_others_showed_later_is_remembered_once(plain):
    own, peek = plain(), plain(study="peek")
    history = extended([], own)
    shown = {"peek": with_shown(extended([], peek), peek, {RELU: [0, 1]})}
    once = remembering(history, shown, own)
    assert [item.get("study") for item in once] == ["peek", None]
    assert remembering(once, shown, own) == once
    assert extended(once, own) == once


def test_history_is_never_changed_in_place(plain):
    first = plain()
    history = extended([], first)
    with_shown(history, first, {RELU: [0]})
    extended(history, plain(seeds=3))
    assert len(history) == 1
    assert history[0]["shown"] == {}


def test_nothing_is_shown_before_a_report(plain):
    assert shown_seeds(extended([], plain()), plain()) == {}
    assert said(deviations(extended([], plain()), plain(seeds=9))) == []


def test_shown_seeds_are_kept_sorted_and_found_again(seen, plain):
    assert shown_seeds(seen, plain()) == {RELU: [0, 1]}


def test_first_showing_counts_when_more_seeds_are_shown_later(seen, plain):
    more = plain(seeds=4)
    history = with_shown(extended(seen, more), more, {RELU: [0, 1, 2, 3]})
    assert shown_seeds(history, more) == {RELU: [0, 1]}


def test_showing_the_same_plan_again_keeps_the_first_showing(seen, plain):
    assert with_shown(seen, plain(), {RELU: [0, 1, 2]}) == seen


def test_shown_seeds_survive_renaming_arm_and_study(plain):
    arms = [{"name": "old", "variant": "mlp"}]
    first = plain(arms=arms)
    history = with_shown(extended([], first), first, {"old - control": [0, 1]})
    renamed = plain(study="another", arms=[{"name": "new", "variant": "mlp"}])
    assert shown_seeds(extended(history, renamed), renamed) == {"new - control": [0, 1]}


def test_another_arm_under_a_name_that_was_shown_was_not_shown(plain):
    first = plain(arms=[{"name": "net", "variant": "mlp"}])
    history = with_shown(extended([], first), first, {"net - control": [0, 1]})
    other = plain(arms=[{"name": "net", "variant": "softmax"}])
    assert shown_seeds(extended(history, other), other) == {}


def test_the_same_arm_against_another_control_was_not_shown(seen, plain):
    other = plain(control={"variant": "lenet-avg", "levels": {"kernel_size": 3, "padding": 1}})
    assert shown_seeds(extended(seen, other), other) == {}


def test_contrasts_without_a_verdict_are_not_shown(plain):
    first = plain(arms=["mlp"])
    history = with_shown(extended([], first), first, {"mlp - control": [0, 1]})
    assert shown_seeds(history, first) == {"mlp - control": [0, 1]}


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, []),
        ({"question": "what?", "arms": ["mlp"]}, []),
        (
            {"endpoint": {"metric": "test/accuracy", "margin": 0.03, "alpha": 0.1}},
            [
                "the endpoint's margin was 0.02 when results were first shown, now 0.03",
                "the endpoint's alpha was 0.05 when results were first shown, now 0.1",
            ],
        ),
        (
            {"endpoint": {"metric": "test/loss", "margin": 0.02}},
            [
                "the endpoint's metric was 'test/accuracy' when results were first shown, "
                "now 'test/loss'",
                "the endpoint's direction was 'maximize' when results were first shown, "
                "now 'minimize'",
            ],
        ),
        (
            {"control": {"variant": "lenet-avg", "levels": {"kernel_size": 3, "padding": 1}}},
            ["the control was another network when results were first shown"],
        ),
        (
            {"seeds": [1, 3, 2]},
            [
                "seeds [0] were dropped after results were shown",
                "seeds [2, 3] were added after results were shown",
            ],
        ),
    ],
)
def test_deviations_say_what_changed_after_verdicts_were_shown(seen, plain, changes, texts):
    now = plain(**changes)
    assert said(deviations(extended(seen, now), now)) == texts


def test_deviations_are_held_against_the_plan_first_shown(seen, plain):
    between = plain(seeds=3)
    history = with_shown(extended(seen, between), between, {RELU: [0, 1, 2]})
    last = plain(seeds=4)
    assert said(deviations(extended(history, last), last)) == [
        "seeds [2, 3] were added after results were shown"
    ]


def test_changes_before_anything_was_shown_are_no_deviation(plain):
    second = plain(seeds=3)
    history = extended(extended([], plain()), second)
    history = with_shown(history, second, {RELU: [0, 1, 2]})
    assert said(deviations(history, second)) == []


def test_a_study_under_a_new_name_remembers_what_was_seen_under_the_old_one(plain, seen):
    named = plain(study="another", endpoint={"metric": "test/accuracy", "margin": 0.01}, seeds=3)
    past = adopted({"example": seen, "idle": extended([], plain(study="idle"))}, named)
    assert [(item["study"], list(item["shown"])) for item in past] == [("example", [RELU])]
    history = extended(past, named)
    assert shown_seeds(history, named) == {RELU: [0, 1]}
    assert said(deviations(history, named)) == [
        "the endpoint's margin was 0.02 when results were first shown in study 'example', now 0.01",
        "seeds [2] were added after results were shown",
    ]


def test_a_study_of_other_contrasts_has_no_past_elsewhere(plain, seen):
    assert adopted({"example": seen}, plain(study="another", recipe={"epochs": 7})) == []


def test_what_was_adopted_once_is_not_adopted_from_there_again(plain, seen):
    second = extended(adopted({"example": seen}, plain(study="second")), plain(study="second"))
    past = adopted({"example": seen, "second": second}, plain(study="third"))
    assert [item["study"] for item in past] == ["example"]


def test_a_contrast_that_was_shown_and_dropped_is_told_and_still_counts(plain):
    wide = plain(factors={"activation": ["relu", "tanh", "elu"]})
    names = [contrast["name"] for contrast in wide["contrasts"]]
    history = with_shown(extended([], wide), wide, {name: [0, 1] for name in names})
    now = plain()
    assert said(deviations(extended(history, now), now)) == [
        "2 contrasts of which a verdict had been shown: gone now"
    ]
    assert (n_gone(history, wide), n_gone(history, now)) == (0, 2)
    assert n_gone(extended([], now), now) == 0


def test_a_recipe_changed_in_one_arm_leaves_its_shown_contrast_behind(plain):
    arm = {"name": "net", "variant": "mlp", "levels": {"hidden": [16]}}
    first = plain(arms=[arm])
    names = [contrast["name"] for contrast in first["contrasts"]]
    history = with_shown(extended([], first), first, {name: [0, 1] for name in names})
    now = plain(arms=[{**arm, "recipe": {"learning_rate": 0.01}}])
    assert [one.code for one in deviations(extended(history, now), now)] == ["contrasts_dropped"]
    assert n_gone(history, now) == 1


def test_arms_that_were_all_trained_otherwise_are_another_question(plain, seen):
    other = plain(recipe={"epochs": 2, "batch_size": 32})
    assert n_gone(seen, other) == 0


def test_seeds_that_were_added_seen_and_dropped_again_are_told(seen, plain):
    more = plain(seeds=4)
    history = with_shown(extended(seen, more), more, {RELU: [0, 1, 2, 3]})
    now = plain()
    assert said(deviations(extended(history, now), now)) == [
        "seeds [2, 3] were dropped after results were shown"
    ]


def test_what_was_shown_keeps_the_looks_it_was_planned_with(plain):
    few, many = plain(seeds={"looks": [3, 5]}), plain(seeds={"looks": [3, 5, 8]})
    past = with_shown(extended([], few), few, {RELU: [0, 1, 2]})
    assert shown_looks(past, few) == {RELU: [3, 5]}
    assert deviations(past, few) == []
    later = extended(past, many)
    assert shown_looks(later, many) == {RELU: [3, 5]}
    assert said(deviations(later, many))[0] == (
        "looks were planned at 3, 5 seeds when results were first shown, now at 3, 5, 8 seeds"
    )


def test_a_verdict_that_was_shown_without_looks_was_planned_at_the_end_alone(plain, seen):
    now = plain(seeds={"looks": [3, 5]})
    assert shown_looks(seen, now) == {RELU: []}
    assert "looks were planned at the end alone when" in said(deviations(seen, now))[0]


SEARCH = {"trials": 3, "space": {"learning_rate": [0.1, 1, 10]}, "sampler": "random"}


def test_tuning_again_after_a_verdict_is_stamped_and_the_old_one_still_shares_alpha(plain):
    def tuned(**changes):
        return plain(tuning={**SEARCH, "validation": 20, **changes})

    first = tuned()
    seen = with_shown(extended([], first), first, {RELU: [0, 1], f"{RELU} (tuned)": [0, 1]})
    assert shown_seeds(seen, first) == {RELU: [0, 1], f"{RELU} (tuned)": [0, 1]}
    assert deviations(extended(seen, tuned(max_repeats=0)), tuned(max_repeats=0)) == []
    for other in (tuned(trials=9), tuned(validation=30), tuned(space={"learning_rate": [0.2]})):
        history = extended(seen, other)
        assert shown_seeds(history, other) == {RELU: [0, 1]}
        assert n_gone(history, other) == 1
        codes = [one.code for one in deviations(history, other)]
        assert codes == ["contrasts_dropped", "tuning_changed"]


def test_a_study_that_leaves_its_tuning_out_is_stamped(plain):
    first = plain(tuning={**SEARCH, "validation": 20})
    seen = with_shown(extended([], first), first, {f"{RELU} (tuned)": [0, 1]})
    codes = [one.code for one in deviations(extended(seen, plain()), plain())]
    assert "tuning_changed" in codes


def test_a_statement_about_one_arm_is_told_by_that_arm():
    shown = {
        "a - b": {"arm": "k1", "control": "k2", "seeds": [0]},
        "b - b": {"arm": "k2", "control": "k2", "seeds": [0]},
        "b - b (tuned)": {"arm": "k3", "control": "k3", "seeds": [0]},
    }
    assert shown_texts({"shown": shown}) == ["a - b", "b", "b (tuned)"]
