from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, recall_score

from reports.statistics.classes import (
    class_accuracy,
    class_contrasts,
    confusion,
    most_different,
)

RNG = np.random.default_rng(5)
LABELS = np.repeat(np.arange(4), [10, 20, 30, 40]).astype(np.int16)
PREDICTED = np.where(RNG.random(100) < 0.7, LABELS, RNG.integers(0, 4, 100)).astype(np.int16)


def test_confusion_counts_are_those_of_scikit_learn():
    found = confusion(LABELS, PREDICTED, n_classes=4)
    assert np.array_equal(found, confusion_matrix(LABELS, PREDICTED))
    assert found.sum() == 100


def test_a_class_that_nobody_predicts_keeps_its_column():
    assert confusion(np.array([0, 1, 2]), np.array([0, 0, 0]), n_classes=3).tolist() == [
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
    ]


def test_many_classes_do_not_overflow_the_type_of_their_labels():
    labels = np.arange(1000, dtype=np.int16)
    assert np.array_equal(confusion(labels, labels, n_classes=1000), np.eye(1000))


def test_class_accuracy_is_recall():
    expected = recall_score(LABELS, PREDICTED, average=None)
    assert class_accuracy(LABELS, PREDICTED, n_classes=4) == pytest.approx(expected)


def test_intervals_are_students_and_the_adjusted_ones_share_alpha():
    arm, control = RNG.random((5, 4)), RNG.random((5, 4))
    found = class_contrasts(arm, control, alpha=0.05)
    for label, one in enumerate(found):
        d = arm[:, label] - control[:, label]
        for interval, level in ((one.ci, 0.95), (one.ci_adjusted, 1 - 0.05 / 4)):
            expected = stats.t.interval(level, 4, loc=d.mean(), scale=stats.sem(d))
            assert interval == pytest.approx(expected)
        assert one.estimate == pytest.approx(d.mean())


def test_swapping_the_arms_turns_every_interval_round():
    arm, control = RNG.random((4, 3)), RNG.random((4, 3))
    there = class_contrasts(arm, control, alpha=0.05)
    back = class_contrasts(control, arm, alpha=0.05)
    for one, other in zip(there, back, strict=True):
        assert other.estimate == pytest.approx(-one.estimate)
        assert other.ci_adjusted == pytest.approx(one.ci_adjusted.flipped())


def test_two_seeds_have_an_estimate_and_no_interval():
    (one,) = class_contrasts(np.array([[0.5], [0.7]]), np.array([[0.4], [0.4]]), alpha=0.05)
    assert one.estimate == pytest.approx(0.2)
    assert one.ci is None
    assert one.ci_adjusted is None


def test_equal_differences_have_no_width_though_they_are_rounded():
    arm, control = np.array([[0.3], [0.2], [0.9]]), np.array([[0.2], [0.1], [0.8]])
    (one,) = class_contrasts(arm, control, alpha=0.05)
    assert one.ci_adjusted.width == 0


@pytest.mark.statistical
def test_adjusted_intervals_of_all_classes_cover_together():
    rng = np.random.default_rng(7)
    n, covered = 4000, 0
    for _ in range(n):
        d = rng.normal(0.1, 0.05, (5, 10))
        found = class_contrasts(d, np.zeros_like(d), alpha=0.05)
        covered += all(one.ci_adjusted.low <= 0.1 <= one.ci_adjusted.high for one in found)
    assert 0.94 <= covered / n <= 0.97  # 0.951 for independent classes


@pytest.mark.parametrize(
    ("difference", "places"),
    [
        ([0, 3, -1, 2, -3, 1], [1, 4, 3, 2]),  # two of each, at equal distance the lower place
        ([5, 4, 3, 2, 1], [0, 1, 2, 3]),  # one side alone fills up
        ([5, 4, 3, 2, -1], [0, 1, 2, 4]),  # the other side has what it has
        ([-5, -4, -3, 1, -1], [0, 1, 2, 3]),
        ([0, 0, 1], [2]),  # never one that does not differ
        ([], []),
    ],
)
def test_the_most_different_are_of_both_signs_where_there_are(difference, places):
    assert most_different(np.array(difference, dtype=int), n=4) == places
