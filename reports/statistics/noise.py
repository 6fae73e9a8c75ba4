"""How far a difference would move on new test images as well as new seeds.

Called by the analysis where the runs kept which test images they got right. An interval over
seeds alone takes the test set as given, and gets too narrow for new images as seeds are added.
"""

from __future__ import annotations

import numpy as np

from reports.statistics.intervals import MIN_FOR_INTERVAL, FloatArray, Interval, t_interval


def crossed_interval(differences: FloatArray, *, level: float) -> Interval | None:
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
    mean = float(np.mean(differences))
    seed_means, image_means = differences.mean(axis=1), differences.mean(axis=0)
    residual = differences - seed_means[:, None] - image_means[None, :] + mean
    ms_seed = t * float(np.var(seed_means, ddof=1))
    ms_image = n * float(np.var(image_means, ddof=1))
    ms_residual = float(np.sum(residual**2)) / ((n - 1) * (t - 1))
    total = ms_residual + max(ms_seed - ms_residual, 0.0) + max(ms_image - ms_residual, 0.0)
    if total == 0:
        return Interval(mean, mean)
    df = total**2 / (
        ms_seed**2 / (n - 1) + ms_image**2 / (t - 1) + ms_residual**2 / ((n - 1) * (t - 1))
    )
    return t_interval(mean, float(np.sqrt(total / (n * t))), df=df, level=level)
