"""Sentences say what was found, in words that are read here."""

from __future__ import annotations

import pytest

from reports.methods import Pairs
from reports.plan import ContrastSpec
from reports.questions import Question
from reports.sentences import amount, contrast_sentence, metric_name
from reports.statistics.intervals import Interval
from reports.statistics.paired import PairedContrast
from reports.table import is_fraction
from reports.verdicts import Ruling


def question(**settings) -> Question:
    defaults = {
        "spec": ContrastSpec("activation=relu - control", "activation=relu", "control"),
        "metric": "test/accuracy",
        "direction": "maximize",
        "margin": 0.005,
        "alpha": 0.05,
        "family": "primary",
        "family_size": 6,
    }
    return Question(**{**defaults, **settings})


def numbers(estimate: float, adjusted: tuple[float, float], equivalence=None) -> PairedContrast:
    return PairedContrast(
        n_pairs=5,
        estimate=estimate,
        ci_adjusted=Interval(*adjusted),
        ci_equivalence=Interval(*(equivalence or adjusted)),
    )


def sentence(asked, found, verdict, *flags, seeds=None, with_failures=None, method="paired") -> str:
    return contrast_sentence(
        asked,
        Pairs(method, *[(0,) * found.n_pairs] * 3),
        found,
        Ruling(verdict, flags),
        seeds_for_verdict=seeds,
        estimate_with_failures=with_failures,
    )


CLEAR = numbers(0.123, (0.118, 0.128))


def test_better_says_by_how_much_and_how_sure():
    assert sentence(question(), CLEAR, "better") == (
        "activation=relu raises test accuracy by 12.30 points over control (95 % simultaneous "
        "interval 11.80 to 12.80, 5 paired seeds): better, beyond the margin of 0.5 points"
    )


def test_worse_turns_the_interval_round():
    assert sentence(question(), numbers(-0.02, (-0.025, -0.015)), "worse") == (
        "activation=relu lowers test accuracy by 2.00 points relative to control (95 % "
        "simultaneous interval 1.50 to 2.50, 5 paired seeds): worse, beyond the margin of "
        "0.5 points"
    )


def test_equivalent_cites_the_interval_it_rests_on():
    found = numbers(0.001, (-0.003, 0.005), (-0.002, 0.004))
    assert sentence(question(), found, "equivalent") == (
        "activation=relu changes test accuracy by +0.10 points relative to control (90 % "
        "simultaneous interval -0.20 to +0.40, 5 paired seeds): equivalent within "
        "the margin of 0.5 points"
    )


def test_small_and_uncertain_sizes_are_said():
    small = sentence(question(), numbers(0.002, (0.001, 0.003)), "better-but-small")
    assert small.endswith(": better, but by less than the margin of 0.5 points")
    uncertain = sentence(question(), numbers(-0.01, (-0.02, -0.001)), "worse", "size_uncertain")
    assert uncertain.endswith(": worse, though perhaps by less than the margin of 0.5 points")


def test_undecided_says_how_many_seeds_a_verdict_needs():
    text = sentence(question(), numbers(0.004, (-0.002, 0.010)), "undecided", seeds=17)
    assert text.endswith(
        ": undecided; a verdict at the margin of 0.5 points would need about 17 paired seeds"
    )


def test_undecided_beyond_reach_promises_nothing():
    text = sentence(question(), numbers(0.004, (-0.002, 0.010)), "undecided")
    assert text.endswith("would need more than a million paired seeds")


def test_failures_that_decide_are_counted_out_loud():
    text = sentence(question(), CLEAR, "undecided", "failures_decide", with_failures=-0.1458)
    assert text.endswith(
        "undecided, because counting diverged runs as chance would make it "
        "-14.58 points and change the verdict"
    )


def test_one_contrast_alone_has_no_simultaneous_interval():
    assert "(95 % interval 11.80" in sentence(question(family_size=1), CLEAR, "better")


def test_a_loss_keeps_its_unit_and_its_direction():
    asked = question(metric="test/loss", direction="minimize", margin=0.02)
    text = sentence(asked, numbers(0.12, (0.10, 0.14)), "better")
    assert text.startswith("activation=relu lowers test loss by 0.120 relative to control")
    assert text.endswith(": better, beyond the margin of 0.02")


def test_a_metric_without_a_direction_is_greater_or_less_and_never_better():
    asked = question(metric="probe/shift/consistency_1", direction=None)
    assert sentence(asked, CLEAR, "better").endswith(": greater, beyond the margin of 0.5 points")
    assert sentence(asked, numbers(-0.1, (-0.2, -0.05)), "worse").endswith(
        ": less, beyond the margin of 0.5 points"
    )


@pytest.mark.parametrize(("n", "words"), [(0, "at no seed"), (1, "at 1 seed"), (2, "at 2 seeds")])
def test_too_few_pairs_say_so(n, words):
    text = sentence(question(), PairedContrast(n), None)
    assert text == (
        f"activation=relu and control finished together {words}, and a verdict on test accuracy "
        f"needs at least 3"
    )


def test_what_is_not_final_says_so_first():
    asked = question(is_final=False)
    assert sentence(asked, CLEAR, None).startswith("not final: activation=relu changes")
    assert sentence(asked, PairedContrast(0), None).startswith("not final: activation=relu and")


@pytest.mark.parametrize("verdict", ["equivalent", "undecided"])
def test_no_sentence_ever_says_no_difference(verdict):
    assert "no difference" not in sentence(question(), CLEAR, verdict, seeds=9)


def test_fractions_are_accuracies_and_consistencies():
    assert is_fraction("probe/shift/accuracy_1")
    assert is_fraction("probe/shift/consistency_2")
    assert not is_fraction("test/loss")


def test_metric_names_read_as_words():
    assert metric_name("cost/train_seconds") == "cost train seconds"


@pytest.mark.parametrize(
    ("value", "metric", "width", "text"),
    [
        (0.1234, "test/accuracy", 0.2, "12.3"),
        (0.1234, "test/accuracy", 0.01, "12.34"),
        (0.1234, "test/accuracy", 0.0, "12.34"),
        (1.23456, "test/loss", 0.002, "1.2346"),
        (-1.5, "test/loss", 40.0, "-1.5"),
    ],
)
def test_amounts_show_the_digits_their_interval_supports(value, metric, width, text):
    assert amount(value, metric, width=width) == text
