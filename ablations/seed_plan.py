"""Which seeds a study has: a number of them, a list, or looks after which more may follow.

Pure; part of `spec`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator

from ablations.strict import Strict

MOST_SEEDS = 10_000
FEWEST_AT_A_LOOK = 3
"""Seeds without which there is no interval, so nothing to look at."""


def _seed_list(raw: Any) -> Any:
    if isinstance(raw, int) and raw > MOST_SEEDS:  # a slip of the hand, before it fills the memory
        raise ValueError(f"must be at most {MOST_SEEDS} seeds, got {raw}")
    return list(range(raw)) if isinstance(raw, int) else raw


class LooksSpec(Strict):
    """Seeds that are added until every contrast is decided.

    Attributes:
        looks: Numbers of seeds, from seed 0 on, after which the results are looked at.
    """

    looks: tuple[Annotated[int, Field(strict=True)], ...]

    @field_validator("looks")
    @classmethod
    def _increasing(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        is_increasing = all(a < b for a, b in pairwise(looks))
        if not looks or looks[0] < FEWEST_AT_A_LOOK or not is_increasing:
            raise ValueError(
                f"must be numbers of seeds that increase from {FEWEST_AT_A_LOOK} or more, such as "
                f"[5, 10, 15, 20], got {list(looks)}"
            )
        if looks[-1] > MOST_SEEDS:
            raise ValueError(f"must be at most {MOST_SEEDS} seeds, got {looks[-1]}")
        return looks


def _seed_kind(raw: Any) -> str:
    return "looks" if isinstance(raw, dict | LooksSpec) else "list"


Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=2**31, strict=True)], ...], BeforeValidator(_seed_list)
]
SeedPlan = Annotated[
    Annotated[Seeds, Tag("list")] | Annotated[LooksSpec, Tag("looks")], Discriminator(_seed_kind)
]
