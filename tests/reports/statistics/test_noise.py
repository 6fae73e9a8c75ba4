"""The interval over new seeds and new images."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.intervals import t_interval
from reports.statistics.noise import crossed_interval


def test_two_way_mean_squares_by_hand():
    d = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    # grand mean 0.5; seed means 0.5, 0, 1; image means 2/3, 1/3
    ms_seed, ms_image = 2 * 0.25, 3 * (1 / 18)
    ms_residual = (6 * 0.25 - 2 * 0.5 - 3 * (1 / 18)) / 2
    total = ms_seed + max(ms_image - ms_residual, 0)
    df = total**2 / (ms_seed**2 / 2 + ms_image**2 / 1 + ms_residual**2 / 2)
    expected = t_interval(0.5, (total / 6) ** 0.5, df=df, level=0.95)
    assert crossed_interval(d, level=0.95) == pytest.approx(expected)


def test_it_is_wider_than_the_interval_over_seeds_where_images_matter():
    rng = np.random.default_rng(0)
    d = rng.normal(0, 1, (1, 400)) + rng.normal(0, 0.01, (5, 1)) + rng.normal(0, 0.3, (5, 400))
    seed_means = d.mean(axis=1)
    seeds_only = t_interval(
        float(seed_means.mean()), float(seed_means.std(ddof=1)) / 5**0.5, df=4, level=0.95
    )
    both = crossed_interval(d, level=0.95)
    assert both is not None
    assert both.width > seeds_only.width


def test_equal_answers_give_zero_width():
    assert crossed_interval(np.zeros((4, 10)), level=0.95) == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(2, 10), (3, 1)])
def test_too_few_seeds_or_images_give_no_interval(shape):
    assert crossed_interval(np.ones(shape), level=0.95) is None


@pytest.mark.statistical
@pytest.mark.parametrize("n_seeds", [5, 10, 20])
def test_it_covers_the_population_difference(n_seeds):
    rng = np.random.default_rng(31)
    n_studies, n_images = 400, 500
    covered = 0
    for _ in range(n_studies):
        seeds, images = rng.normal(0, 0.01, (n_seeds, 1)), rng.normal(0, 1, (1, n_images))
        interval = crossed_interval(
            seeds + images + rng.normal(0, 3, (n_seeds, n_images)), level=0.95
        )
        assert interval is not None
        covered += interval.low <= 0 <= interval.high
    assert covered / n_studies >= 0.92
