"""Adding seeds until a contrast is decided, with looks at the results fixed in the plan.

Called by the analysis for studies that plan several looks, and by the printed plan for the seeds
to expect. The intervals are repeated confidence intervals: they cover the mean difference over
another draw of seeds at all looks at once, so it does not matter at which look, or why, one stops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from reports.statistics.boundaries import equal_nominal_level, spent_nominal_level
from reports.statistics.intervals import (
    MIN_FOR_INTERVAL,
    FloatArray,
    Interval,
    finite_vector,
)
from reports.statistics.paired import mean_interval

State = Literal["different", "equivalent", "continue", "undecided-at-max"]

_MOST_ALPHA = 0.5
_N_PATHS = 20_000
_SEED = 20_260
_MOST_DRAWS = 4_000_000


@dataclass(frozen=True)
class Decision:
    """What one look says of one contrast.

    Attributes:
        state: `equivalent` if the interval lies inside the margin, even if it excludes zero (then
            the interval says that the difference is small but clear); else `different` if it
            excludes zero; else, and where the answer hangs on runs that were lost, `continue`, or
            `undecided-at-max` at the last look.
        look: Planned pairs at this look.
        n_pairs: Pairs there are.
        interval: The repeated interval; None with fewer than 3 pairs.
        estimate: Mean difference. Biased outward where the study stopped because it was large.
        estimate_at_first_look: Mean difference at the first look, where no stop came before, so
            without that bias; less precise.
    """

    state: State
    look: int
    n_pairs: int
    interval: Interval | None
    estimate: float | None
    estimate_at_first_look: float | None

    @property
    def is_final(self) -> bool:
        """Whether this contrast needs no more seeds."""
        return self.state != "continue"


@dataclass(frozen=True)
class SequentialPlan:
    """When the results are looked at, and what counts as an answer.

    Differences are given in the order of the seeds, one a planned seed, None where a run failed.
    Exact for Gaussian differences; alpha is shared among the contrasts by Bonferroni.

    Attributes:
        looks: Numbers of seeds after which the results are looked at.
        alpha: Error rate of all contrasts at all looks together.
        margin: The smallest difference that matters, in the metric's unit.
        n_contrasts: Contrasts that share `alpha`.

    Raises:
        ValueError: A field is out of range; all problems at once.

    Source:
        Jennison and Turnbull 1989, JRSS B 51, for repeated confidence intervals.
    """

    looks: tuple[int, ...]
    alpha: float
    margin: float
    n_contrasts: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "looks", tuple(self.looks))
        problems = []
        steps = zip(self.looks, self.looks[1:], strict=False)
        if not self.looks or self.looks[0] < MIN_FOR_INTERVAL or any(a >= b for a, b in steps):
            problems.append(
                f"looks must increase from {MIN_FOR_INTERVAL} or more, got {self.looks}; "
                f"give numbers of seeds such as (5, 10, 15, 20)"
            )
        if not 0 < self.alpha < _MOST_ALPHA:
            problems.append(f"alpha must be in (0, 0.5), got {self.alpha!r}; 0.05 is usual")
        if not (self.margin > 0 and math.isfinite(self.margin)):
            problems.append(
                f"margin must be > 0, got {self.margin!r}; give the smallest difference that "
                f"matters, in the metric's unit"
            )
        if self.n_contrasts < 1:
            problems.append(
                f"n_contrasts must be >= 1, got {self.n_contrasts!r}; count every planned contrast"
            )
        if problems:
            raise ValueError("SequentialPlan: " + "; ".join(problems))

    @property
    def alpha_each(self) -> float:
        """Error rate of one contrast over all its looks."""
        return self.alpha / self.n_contrasts

    @property
    def nominal(self) -> float:
        """The p of an ordinary t test at which any look decides, if no pair is missing."""
        return equal_nominal_level(self.looks, self.alpha_each)

    def interval(self, differences: Sequence[float | None]) -> Interval | None:
        """The repeated interval at the present look; None with fewer than 3 pairs.

        Args:
            differences: One a seed planned so far, in order; None where there is no pair.

        Raises:
            ValueError: The number of seeds is not that of a look, or a value is not finite.
        """
        if len(differences) not in self.looks:
            raise ValueError(
                f"SequentialPlan: the number of seeds must be that of a look, "
                f"got {len(differences)}; wait for the next look, with None for a missing pair "
                f"(looks: {', '.join(map(str, self.looks))})"
            )
        known = [d for d in differences if d is not None]
        pairs = finite_vector(known, "SequentialPlan differences")
        if len(pairs) < MIN_FOR_INTERVAL:
            return None
        reached = [look for look in self.looks if look <= len(differences)]
        counts = tuple(sum(d is not None for d in differences[:look]) for look in reached)
        level = spent_nominal_level(self.looks, self.alpha_each, counts)
        return mean_interval(pairs, level=1 - level)

    def decide(
        self,
        differences: Sequence[float | None],
        *,
        if_lost: Sequence[Sequence[float | None]] = (),
    ) -> Decision:
        """What the present look says.

        Args:
            differences: As for `interval`.
            if_lost: The same with a value for runs that were lost, once for each way to score them.
                Where one of them gives another answer, the lost runs would decide, so nothing does.

        Raises:
            ValueError: As `interval`. Seeds between two looks decide nothing: see `path`.
        """
        interval = self.interval(differences)
        answer = self._answer(interval)
        is_kept = all(self._answer(self.interval(one)) == answer for one in if_lost)
        is_last = len(differences) == self.looks[-1]
        open_state: State = "undecided-at-max" if is_last else "continue"
        return Decision(
            state=answer[0] if answer and is_kept else open_state,
            look=len(differences),
            n_pairs=sum(d is not None for d in differences),
            interval=interval,
            estimate=_mean(differences),
            estimate_at_first_look=_mean(differences[: self.looks[0]]),
        )

    def path(self, differences: Sequence[float | None]) -> list[Decision]:
        """The decision at every look reached so far; seeds after the last of them wait.

        Looks after a final one are given too: the control goes on for the sake of other arms, and
        their intervals are as valid.
        """
        return [self.decide(differences[:n]) for n in self.looks if n <= len(differences)]

    def first_decided(self, differences: Sequence[float | None]) -> Decision | None:
        """The look at which this contrast stopped; None while it goes on."""
        return next((step for step in self.path(differences) if step.is_final), None)

    def expected_seeds(self, effect: float, *, sd: float | None = None) -> float:
        """Seeds after which the contrast stops, on average over 20,000 simulated studies.

        Args:
            effect: True mean difference, in standard deviations of the differences.
            sd: That standard deviation, in the metric's unit. It turns the margin into standard
                deviations; without it no study stops as equivalent.

        Returns:
            The mean number of planned seeds at the stop, with a standard error below 0.4 % of the
            last look. The simulation is always the same.
        """
        draws = np.random.default_rng(_SEED).normal(effect, 1.0, (_N_PATHS, self.looks[-1]))
        margin = 0.0 if sd is None else math.inf if sd == 0 else self.margin / sd
        return float(np.mean(self._stops(draws, margin)))

    def expected_runs(self, n_arms: int, effect: float) -> float:
        """Runs of a control and the arms compared with it, on average over simulated studies.

        Arms leave one by one; the control stays until the last has left. No arm stops as
        equivalent, since that takes the spread in the metric's unit.

        Args:
            n_arms: Beside the control. All runs vary alike and share no more than the control.
            effect: True mean difference of every arm, in standard deviations of the differences.

        Returns:
            The mean of the arms' seeds, and of the control's, which are those of the last arm.
        """
        n_paths = max(500, min(_N_PATHS, _MOST_DRAWS // ((n_arms + 1) * self.looks[-1])))
        rng = np.random.default_rng(_SEED)
        control = rng.normal(0.0, math.sqrt(0.5), (n_paths, self.looks[-1]))
        stops = np.empty((n_arms, n_paths))
        for arm in range(n_arms):
            own = rng.normal(effect, math.sqrt(0.5), control.shape)
            stops[arm] = self._stops(own - control, 0.0)
        return float(np.mean(stops.sum(axis=0) + stops.max(axis=0)))

    def _stops(self, draws: FloatArray, margin: float) -> FloatArray:
        """The seeds at which each simulated contrast stops.

        Shape:
            draws (n_paths, last look), in standard deviations, as the margin is; returns (n_paths,)
        """
        stopped_at = np.full(len(draws), float(self.looks[-1]))
        for n in reversed(self.looks[:-1]):
            mean, spread = draws[:, :n].mean(axis=1), draws[:, :n].std(axis=1, ddof=1)
            half = stats.t.isf(self.nominal / 2, n - 1) * spread / math.sqrt(n)
            is_final = (np.abs(mean) > half) | (np.abs(mean) + half < margin)
            stopped_at[is_final] = n
        return stopped_at

    def _answer(self, interval: Interval | None) -> tuple[State, int] | None:
        """What an interval says, and on which side of zero it lies; None if nothing."""
        if interval is None:
            return None
        side = (interval.low > 0) - (interval.high < 0)
        if -self.margin < interval.low and interval.high < self.margin:
            return "equivalent", side
        return ("different", side) if side else None


def _mean(differences: Sequence[float | None]) -> float | None:
    known = [d for d in differences if d is not None]
    return float(np.mean(known)) if known else None
