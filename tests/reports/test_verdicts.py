"""The decision table, row by row."""

from __future__ import annotations

import pytest

from reports.statistics.intervals import Interval
from reports.verdicts import (
    Condition,
    decide,
    decide_claim,
    decide_statement,
    is_size_uncertain,
)

MARGIN = 0.5


@pytest.mark.parametrize(
    ("adjusted", "equivalence", "verdict"),
    [
        ((0.1, 0.45), (0.15, 0.4), "better-but-small"),
        ((-0.45, -0.1), (-0.4, -0.15), "worse-but-small"),
        ((-0.3, 0.3), (-0.2, 0.2), "equivalent"),
        ((-0.6, 0.3), (-0.4, 0.2), "equivalent"),
        ((0.1, 0.9), (0.2, 0.8), "better"),
        ((0.6, 0.9), (0.7, 0.8), "better"),
        ((-0.9, -0.1), (-0.8, -0.2), "worse"),
        ((-0.9, -0.6), (-0.8, -0.7), "worse"),
        ((-0.1, 0.9), (0.1, 0.8), "undecided"),
        ((-0.9, 0.9), (-0.8, 0.8), "undecided"),
    ],
)
def test_each_row_of_the_table(adjusted, equivalence, verdict):
    assert decide(Interval(*adjusted), Interval(*equivalence), MARGIN) == verdict


@pytest.mark.parametrize(
    ("point", "verdict"),
    [(0.0, "equivalent"), (0.2, "better-but-small"), (-0.2, "worse-but-small"), (0.5, "better")],
)
def test_intervals_without_width_get_the_verdict_of_the_table(point, verdict):
    interval = Interval(point, point)
    assert decide(interval, interval, MARGIN) == verdict


def test_touching_zero_or_the_margin_is_not_clearing_it():
    assert decide(Interval(0.0, 0.9), Interval(0.1, 0.8), MARGIN) == "undecided"
    assert decide(Interval(-0.6, 0.4), Interval(-0.5, 0.3), MARGIN) == "undecided"


@pytest.mark.parametrize(
    ("verdict", "adjusted", "is_uncertain"),
    [
        ("better", (0.1, 0.9), True),
        ("better", (0.5, 0.9), False),
        ("worse", (-0.9, -0.1), True),
        ("worse", (-0.9, -0.6), False),
        ("equivalent", (-0.1, 0.1), False),
        ("undecided", (-0.1, 0.9), False),
    ],
)
def test_size_is_uncertain_where_the_interval_reaches_into_the_margin(
    verdict, adjusted, is_uncertain
):
    assert is_size_uncertain(verdict, Interval(*adjusted), MARGIN) is is_uncertain


@pytest.mark.parametrize(
    ("verdict", "greater", "less", "equivalent"),
    [
        ("better", "supported", "refuted", "refuted"),
        ("better-but-small", "supported", "refuted", "supported"),
        ("equivalent", "refuted", "refuted", "supported"),
        ("worse-but-small", "refuted", "supported", "supported"),
        ("worse", "refuted", "supported", "refuted"),
        ("undecided", "undecided", "undecided", "undecided"),
        (None, "undecided", "undecided", "undecided"),
    ],
)
def test_claims_follow_the_verdict_of_their_contrast(verdict, greater, less, equivalent):
    expected = {"greater": greater, "less": less, "equivalent": equivalent}
    for expect, claimed in expected.items():
        assert (
            decide_claim(verdict, expect, direction="maximize", is_size_uncertain=False) == claimed
        )


def test_a_claim_of_equivalence_is_open_while_the_size_is_uncertain():
    for verdict in ("better", "worse"):
        claimed = decide_claim(verdict, "equivalent", direction=None, is_size_uncertain=True)
        assert claimed == "undecided"


def test_claims_speak_of_the_raw_metric_where_less_is_better():
    lower_loss = decide_claim("better", "less", direction="minimize", is_size_uncertain=False)
    higher_loss = decide_claim("better", "greater", direction="minimize", is_size_uncertain=False)
    assert (lower_loss, higher_loss) == ("supported", "refuted")


@pytest.mark.parametrize(
    ("intervals", "strict", "loose"),
    [
        ([(1, 2)], "supported", "supported"),
        ([(-2, -1)], "refuted", "refuted"),
        ([(-1, 1)], "undecided", "undecided"),
        ([(0, 0)], "refuted", "supported"),
        ([(0, 1)], "undecided", "supported"),
        ([(-1, 0)], "refuted", "undecided"),
        ([(1, 2), (-1, 1)], "undecided", "undecided"),
        ([(1, 2), (-2, -1)], "refuted", "refuted"),
        ([(-1, 1), (-2, -1)], "refuted", "refuted"),
    ],
)
def test_a_statement_holds_if_all_its_conditions_do(intervals, strict, loose):
    for is_strict, verdict in ((True, strict), (False, loose)):
        conditions = [Condition(Interval(*ends), is_strict) for ends in intervals]
        assert decide_statement(conditions) == verdict
