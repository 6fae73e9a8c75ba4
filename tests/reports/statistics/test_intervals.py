"""Intervals against published values."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.intervals import Interval, finite_vector, spread, t_interval, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_table_of_newcombe_1998(successes, n, low, high):
    assert wilson(successes, n, level=0.95) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_five_wins_in_five_does_not_exclude_a_fair_coin_by_much():
    interval = wilson(5, 5, level=0.95)
    assert interval is not None
    assert interval.low == pytest.approx(0.5655, abs=5e-5)
    assert interval.high == 1.0


def test_wilson_of_nothing_counted_is_none():
    assert wilson(0, 0, level=0.95) is None


def test_t_interval_without_error_has_no_width():
    assert t_interval(0.25, 0.0, df=2, level=0.99) == Interval(0.25, 0.25)


def test_flipped_interval_keeps_low_below_high():
    assert Interval(-1.0, 3.0).flipped() == Interval(-3.0, 1.0)


def test_width_is_the_distance_between_the_ends():
    assert Interval(-1.0, 3.0).width == 4.0


def test_equal_values_have_a_spread_of_exactly_zero():
    assert spread(np.full(3, 0.1)) == 0.0


def test_finite_vector_names_the_value_it_refuses():
    with pytest.raises(ValueError, match=r"made: every value .* got nan at position 1; leave"):
        finite_vector([1.0, float("nan")], "made")
