"""The decision table: from intervals and a margin to a word.

Called by `reports.contrasts` and `reports.claims`. Knows no table, no arm and no sentence; the
intervals come oriented, + being better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ablations.claims import Expectation
from reports.plan import Direction
from reports.statistics.intervals import Interval

Verdict = Literal[
    "better", "better-but-small", "equivalent", "worse-but-small", "worse", "undecided"
]
ClaimVerdict = Literal["supported", "refuted", "undecided"]

_MIRROR: dict[Verdict, Verdict] = {
    "better": "worse",
    "better-but-small": "worse-but-small",
    "equivalent": "equivalent",
    "worse-but-small": "better-but-small",
    "worse": "better",
    "undecided": "undecided",
}


def decide(adjusted: Interval, equivalence: Interval, margin: float) -> Verdict:
    """The verdict that the two intervals support; the first row that fits decides.

    1. equivalence interval inside the margin: equivalent, or small but clear of zero;
    2. simultaneous interval above zero: better;
    3. below zero: worse;
    4. otherwise undecided, which is never "no difference".
    """
    if -margin < equivalence.low and equivalence.high < margin:
        if adjusted.low > 0:
            return "better-but-small"
        return "worse-but-small" if adjusted.high < 0 else "equivalent"
    if adjusted.low > 0:
        return "better"
    return "worse" if adjusted.high < 0 else "undecided"


def is_size_uncertain(verdict: Verdict, adjusted: Interval, margin: float) -> bool:
    """Whether a clear difference may still be smaller than the margin."""
    if verdict == "better":
        return adjusted.low < margin
    return verdict == "worse" and adjusted.high > -margin


def decide_claim(
    verdict: Verdict | None,
    expect: Expectation,
    *,
    direction: Direction | None,
    is_size_uncertain: bool,
) -> ClaimVerdict:
    """Whether a contrast's verdict bears a claim out; a claim speaks of the raw metric."""
    if verdict is None or verdict == "undecided":
        return "undecided"
    raw = _MIRROR[verdict] if direction == "minimize" else verdict
    if expect == "equivalent":
        if raw in ("better", "worse"):
            return "undecided" if is_size_uncertain else "refuted"
        return "supported"
    supporting = "better" if expect == "greater" else "worse"
    return "supported" if raw.startswith(supporting) else "refuted"


@dataclass(frozen=True)
class Condition:
    """A number that is above zero, or at least not below it, if what is stated holds.

    Attributes:
        interval: Where it lies; of no width where it was counted.
        is_strict: Whether zero itself speaks against it.
    """

    interval: Interval
    is_strict: bool


def decide_statement(conditions: Sequence[Condition]) -> ClaimVerdict:
    """Whether all conditions hold, one of them does not, or neither is sure."""
    if any(
        one.interval.high < 0 or (one.is_strict and one.interval.high == 0) for one in conditions
    ):
        return "refuted"
    if all(one.interval.low > 0 or not (one.is_strict or one.interval.low) for one in conditions):
        return "supported"
    return "undecided"


@dataclass(frozen=True)
class Ruling:
    """What is said of one contrast: a verdict, or None where none may be given, and flags."""

    verdict: Verdict | None
    flags: tuple[str, ...] = ()
