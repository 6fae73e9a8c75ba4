import math

import pytest

from reports.figures.labels import shortened, signed, wrapped


def test_a_name_that_fits_is_left_alone():
    assert shortened("control", 7) == "control"


def test_a_long_name_keeps_both_ends():
    assert shortened("activation=relu,pooling=avg", 15) == "activat…ing=avg"
    assert len(shortened("x" * 200, 22)) == 22


def test_names_break_after_commas_and_stay_within_their_lines():
    assert wrapped("activation=relu,pooling=avg", 18) == "activation=relu,\npooling=avg"


def test_a_name_of_too_many_lines_keeps_the_end_that_tells_it_apart():
    lines = wrapped("activation=relu,pooling=avg,channels=12x32,hidden=17", 20).splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("hidden=17")
    assert max(map(len, lines)) <= 20


@pytest.mark.parametrize(
    ("number", "text"),
    [(1.234, "+1.23"), (-0.5, "\N{MINUS SIGN}0.50"), (-0.001, "0.00"), (0.0, "0.00")],
)
def test_differences_carry_their_sign_and_nothing_else_does(number, text):
    assert signed(number) == text


def test_a_missing_difference_is_a_dash():
    assert signed(math.nan) == "\N{EN DASH}"
