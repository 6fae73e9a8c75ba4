"""What is said of a plan that takes another's place."""

from __future__ import annotations

import pytest

from ablations.plan_changes import plan_changes

ANEW = "trained anew, and what was trained before stays stored"
MLP = {"name": "net", "variant": "mlp"}


@pytest.fixture
def changes(plan):
    """The changes from one study to another, each given by the keys it has other than the small."""

    def told(before, after):
        return plan_changes(plan(**before).to_dict(), plan(**after).to_dict())

    return told


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        ({}, {}, []),
        ({}, {"question": "why?"}, []),
        ({}, {"seeds": [0, 1, 5, 7]}, ["seeds added: 5, 7"]),
        (
            {},
            {"seeds": [1]},
            ["seeds left out: 0; their runs stay stored and are in no report of this plan"],
        ),
        (
            {},
            {"factors": {"activation": ["relu", "tanh"]}},
            ["new: arm 'activation=tanh', to be trained"],
        ),
        (
            {"arms": [MLP]},
            {},
            ["gone: arm 'net', whose runs stay stored and are in no report of this plan"],
        ),
        (
            {"arms": [MLP]},
            {"arms": [{**MLP, "name": "dense"}]},
            ["arm 'net' is called 'dense' now: its runs are kept"],
        ),
        (
            {"arms": [MLP]},
            {"arms": [{**MLP, "levels": {"hidden": [32]}}]},
            [f"arm 'net' has hidden 32, was 256: {ANEW}"],
        ),
        (
            {"arms": [MLP]},
            {"arms": [{**MLP, "variant": "softmax"}]},
            [f"arm 'net' has variant softmax, was mlp; hidden none, was 256: {ANEW}"],
        ),
        (
            {},
            {"recipe": {"epochs": 3, "batch_size": 32}},
            [f"every arm has recipe.epochs 3, was 1: {ANEW}"],
        ),
        (
            {"arms": [MLP]},
            {"control": {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 2}},
             "arms": [MLP]},
            [f"arms 'control', 'activation=relu' have padding 2, was 1: {ANEW}"],
        ),
        ({}, {"root_seed": 7}, [f"root_seed was 0, now 7: every run is {ANEW}"]),
        ({}, {"curves": "test"}, [f"curves were of train, now of test: every run is {ANEW}"]),
        (
            {},
            {"endpoint": {"metric": "test/accuracy", "margin": 0.01}},
            ["endpoint.margin was 0.02, now 0.01: nothing is trained for it"],
        ),
        (
            {},
            {"probes": ["shift"]},
            ["probes added: shift; measured on what is stored, without training"],
        ),
        (
            {"probes": ["shift"]},
            {"probes": [{"shift": {"n_images": 50}}]},
            ["probes added: shift (n_images 50); measured on what is stored, without training"],
        ),
        ({"probes": ["shift"]}, {}, []),
        (
            {},
            {"accept": ["unequal_epochs"]},
            ["unequal_epochs is accepted: verdicts may come or go"],
        ),
        (
            {"accept": ["seeds_dropped"]},
            {},
            ["seeds_dropped is no longer accepted: verdicts may come or go"],
        ),
    ],
    ids=str,
)  # fmt: skip
def test_what_differs_is_told_with_what_it_means(changes, before, after, sentences):
    assert changes(before, after) == sentences


HELPS = {"text": "ReLU helps", "contrast": "activation=relu - control", "expect": "greater"}
HURTS = {**HELPS, "expect": "less"}
WORDS = {**HELPS, "text": "ReLU is of use"}
FREE = "nothing is trained for it"


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        ([HELPS], [HELPS], []),
        ([], [HELPS], [f"claim added: 'ReLU helps' (activation=relu - control: greater); {FREE}"]),
        ([HELPS], [], ["claim left out: 'ReLU helps'"]),
        (
            [HELPS],
            [HURTS],
            [
                "claim 'ReLU helps' said activation=relu - control: greater, now "
                f"activation=relu - control: less: {FREE}"
            ],
        ),
        ([HELPS], [WORDS], [f"claim 'ReLU helps' reads 'ReLU is of use' now: {FREE}"]),
        (
            [HELPS],
            [{**HURTS, "text": "ReLU hurts"}],
            [
                f"claim added: 'ReLU hurts' (activation=relu - control: less); {FREE}",
                "claim left out: 'ReLU helps'",
            ],
        ),
    ],
)
def test_claims_are_told_and_train_nothing(changes, before, after, sentences):
    assert changes({"claims": before}, {"claims": after}) == sentences


def test_arms_that_trade_their_names_train_nothing(changes):
    swapped = [{"name": "a", "variant": "softmax"}, {"name": "b", "variant": "mlp"}]
    before = [{"name": "a", "variant": "mlp"}, {"name": "b", "variant": "softmax"}]
    assert changes({"arms": before}, {"arms": swapped}) == [
        "arm 'b' is called 'a' now: its runs are kept",
        "arm 'a' is called 'b' now: its runs are kept",
    ]


def test_a_name_that_a_new_arm_takes_from_one_that_goes_on_is_new(changes):
    before = [{"name": "a", "variant": "mlp"}]
    after = [{"name": "a", "variant": "softmax"}, {"name": "b", "variant": "mlp"}]
    assert changes({"arms": before}, {"arms": after}) == [
        "arm 'a' is called 'b' now: its runs are kept",
        "new: arm 'a', to be trained",
    ]


def test_other_images_or_code_are_told_where_no_key_differs(plan):
    before, after = plan().to_dict(), plan().to_dict()
    for arm in after["arms"]:
        arm["arm_key"] = f"new-{arm['name']}"
    assert plan_changes(before, after) == [
        f"every arm has other code or other images: {ANEW}",
    ]


def test_several_changes_are_all_told(changes):
    told = changes(
        {"seeds": [0, 1], "arms": [MLP]},
        {"seeds": [1, 2], "recipe": {"epochs": 2, "batch_size": 32}, "probes": ["shift"]},
    )
    assert [text.partition(" ")[0] for text in told] == [
        "every",
        "gone:",
        "seeds",
        "seeds",
        "probes",
    ]


def test_other_looks_train_nothing_by_themselves(changes):
    told = changes({"seeds": {"looks": [3, 5]}}, {"seeds": {"looks": [3, 4, 5]}})
    assert told == [
        "looks were 3, 5, now 3, 4, 5: what is decided may change, and nothing is trained"
    ]
    more = changes({"seeds": 3}, {"seeds": {"looks": [3, 5]}})
    assert more[0] == "seeds added: 3, 4"
    assert more[1].startswith("looks were none, now 3, 5")


def test_what_a_change_of_tuning_means_is_told(plan):
    search = {"trials": 3, "space": {"learning_rate": [0.1, 1]}, "validation": 20}
    search["sampler"] = "random"

    def told(old, new):
        plans = (plan(tuning=one) if one else plan() for one in (old, new))
        return [
            text for text in plan_changes(*(one.to_dict() for one in plans)) if "tuning" in text
        ]

    assert told(None, search) == ["tuning added: trials are trained for it"]
    assert told(search, None) == ["tuning left out: its trials and runs stay stored"]
    assert told(search, {**search, "trials": 8}) == [
        "tuning: 5 trials of every arm more; recipes are chosen anew"
    ]
    assert told(search, {**search, "validation": 30, "trials": 2}) == [
        "tuning has another validation, n_trials: recipes are searched for and chosen anew"
    ]
    assert told(search, {**search, "max_repeats": 0}) == []
