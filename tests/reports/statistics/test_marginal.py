"""Effects of levels by hand, against other libraries, and their coverage."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM

from reports.statistics.crossed import crossed_values
from reports.statistics.intervals import Interval, t_interval
from reports.statistics.marginal import (
    Interaction,
    interactions,
    marginal_effects,
    matters,
    simple_effects,
    trends,
)
from reports.statistics.paired import paired_contrast

LEVELS = {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]}
# A row a seed; columns sigmoid max, sigmoid avg, relu max, relu avg.
BY_SEED = [[0.70, 0.72, 0.80, 0.86], [0.60, 0.64, 0.70, 0.76], [0.65, 0.65, 0.75, 0.77]]


def grid(by_seed, levels):
    rows = [
        dict(zip(levels, cell, strict=True)) | {"seed": seed, "value": value}
        for seed, values in enumerate(by_seed)
        for cell, value in zip(product(*levels.values()), values, strict=True)
    ]
    return crossed_values(pd.DataFrame(rows), "value", levels, "seed")


def drawn(n_levels, n_seeds, rng):
    levels = {f"f{i}": [f"l{k}" for k in range(n)] for i, n in enumerate(n_levels)}
    return grid(rng.normal(0.0, 1.0, (n_seeds, int(np.prod(n_levels)))), levels)


def interval_of(by_seed, level=0.95):
    n, sd = len(by_seed), float(np.std(by_seed, ddof=1))
    return t_interval(float(np.mean(by_seed)), sd / n**0.5, df=n - 1, level=level)


def test_marginal_effects_by_hand():
    relu, avg = marginal_effects(grid(BY_SEED, LEVELS), level=0.95)
    assert (relu.factor, relu.level, relu.reference) == ("activation", "relu", "sigmoid")
    # relu minus sigmoid, mean over poolings: 0.83 - 0.71, 0.73 - 0.62, 0.76 - 0.65
    assert relu.estimate == pytest.approx((0.12 + 0.11 + 0.11) / 3)
    assert relu.ci == pytest.approx(interval_of([0.12, 0.11, 0.11]))
    assert avg.estimate == pytest.approx((0.04 + 0.05 + 0.01) / 3)
    assert relu.given == {}


def test_an_interaction_is_a_difference_of_differences_by_hand():
    (both,) = interactions(grid(BY_SEED, LEVELS), level=0.95)
    assert both.factors == ("activation", "pooling")
    assert (both.levels, both.references) == (("relu", "avg"), ("sigmoid", "max"))
    # (0.86 - 0.72) - (0.80 - 0.70), and so on
    assert both.estimate == pytest.approx((0.04 + 0.02 + 0.02) / 3)
    assert both.ci == pytest.approx(interval_of([0.04, 0.02, 0.02]))
    assert both.p == pytest.approx(stats.ttest_1samp([0.04, 0.02, 0.02], 0).pvalue)


def test_simple_effects_are_the_contrasts_of_the_cells():
    at_max, at_avg = simple_effects(
        grid(BY_SEED, LEVELS), "activation", "pooling", level=0.95, family_size=4
    )
    assert (at_max.given, at_avg.given) == ({"pooling": "max"}, {"pooling": "avg"})
    columns = list(zip(*BY_SEED, strict=True))
    for effect, arm, control in ((at_max, 2, 0), (at_avg, 3, 1)):
        expected = paired_contrast(
            columns[arm], columns[control], margin=0.01, alpha=0.05, family_size=4
        )
        assert effect.estimate == pytest.approx(expected.estimate)
        assert effect.ci == pytest.approx(expected.ci)
        assert effect.ci_adjusted == pytest.approx(expected.ci_adjusted)
        assert effect.p == pytest.approx(expected.p)


def test_two_levels_give_the_f_of_repeated_measures():
    rng = np.random.default_rng(3)
    crossed = drawn((2, 2), 6, rng)
    table = pd.DataFrame(
        {"seed": seed, "f0": i, "f1": j, "value": value}
        for (seed, i, j), value in np.ndenumerate(crossed.response)
    )
    expected = AnovaRM(table, "value", "seed", within=["f0", "f1"]).fit().anova_table["Pr > F"]
    found = [*marginal_effects(crossed, level=0.95), *interactions(crossed, level=0.95)]
    assert [one.p for one in found] == pytest.approx(expected.tolist())


def test_simple_effects_average_to_the_marginal_one_and_differ_by_the_interaction():
    crossed = drawn((3, 2, 2), 5, np.random.default_rng(4))
    marginal = marginal_effects(crossed, level=0.95)
    simple = simple_effects(crossed, "f0", "f1", level=0.95)
    by_place = {(one.given["f1"], one.level): one.estimate for one in simple}
    for effect in marginal[:2]:
        low, high = by_place["l0", effect.level], by_place["l1", effect.level]
        assert effect.estimate == pytest.approx((low + high) / 2)
        (both,) = (
            one
            for one in interactions(crossed, level=0.95)
            if one.factors == ("f0", "f1") and one.levels[0] == effect.level
        )
        assert both.estimate == pytest.approx(high - low)


def test_three_factors_have_three_interactions_of_two_and_every_level_has_a_row():
    crossed = drawn((3, 2, 4), 4, np.random.default_rng(5))
    marginal, both = marginal_effects(crossed, level=0.9), interactions(crossed, level=0.9)
    assert [(one.factor, one.level) for one in marginal] == [
        *(("f0", "l1"), ("f0", "l2"), ("f1", "l1"), ("f2", "l1"), ("f2", "l2"), ("f2", "l3")),
    ]
    assert len(both) == 2 * 1 + 2 * 3 + 1 * 3


def test_a_family_widens_the_adjusted_interval_alone():
    crossed = grid(BY_SEED, LEVELS)
    alone = marginal_effects(crossed, level=0.95)[0]
    among_five = marginal_effects(crossed, level=0.95, family_size=5)[0]
    assert among_five.ci == alone.ci == alone.ci_adjusted
    assert among_five.ci_adjusted == pytest.approx(interval_of([0.12, 0.11, 0.11], 0.99))


def test_a_constant_for_each_seed_cancels():
    moved = [[value + 10.0 * seed for value in row] for seed, row in enumerate(BY_SEED)]
    for before, after in zip(
        marginal_effects(grid(BY_SEED, LEVELS), level=0.95),
        marginal_effects(grid(moved, LEVELS), level=0.95),
        strict=True,
    ):
        assert after.ci == pytest.approx(before.ci)


def test_negated_values_flip_every_sign():
    negated = [[-value for value in row] for row in BY_SEED]
    (there,), (back,) = (interactions(grid(v, LEVELS), level=0.95) for v in (BY_SEED, negated))
    assert back.estimate == -there.estimate
    assert back.ci == pytest.approx(there.ci.flipped())
    assert back.p == there.p


def widths(by_seed, sizes=((3, 8), (6, 16), (12, 32))):
    return trends(grid(by_seed, {"channels": list(sizes)}), level=0.95)


def test_doubled_widths_get_the_textbook_coefficients():
    by_seed = [[0.80, 0.85, 0.87], [0.81, 0.84, 0.88], [0.79, 0.85, 0.86]]
    linear, quadratic = widths(by_seed)
    assert (linear.degree, quadratic.degree) == ("linear", "quadratic")
    # doublings -1, 0, 1: half of the last minus the first; half of 1, -2, 1
    assert linear.ci == pytest.approx(interval_of([0.035, 0.035, 0.035]))
    assert quadratic.ci == pytest.approx(interval_of([-0.015, 0.005, -0.025]))


@pytest.mark.parametrize("sizes", [[1, 2, 4, 8], [10, 7, 300, 15, 16], [0.001, 0.01, 0.5]])
def test_trends_are_the_coefficients_of_line_and_parabola_whatever_the_spacing(sizes):
    rng = np.random.default_rng(6)
    by_seed = rng.normal(0.0, 1.0, (4, len(sizes)))
    linear, quadratic = trends(grid(by_seed, {"size": sizes}), level=0.95)
    doublings = np.log2(sizes)
    lines = [np.polyfit(doublings, row, 1)[0] for row in by_seed]
    parabolas = [np.polyfit(doublings, row, 2)[0] for row in by_seed]
    assert linear.ci == pytest.approx(interval_of(lines))
    assert quadratic.ci == pytest.approx(interval_of(parabolas))


def test_a_straight_line_has_no_curvature_and_an_exact_slope():
    linear, quadratic = widths([[0.1, 0.3, 0.5], [0.3, 0.5, 0.7], [0.2, 0.4, 0.6]])
    assert linear.estimate == pytest.approx(0.2)
    assert quadratic.estimate == 0.0
    assert quadratic.p == 1.0


@pytest.mark.parametrize(
    "sizes",
    [
        ["a", "b", "c"],
        [0, 1, 2],
        [1, 2, "4"],
        [True, False, None],
        [(3, 8), (8, 3), (4, 4)],
        [1, 2],
    ],
)
def test_what_has_no_sizes_has_no_trend(sizes):
    by_seed = np.random.default_rng(7).normal(0.0, 1.0, (3, len(sizes)))
    assert trends(grid(by_seed, {"size": sizes}), level=0.95) == []


def test_a_trend_averages_over_the_other_factors():
    crossed = grid([[1, 2, 3, 5, 5, 6]] * 3, {"pooling": ["max", "avg"], "size": [1, 2, 4]})
    assert trends(crossed, level=0.95)[0].estimate == pytest.approx((1.0 + 0.5) / 2)


def test_equal_values_give_no_effect_and_no_width():
    (effect,) = interactions(grid([[0.1] * 4] * 3, LEVELS), level=0.95)
    assert (effect.estimate, effect.ci, effect.p) == (0.0, (0.0, 0.0), 1.0)


def test_the_same_effect_at_every_seed_is_certain_in_spite_of_rounding():
    by_seed = [[x, x, x + 0.1, x + 0.1] for x in (0.1, 0.2, 0.7)]
    effect = marginal_effects(grid(by_seed, LEVELS), level=0.95)[0]
    assert effect.ci == (effect.estimate, effect.estimate)
    assert effect.p == 0.0


def test_two_blocks_give_an_estimate_and_no_interval():
    effect = marginal_effects(grid(BY_SEED[:2], LEVELS), level=0.95)[0]
    assert effect.estimate == pytest.approx(0.115)
    assert (effect.ci, effect.ci_adjusted, effect.p) == (None, None, None)


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.02, 0.04), True),  # beyond the margin
        ((0.001, 0.02), True),  # clear of zero, and perhaps beyond
        ((-0.02, -0.001), True),
        ((0.001, 0.009), False),  # clear of zero, and surely within
        ((-0.009, -0.001), False),
        ((-0.02, 0.02), False),  # not clear of zero
    ],
)
def test_an_interaction_matters_if_it_is_there_and_may_be_beyond_the_margin(interval, answer):
    assert matters(interaction_with(Interval(*interval)), 0.01) is answer


def test_without_an_interval_nobody_knows_whether_it_matters():
    assert matters(interaction_with(None), 0.01) is None


def interaction_with(interval):
    return Interaction(
        factors=("a", "b"),
        levels=(1, 1),
        references=(0, 0),
        estimate=0.0,
        ci=None,
        ci_adjusted=interval,
        p=None,
    )


@pytest.mark.statistical
def test_intervals_cover_the_true_effects_though_cells_differ_in_spread():
    rng = np.random.default_rng(43)
    n_studies, truth = 1_000, np.array([0.0, 0.3, 1.0, 2.0])  # effects 1.35, 0.65 and 0.7
    spread = np.array([0.1, 0.5, 1.0, 3.0])
    covered = np.zeros(3)
    for _ in range(n_studies):
        values = rng.normal(0.0, 2.0, (5, 1)) + truth + rng.normal(0.0, 1.0, (5, 4)) * spread
        crossed = grid(values, LEVELS)
        found = [*marginal_effects(crossed, level=0.95), *interactions(crossed, level=0.95)]
        covered += [
            one.ci.low <= true <= one.ci.high
            for one, true in zip(found, (1.35, 0.65, 0.7), strict=True)
        ]
    assert covered / n_studies == pytest.approx(np.full(3, 0.95), abs=0.021)  # 3 standard errors


@pytest.mark.statistical
@pytest.mark.slow
def test_adjusted_intervals_cover_all_effects_at_once():
    rng = np.random.default_rng(44)
    n_studies, covered = 4_000, 0
    for _ in range(n_studies):
        crossed = drawn((3, 3), 5, rng)
        found = marginal_effects(crossed, level=0.95, family_size=4)
        covered += all(one.ci_adjusted.low <= 0 <= one.ci_adjusted.high for one in found)
    assert covered / n_studies >= 0.94  # Bonferroni: 0.95 or more
