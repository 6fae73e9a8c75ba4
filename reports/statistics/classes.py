"""Which classes and which images two arms differ on. Exploratory: nothing here is a verdict.

Called by `reports.per_class` with what runs predicted. Says nothing of other images than these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reports.statistics.intervals import MIN_FOR_INTERVAL, FloatArray, Interval
from reports.statistics.paired import differences, mean_interval

IntArray = npt.NDArray[np.integer[Any]]


class ClassContrast(NamedTuple):
    """How the accuracy on the images of one class differs between two arms paired by seed.

    Attributes:
        estimate: Mean difference.
        ci: At 1 - alpha, for this class alone; None with fewer than 3 pairs.
        ci_adjusted: At 1 - alpha / n_classes (Bonferroni): those of all classes cover at once.
    """

    estimate: float
    ci: Interval | None
    ci_adjusted: Interval | None


def confusion(labels: IntArray, predicted: IntArray, *, n_classes: int) -> IntArray:
    """How many images of class i were predicted as class j.

    Shape:
        labels, predicted (n_images,) from 0 to n_classes - 1; counts (n_classes, n_classes).
    """
    places = labels.astype(np.int64) * n_classes + predicted
    return np.bincount(places, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_accuracy(labels: IntArray, predicted: IntArray, *, n_classes: int) -> FloatArray:
    """The share of the images of each class that were predicted as it; every class has an image.

    Shape:
        labels, predicted (n_images,); shares (n_classes,).
    """
    right = np.bincount(labels[predicted == labels], minlength=n_classes)
    return right / np.bincount(labels, minlength=n_classes)


def class_contrasts(arm: FloatArray, control: FloatArray, *, alpha: float) -> list[ClassContrast]:
    """The contrast `arm - control` of every class, by t intervals over the seeds.

    They say where the mean difference would lie over another draw of seeds, on the same images:
    a class has fewer of these than the test set, and its difference hangs on them.

    Args:
        arm: Accuracy on each class, a row a seed.
        control: The same seeds in the same order.
        alpha: Error rate of one interval, and of all adjusted ones together.

    Shape:
        Both (n_seeds, n_classes), one seed at least.
    """
    n_seeds, n_classes = arm.shape
    found = []
    for one, other in zip(arm.T, control.T, strict=True):
        d = differences(one, other)
        levels = (1 - alpha, 1 - alpha / n_classes) if n_seeds >= MIN_FOR_INTERVAL else ()
        ci, adjusted = [mean_interval(d, level=level) for level in levels] or (None, None)
        found.append(ClassContrast(float(np.mean(d)), ci, adjusted))
    return found


def most_different(difference: IntArray, *, n: int) -> list[int]:
    """Places of the `n` values farthest from zero: as many above as below, if there are so many.

    Where one side has fewer, the other fills up; zeros are never among them.

    Returns:
        The farthest first, of equal ones the lower place.
    """
    order = np.argsort(-np.abs(difference), kind="stable")
    above, below = (order[sign * difference[order] > 0].tolist() for sign in (1, -1))
    half = n // 2
    n_above = max(half, n - len(below))
    n_below = max(half, n - len(above))
    chosen = {*above[:n_above], *below[:n_below]}
    return [place for place in order.tolist() if place in chosen]
