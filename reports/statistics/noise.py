"""What the test images have to do with it: noise that more seeds do not remove.

Called by the analysis where the runs kept which test images they got right. An interval over
seeds alone takes the test set as given, and gets too narrow for new images as seeds are added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from reports.statistics.intervals import MIN_FOR_INTERVAL, Interval, t_interval
from reports.statistics.power import POWER

Table = npt.NDArray[Any]
"""One row per seed, one column per test image; int8 or bool is exact, and an eighth of float64."""


@dataclass(frozen=True)
class VarianceBudget:
    """What the variance of one accuracy, of one seed on one test set, is made of.

    Attributes:
        seed: Of training: some seeds are better on any images.
        image: Of the test set: some images are harder for any seed. More seeds leave it as it is.
        interaction: Of both: which of these images a seed happens to get right. Training again on
            the same test set moves an accuracy by `seed + interaction`.
    """

    seed: float
    image: float
    interaction: float

    @property
    def total(self) -> float:
        """Variance over another seed and another test set of the same size."""
        return self.seed + self.image + self.interaction

    @property
    def shares(self) -> tuple[float, float, float] | None:
        """The three as shares of the total, in the order above; None if nothing varies."""
        if not self.total:
            return None
        return self.seed / self.total, self.image / self.total, self.interaction / self.total


@dataclass(frozen=True)
class McNemar:
    """Whether two trained networks get different images right; nothing about their architectures.

    Where they never disagree the statistics are 0 and every p is 1.

    Attributes:
        n_arm_only: Images that only the arm's run got right.
        n_control_only: Images that only the control's run got right.
        chi2_corrected: With Edwards's continuity correction.
        p_exact: Binomial; the one to report.
    """

    n_arm_only: int
    n_control_only: int
    chi2: float
    p: float
    chi2_corrected: float
    p_corrected: float
    p_exact: float


def crossed_interval(differences: Table, *, level: float) -> Interval | None:
    """Interval for the mean difference over another draw of seeds and of test images.

    Two-way random effects without interaction replicates: seeds and images are both sampled.
    A variance component estimated below zero counts as zero, which can only widen the interval.

    Args:
        differences: Correctness of the arm minus that of the control.
        level: Coverage, as a fraction.

    Returns:
        None with fewer than 3 seeds or 2 images.

    Shape:
        differences (n_seeds, n_images), entries in {-1, 0, 1}.

    Source:
        Satterthwaite 1946 for the degrees of freedom; the layout is that of Miller 2024,
        arXiv 2411.00640, crossed with seeds.
    """
    n, t = differences.shape
    if n < MIN_FOR_INTERVAL or t <= 1:
        return None
    mean, ms_seed, ms_image, ms_residual = _mean_squares(differences)
    total = ms_residual + max(ms_seed - ms_residual, 0.0) + max(ms_image - ms_residual, 0.0)
    if total == 0:
        return Interval(mean, mean)
    df = total**2 / (
        ms_seed**2 / (n - 1) + ms_image**2 / (t - 1) + ms_residual**2 / ((n - 1) * (t - 1))
    )
    return t_interval(mean, math.sqrt(total / (n * t)), df=df, level=level)


def variance_budget(correct: Table) -> VarianceBudget | None:
    """How the variance of an accuracy, or of a paired difference, splits.

    A variance estimated below zero counts as zero.

    Args:
        correct: Correctness of every seed of one arm; or that of the arm minus the control's.

    Returns:
        None with fewer than 3 seeds or 2 images.

    Shape:
        correct (n_seeds, n_images), entries in {0, 1}; or in {-1, 0, 1} for differences.

    Source:
        Two-way mean squares, random effects (Searle, Casella and McCulloch 1992, chapter 4).
    """
    n, t = correct.shape
    if n < MIN_FOR_INTERVAL or t <= 1:
        return None
    _, ms_seed, ms_image, ms_residual = _mean_squares(correct)
    return VarianceBudget(
        seed=max(ms_seed - ms_residual, 0.0) / t,
        image=max(ms_image - ms_residual, 0.0) / (n * t),
        interaction=ms_residual / t,
    )


def mcnemar(arm_correct: npt.NDArray[np.bool_], control_correct: npt.NDArray[np.bool_]) -> McNemar:
    """McNemar's test of two trained runs on the same test images.

    Raises:
        ValueError: The two did not see the same number of images.

    Shape:
        Both (n_images,), True where the run got the image right.

    Source:
        McNemar 1947, Psychometrika 12; Edwards 1948, Psychometrika 13.
    """
    arm, control = np.asarray(arm_correct, dtype=bool), np.asarray(control_correct, dtype=bool)
    if arm.shape != control.shape:
        raise ValueError(
            f"mcnemar: both runs must have one answer per test image, "
            f"got {arm.shape} and {control.shape}; compare runs on one test set"
        )
    b, c = int(np.sum(arm & ~control)), int(np.sum(control & ~arm))
    if b + c == 0:
        return McNemar(0, 0, 0.0, 1.0, 0.0, 1.0, 1.0)
    chi2, corrected = (b - c) ** 2 / (b + c), max(abs(b - c) - 1, 0) ** 2 / (b + c)
    return McNemar(
        n_arm_only=b,
        n_control_only=c,
        chi2=chi2,
        p=float(stats.chi2.sf(chi2, 1)),
        chi2_corrected=corrected,
        p_corrected=float(stats.chi2.sf(corrected, 1)),
        p_exact=float(stats.binomtest(b, b + c).pvalue),
    )


def detectable_on_images(disagreement: float, n_images: int, *, alpha: float) -> float:
    """The smallest difference in accuracy that a test set shows with 80 % power.

    Of two trained networks, whatever the number of seeds: a smaller one takes more images.

    Args:
        disagreement: Share of the images that exactly one of the two gets right.
        n_images: Size of the test set.
        alpha: Two-sided.

    Source:
        Miller 2024, arXiv 2411.00640, for paired answers.
    """
    z = float(stats.norm.isf(alpha / 2) + stats.norm.ppf(POWER))  # 2.80 at alpha 0.05
    return z * math.sqrt(disagreement / n_images)


class _MeanSquares(NamedTuple):
    mean: float
    seed: float
    image: float
    residual: float


def _mean_squares(table: Table) -> _MeanSquares:
    """Grand mean and two-way mean squares, from sums only.

    In whole numbers nothing is rounded before the last division: no residual is left where there
    is none. Others are centred first, or their sums of squares would cancel.
    """
    n, t = table.shape
    whole = not np.issubdtype(table.dtype, np.floating)
    kind: Any = np.int64 if whole else np.float64
    centre = 0.0 if whole else float(np.mean(table))
    x: Table = table if whole else table - centre
    seeds, images = np.sum(x, axis=1, dtype=kind), np.sum(x, axis=0, dtype=kind)
    grand, squares = np.sum(seeds).item(), np.einsum("ij,ij->", x, x, dtype=kind).item()
    # n * t times the sums of squares
    by_seed = n * np.dot(seeds, seeds).item() - grand**2
    by_image = t * np.dot(images, images).item() - grand**2
    residual = max(n * t * squares - grand**2 - by_seed - by_image, 0)
    size = n * t
    return _MeanSquares(
        mean=centre + grand / size,
        seed=by_seed / size / (n - 1),
        image=by_image / size / (t - 1),
        residual=residual / size / ((n - 1) * (t - 1)),
    )
