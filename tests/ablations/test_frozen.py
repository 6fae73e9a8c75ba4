"""What every part of a study file refuses."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ablations.frozen import Frozen


class Part(Frozen):
    number: float = 0.0
    flag: bool = False


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"number": True}, "must not be true or false, got True"),
        ({"number": float("nan")}, "finite number"),
        ({"other": 1}, "Extra inputs are not permitted"),
    ],
)
def test_unknown_keys_truths_and_nan_are_refused(raw, problem):
    with pytest.raises(ValidationError, match=problem):
        Part.model_validate(raw)


def test_a_part_does_not_change():
    part = Part(number=1.5, flag=True)
    with pytest.raises(ValidationError, match="frozen"):
        part.number = 2.0
