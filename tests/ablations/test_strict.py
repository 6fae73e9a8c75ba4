from __future__ import annotations

import pytest
from pydantic import ValidationError

from ablations.strict import Strict


class Part(Strict):
    number: float = 0.0
    is_on: bool = False


def test_truth_is_no_number_and_is_taken_where_it_belongs():
    assert Part(is_on=True).is_on is True
    with pytest.raises(ValidationError, match="must not be true or false, got True"):
        Part(number=True)


@pytest.mark.parametrize("raw", [{"nubmer": 1}, {"number": float("inf")}])
def test_unknown_keys_and_endless_numbers_are_refused(raw):
    with pytest.raises(ValidationError):
        Part.model_validate(raw)


def test_a_part_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Part().number = 1.0
