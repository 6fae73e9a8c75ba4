"""Holm's adjustment against worked examples."""

from __future__ import annotations

import pytest

from reports.statistics.multiplicity import holm


@pytest.mark.parametrize(
    ("raw", "adjusted"),
    [
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
    ],
)
def test_holm_gives_known_values_in_the_order_given(raw, adjusted):
    assert holm(raw) == pytest.approx(adjusted)


def test_order_of_contrasts_does_not_matter():
    raw = [0.04, 0.005, 0.03, 0.01]
    shuffled = [raw[i] for i in (2, 0, 3, 1)]
    adjusted = holm(raw)
    assert holm(shuffled) == [adjusted[i] for i in (2, 0, 3, 1)]


def test_no_adjusted_p_is_above_one():
    assert holm([0.5, 0.9, 0.7]) == [1.0, 1.0, 1.0]


def test_contrasts_without_p_stay_out_of_a_family_of_unstated_size():
    assert holm([0.01, None, 0.04]) == [pytest.approx(0.02), None, pytest.approx(0.04)]


def test_a_planned_contrast_without_p_still_counts_in_the_family():
    assert holm([0.01, None, 0.04], family_size=3) == [
        pytest.approx(0.03),
        None,
        pytest.approx(0.08),
    ]


def test_a_contrast_without_p_keeps_its_place_to_be_reported():
    adjusted = holm([None, 0.01, None, 0.04, None])
    assert [i for i, p in enumerate(adjusted) if p is None] == [0, 2, 4]


@pytest.mark.parametrize("p", [float("nan"), -0.1, 1.2])
def test_what_is_no_probability_is_refused_and_named(p):
    with pytest.raises(ValueError, match=rf"from 0 to 1, got {p} at position 1; give None where"):
        holm([0.01, p])


def test_nothing_to_adjust_stays_nothing():
    assert holm([None, None], family_size=2) == [None, None]
    assert holm([]) == []


def test_a_family_smaller_than_its_members_is_refused():
    with pytest.raises(ValueError, match="family_size must be >= the 2 p values given, got 1"):
        holm([0.01, 0.02], family_size=1)
