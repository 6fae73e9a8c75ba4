import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.front import on_front

points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


def test_what_costs_more_and_is_no_better_is_out():
    assert on_front([1, 2, 2, 4], [0.5, 0.5, 0.7, 0.6]) == [True, False, True, False]


def test_points_that_are_alike_share_their_place():
    assert on_front([1, 1, 2, 2], [0.5, 0.5, 0.4, 0.4]) == [True, True, False, False]


def test_a_smaller_loss_is_better_where_it_is_minimised():
    assert on_front([1, 2], [0.3, 0.5], direction="minimize") == [True, False]
    assert on_front([1, 2], [0.3, 0.5], direction="maximize") == [True, True]


def test_what_is_not_known_is_out_and_beats_nobody():
    assert on_front([None, 2, 1], [0.9, 0.8, None]) == [False, True, False]
    assert on_front([], []) == []


def test_costs_and_values_come_in_pairs():
    with pytest.raises(ValueError, match="shorter"):
        on_front([1, 2], [0.5])


@given(points)
def test_the_cheapest_best_is_in_and_order_does_not_matter(pairs):
    costs, values = map(list, zip(*pairs, strict=True))
    front = on_front(costs, values)
    cheapest = min(costs)
    best = max(value for cost, value in pairs if cost == cheapest)
    assert front[pairs.index((cheapest, best))]
    backwards = on_front(costs[::-1], values[::-1])
    assert backwards[::-1] == front


@given(points)
def test_minimising_is_maximising_the_negative(pairs):
    costs, values = map(list, zip(*pairs, strict=True))
    negated = [-value for value in values]
    assert on_front(costs, negated, direction="minimize") == on_front(costs, values)
