import pytest

from reports.spreadsheet import BEGINNINGS, as_cell


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("space", ["", "  "])
def test_text_that_begins_like_a_formula_is_made_text(beginning, space):
    cell = f"{space}{beginning}cmd|' /C calc'!A0"
    assert as_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [-0.5, 3, None, "-0.5", "+1e-3", "-inf", "a=b", "relu - sigmoid"])
def test_numbers_and_other_text_stay(cell):
    assert as_cell(cell) is cell
