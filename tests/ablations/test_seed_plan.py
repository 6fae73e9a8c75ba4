from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from ablations.seed_plan import FEWEST_AT_A_LOOK, MOST_SEEDS, LooksSpec, SeedPlan

READ = TypeAdapter(SeedPlan)


def test_seeds_are_a_number_a_list_or_looks():
    assert READ.validate_python(3) == (0, 1, 2)
    assert READ.validate_python([4, 2]) == (4, 2)
    assert READ.validate_python({"looks": [3, 6]}) == LooksSpec(looks=(3, 6))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (MOST_SEEDS + 1, "must be at most 10000 seeds, got 10001"),
        ([-1], "greater than or equal to 0"),
        ([1.0], "valid integer"),
        ({"looks": [FEWEST_AT_A_LOOK - 1, 6]}, "increase from 3 or more"),
        ({"looks": [6, 6]}, "increase from 3 or more"),
        ({"looks": []}, "increase from 3 or more"),
        ({"looks": [3, MOST_SEEDS + 1]}, "must be at most 10000 seeds, got 10001"),
        ({"look": [3]}, "Extra inputs"),
    ],
)
def test_seeds_that_mean_nothing_are_refused(raw, problem):
    with pytest.raises(ValidationError, match=problem):
        READ.validate_python(raw)
