import pytest

from reports.figures.units import AS_STORED, POINTS
from reports.render import numbers

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("write", "number", "text"),
    [
        (numbers.count, 61706, f"61{THIN}706"),
        (numbers.count, 999, "999"),
        (numbers.seconds, 0.01234, "0.0123 s"),
        (numbers.seconds, 13.44, "13.4 s"),
        (numbers.seconds, 1234.5, f"1{THIN}234 s"),
        (numbers.seconds, 0.0, "0 s"),
        (numbers.mebibytes, 3 * 2**20, "3.00 MiB"),
        (numbers.probability, 0.5655, "0.57"),
        (numbers.p_value, 0.01234, "0.012"),
        (numbers.p_value, 0.0, "< 0.001"),
    ],
)
def test_each_kind_of_number_is_written_one_way(write, number, text):
    assert write(number) == text


@pytest.mark.parametrize(
    "write",
    [numbers.count, numbers.seconds, numbers.mebibytes, numbers.probability, numbers.p_value],
)
def test_a_missing_number_is_a_dash_and_not_zero(write):
    assert write(None) == numbers.MISSING


def test_values_and_differences_of_fractions_are_in_points():
    assert numbers.value(0.88096, POINTS) == "88.10"
    assert numbers.difference(0.01944, POINTS) == "+1.94"
    assert numbers.difference(-0.0027, POINTS) == f"{MINUS}0.27"


def test_other_metrics_keep_four_digits():
    assert numbers.value(0.123456, AS_STORED) == "0.1235"
    assert numbers.difference(-0.123456, AS_STORED) == f"{MINUS}0.1235"


def test_intervals_show_both_ends():
    assert numbers.interval([-0.01, 0.02], POINTS, sign=True) == f"[{MINUS}1.00, +2.00]"
    assert numbers.interval([0.85, 0.9], POINTS, sign=False) == "[85.00, 90.00]"


@pytest.mark.parametrize("bounds", [None, [None, 0.1]])
def test_an_interval_with_a_missing_end_is_missing(bounds):
    assert numbers.interval(bounds, POINTS, sign=True) == numbers.MISSING


def test_missing_values_and_differences_are_dashes():
    assert numbers.value(None, POINTS) == numbers.difference(None, POINTS) == numbers.MISSING
