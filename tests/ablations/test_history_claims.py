"""What a study's past says of its claims: when each was written, and what it said before."""

from __future__ import annotations

import pytest

from ablations.history import (
    claims_past,
    deviations,
    extended,
    n_gone,
    remembering,
    shown_seeds,
    with_shown,
)

RELU = "activation=relu - control"


def said(found):
    return [one.text for one in found]


@pytest.fixture
def plain(plan):
    return lambda **changes: plan(**changes).to_dict()


HELPS = {"text": "ReLU helps", "contrast": RELU, "expect": "greater"}
SIZES = {
    "text": "conv2 is larger",
    "statement": {"left": "n_macs(conv2)", "relation": "greater", "right": "n_macs(conv1)"},
}


@pytest.fixture
def claims(plain):
    """Plans with some claims, and what a history says of a plan's claims by their words."""

    def told(history, plan):
        found = claims_past(history, plan)
        return {one["text"]: found[one["digest"]] for one in plan["claims"]}

    return (lambda *claims: plain(claims=list(claims))), told


def test_a_claim_is_from_when_it_was_first_stored(claims):
    planned, told = claims
    history = extended([], planned(HELPS), 10)
    history = extended(history, planned(HELPS, SIZES), 20)
    history = extended(history, planned(SIZES), 30)
    found = told(extended(history, planned(HELPS, SIZES), 40), planned(HELPS, SIZES))
    assert {text: (one.stored_ms, one.is_late) for text, one in found.items()} == {
        "ReLU helps": (10, False),
        "conv2 is larger": (20, False),
    }


def test_a_claim_first_stored_after_numbers_were_seen_is_late(claims):
    planned, told = claims
    first = planned(HELPS)
    history = with_shown(extended([], first, 10), first, {}, 15)
    later = planned(HELPS, SIZES)
    found = told(extended(history, later, 20), later)
    assert {text: one.is_late for text, one in found.items()} == {
        "ReLU helps": False,
        "conv2 is larger": True,
    }
    assert said(deviations(extended(history, later, 20), later)) == []


def test_what_another_study_showed_later_makes_no_claim_late(claims):
    planned, told = claims
    own = extended([], planned(HELPS), 10)
    there = with_shown(extended([], planned(), 5), planned(), {RELU: [0, 1]}, 12)
    for seen_ms, is_late in ((12, False), (7, True)):
        history = remembering(own, {"other": [{**there[0], "seen_ms": seen_ms}]}, planned(HELPS))
        assert len(history) == 2
        assert told(history, planned(HELPS))["ReLU helps"].is_late == is_late


def test_numbers_seen_before_times_were_kept_make_a_new_claim_late(claims, plain):
    planned, told = claims
    (old,) = with_shown(extended([], plain(), 1), plain(), {}, 2)
    old = {key: value for key, value in old.items() if key not in ("claims", "seen_ms")}
    history = extended([old], planned(SIZES), 20)
    assert told(history, planned(SIZES))["conv2 is larger"].is_late


@pytest.mark.parametrize(
    ("now", "former"),
    [
        ({**HELPS, "expect": "less"}, f"{RELU}: greater"),
        ({**HELPS, "margin": 0.2}, f"{RELU}: greater"),
        ({**HELPS, "metric": "test/loss"}, f"{RELU}: greater"),
        ({**HELPS, "text": "ReLU hardly helps"}, "ReLU helps"),
    ],
)
def test_a_claim_edited_after_numbers_were_seen_says_what_it_said(claims, now, former):
    planned, told = claims
    first = planned(HELPS, SIZES)
    history = with_shown(extended([], first, 10), first, {RELU: [0, 1]}, 15)
    edited = planned(now, SIZES)
    history = extended(history, edited, 20)
    found = told(history, edited)[now["text"]]
    assert (found.is_late, found.former) == (True, former)
    assert said(deviations(history, edited)) == [
        f"claim {now['text']!r} was edited after results were shown: it said {former!r}"
    ]


def test_a_claim_edited_before_anything_was_seen_is_as_good_as_new(claims):
    planned, told = claims
    edited = planned({**HELPS, "expect": "less"})
    history = extended(extended([], planned(HELPS), 10), edited, 20)
    assert told(history, edited)["ReLU helps"] == (20, False, "")
    assert said(deviations(history, edited)) == []


def test_a_claim_taken_back_after_numbers_were_seen_is_told(claims, plain):
    planned, _ = claims
    first = planned(HELPS, SIZES)
    history = with_shown(extended([], first, 10), first, {RELU: [0, 1]}, 15)
    assert said(deviations(extended(history, plain(), 20), plain())) == [
        "claim 'ReLU helps' was dropped after results were shown",
        "claim 'conv2 is larger' was dropped after results were shown",
    ]


def test_a_claims_contrast_is_shown_like_any_other(plain):
    factors = {"activation": ["sigmoid", "relu", "tanh"]}
    name = "activation=tanh - activation=relu"
    claim = {"text": "tanh is better", "contrast": name, "expect": "greater"}
    first = plain(factors=factors, claims=[claim])
    history = with_shown(extended([], first, 1), first, {name: [0, 1]}, 2)
    assert shown_seeds(history, first) == {name: [0, 1]}
    without = plain(factors=factors)
    assert n_gone(extended(history, without, 3), without) == 1


def test_one_arm_beside_a_number_is_shown_for_itself(plain):
    mean = "mean(activation=relu, test/accuracy)"
    claim = {"text": "t", "statement": {"left": mean, "relation": "greater", "right": 0.5}}
    first = plain(claims=[claim])
    name = "activation=relu - activation=relu"
    history = with_shown(extended([], first, 1), first, {name: [0, 1]}, 2)
    assert shown_seeds(history, first) == {name: [0, 1]}
