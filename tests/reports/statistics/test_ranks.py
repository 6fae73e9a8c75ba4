"""Ranks over data sets against the worked example of Demsar 2006, scipy and scikit-posthocs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats

from reports.statistics.ranks import (
    average_ranks,
    critical_difference,
    friedman,
    friedman_of_ranks,
    signed_ranks,
)

# Demsar 2006, JMLR 7, table 6: AUC, rounded to three digits, of C4.5 and with tuned m, cf, both.
AUC = {
    "adult (sample)": [0.763, 0.768, 0.771, 0.798],
    "breast cancer": [0.599, 0.591, 0.590, 0.569],
    "breast cancer wisconsin": [0.954, 0.971, 0.968, 0.967],
    "cmc": [0.628, 0.661, 0.654, 0.657],
    "ionosphere": [0.882, 0.888, 0.886, 0.898],
    "iris": [0.936, 0.931, 0.916, 0.931],
    "liver disorders": [0.661, 0.668, 0.609, 0.685],
    "lung cancer": [0.583, 0.583, 0.563, 0.625],
    "lymphography": [0.775, 0.838, 0.866, 0.875],
    "mushroom": [1.000, 1.000, 1.000, 1.000],
    "primary tumor": [0.940, 0.962, 0.965, 0.962],
    "rheum": [0.619, 0.666, 0.614, 0.669],
    "voting": [0.972, 0.981, 0.975, 0.975],
    "wine": [0.957, 0.978, 0.946, 0.970],
}
# The mean ranks printed below it, which come of the values before rounding.
PUBLISHED_RANKS = [3.143, 2.000, 2.893, 1.964]


def made(n_datasets, n_arms, seed):
    table = np.random.default_rng(seed).normal(size=(n_datasets, n_arms))
    return {f"set {i}": list(row) for i, row in enumerate(table)}


def column(i):
    return {name: row[i] for name, row in AUC.items()}


def test_published_mean_ranks_give_the_published_friedman_test():
    found = friedman_of_ranks(PUBLISHED_RANKS, n_datasets=14)
    assert found.chi2 == pytest.approx(9.28, abs=0.005)
    assert found.f == pytest.approx(3.69, abs=0.005)
    assert found.p == pytest.approx(stats.f.sf(3.69, 3, 39), rel=0.01)
    assert found.chi2_ties is None


def test_the_rounded_table_gives_its_own_ranks_and_not_the_published_ones():
    found = friedman(AUC)
    assert found.mean_ranks == pytest.approx((3.143, 2.000, 2.929, 1.929), abs=0.0005)
    assert found.chi2 == pytest.approx(9.857, abs=0.0005)
    assert found.f == pytest.approx(3.987, abs=0.0005)
    assert found.chi2_ties == pytest.approx(10.952, abs=0.0005)
    assert tuple(average_ranks(AUC)) == found.mean_ranks


def test_correction_for_ties_is_that_of_scipy():
    found = friedman(AUC)
    expected = stats.friedmanchisquare(*np.array(list(AUC.values())).T)
    assert found.chi2_ties == pytest.approx(expected.statistic)
    assert found.p_ties == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("n", "k"), [(6, 3), (14, 4), (30, 7)])
def test_without_ties_both_chi_squares_are_that_of_scipy(n, k):
    values = made(n, k, seed=n)
    found = friedman(values)
    expected = stats.friedmanchisquare(*np.array(list(values.values())).T).statistic
    assert found.chi2 == pytest.approx(expected)
    assert found.chi2_ties == pytest.approx(expected)


def test_iman_davenport_is_the_analysis_of_variance_of_the_ranks():
    values = made(9, 4, seed=1)
    ranks = np.array([stats.rankdata([-v for v in row]) for row in values.values()])
    between = 9 * np.sum((ranks.mean(axis=0) - 2.5) ** 2) / 3
    within = np.sum((ranks - ranks.mean(axis=0)) ** 2) / (3 * 8)
    assert friedman(values).f == pytest.approx(between / within)


@pytest.mark.parametrize(
    ("k", "at_5_percent", "at_10_percent"),
    [
        (2, 1.960, 1.645),
        (3, 2.343, 2.052),
        (4, 2.569, 2.291),
        (5, 2.728, 2.459),
        (6, 2.850, 2.589),
        (10, 3.164, 2.920),
    ],
)
def test_critical_values_are_those_of_demsar_2006_table_5(k, at_5_percent, at_10_percent):
    scale = np.sqrt(k * (k + 1) / (6 * 14))
    assert critical_difference(k, 14, alpha=0.05) / scale == pytest.approx(at_5_percent, abs=0.001)
    assert critical_difference(k, 14, alpha=0.1) / scale == pytest.approx(at_10_percent, abs=0.001)


def test_critical_difference_of_four_arms_on_fourteen_data_sets_is_the_published_one():
    assert critical_difference(4, 14, alpha=0.05) == pytest.approx(1.25, abs=0.005)


def test_critical_difference_separates_the_arms_that_scikit_posthocs_does():
    values = made(12, 5, seed=4)
    for row in values.values():
        row[0] += 1.5
        row[1] += 0.7
    p = scikit_posthocs.posthoc_nemenyi_friedman(pd.DataFrame(values).T).to_numpy()
    ranks, difference = average_ranks(values), critical_difference(5, 12, alpha=0.05)
    apart = np.abs(ranks[:, None] - ranks[None, :]) > difference
    assert (apart == (p < 0.05)).all()
    assert 0 < apart.sum() < 20


def test_signed_ranks_of_c45_give_the_published_sums():
    found = signed_ranks(column(1), column(0))  # with tuned m, against without
    assert (found.plus, found.minus) == (93, 12)
    assert found.p is not None
    assert found.p < 0.05  # 12 is below the critical 21


def test_signed_ranks_do_not_depend_on_the_order_of_data_sets():
    back = dict(reversed(column(0).items()))
    assert signed_ranks(column(1), back) == signed_ranks(column(1), column(0))


def test_swapping_arm_and_control_swaps_the_sums():
    there, back = signed_ranks(column(1), column(0)), signed_ranks(column(0), column(1))
    assert (there.plus, there.minus, there.p) == (back.minus, back.plus, back.p)


def test_rank_sums_share_out_all_ranks():
    found = signed_ranks(column(3), column(2))
    n = (
        14 - 1
    )  # breast cancer wisconsin to wine differ; mushroom and voting tie: two, none left out
    assert found.plus + found.minus in (n * (n + 1) / 2, 14 * 15 / 2)


def test_of_an_odd_number_of_ties_one_is_left_out():
    names = "abcdefg"
    arm = dict(zip(names, [0, 0, 0, 1, -2, 3, 4], strict=True))
    # One zero goes; the other two share ranks 1 and 2; then 1, -2, 3, 4 have ranks 3, 4, 5, 6.
    found = signed_ranks(arm, dict.fromkeys(names, 0))
    assert (found.plus, found.minus) == (3 + 5 + 6 + 1.5, 4 + 1.5)


@pytest.mark.parametrize("n", [6, 9, 20])
def test_signed_rank_p_is_the_exact_one_of_scipy(n):
    d = np.random.default_rng(n).normal(0.5, 1, n)
    arm = {f"set {i}": v for i, v in enumerate(d)}
    found = signed_ranks(arm, dict.fromkeys(arm, 0.0))
    expected = stats.wilcoxon(d, method="exact")
    assert min(found.plus, found.minus) == expected.statistic
    assert found.p == pytest.approx(expected.pvalue)


def test_signed_rank_p_counts_sign_patterns_where_ranks_tie():
    d = [1.0, 1.0, -2.0, 3.0, 3.0, 4.0]
    ranks = stats.rankdata(np.abs(d))
    observed = abs(np.sum(np.sign(d) * ranks))
    patterns = [abs(np.dot(signs, ranks)) for signs in product([1, -1], repeat=6)]
    arm = {f"set {i}": v for i, v in enumerate(d)}
    found = signed_ranks(arm, dict.fromkeys(arm, 0.0))
    assert found.p == pytest.approx(np.mean(np.array(patterns) >= observed))


def test_signed_rank_p_of_many_data_sets_is_the_normal_one():
    d = np.random.default_rng(3).normal(0.3, 1, 50)
    arm = {f"set {i}": v for i, v in enumerate(d)}
    expected = stats.wilcoxon(d, method="approx", correction=False).pvalue
    assert signed_ranks(arm, dict.fromkeys(arm, 0.0)).p == pytest.approx(expected)


@pytest.mark.parametrize(("n", "p"), [(5, None), (6, 0.03125)])
def test_six_data_sets_are_the_fewest_for_a_claim(n, p):
    arm = {f"set {i}": i + 1.0 for i in range(n)}
    found = signed_ranks(arm, dict.fromkeys(arm, 0.0))
    assert found.plus == n * (n + 1) / 2
    assert found.p == p


def test_arms_that_tie_everywhere_show_nothing():
    same = {f"set {i}": [0.5, 0.5, 0.5] for i in range(6)}
    found = friedman(same)
    assert (found.chi2, found.f, found.p) == (0.0, 0.0, 1.0)
    assert (found.chi2_ties, found.p_ties) == (None, None)
    ties = signed_ranks(dict.fromkeys(same, 0.5), dict.fromkeys(same, 0.5))
    assert (ties.plus, ties.minus, ties.p) == (10.5, 10.5, 1.0)


def test_data_sets_that_all_rank_alike_have_no_finite_f():
    found = friedman({f"set {i}": [0.7, 0.8, 0.9] for i in range(6)})
    assert found.mean_ranks == (3, 2, 1)
    assert found.chi2 == pytest.approx(12)
    assert (found.f, found.p) == (None, 0.0)


def test_rounding_is_no_difference_between_arms():
    values = {"a": [0.1 + 0.2, 0.3], "b": [0.3, 0.1 + 0.2]}
    assert average_ranks(values) == pytest.approx([1.5, 1.5])
    arm = dict(zip("abcdef", [0.3, 0.8, 1.1, 0.5, 0.1, 0.2], strict=True))
    control = dict(zip("abcdef", [0.2, 0.7, 1.0, 0.6, 0.2, 0.3], strict=True))
    found = signed_ranks(arm, control)  # 0.1 each, but for rounding
    assert (found.plus, found.minus) == (10.5, 10.5)


def test_seeds_are_refused_as_data_sets():
    seeds = {0: [0.1, 0.2], 1: [0.1, 0.3]}
    with pytest.raises(TypeError, match="friedman: data sets must be given by name, got 0; seeds"):
        friedman(seeds)
    with pytest.raises(TypeError, match=r"signed_ranks: .* got 0; seeds .* average over them"):
        signed_ranks({0: 0.1, 1: 0.2}, {0: 0.1, 1: 0.2})


def test_data_sets_with_other_arms_are_refused():
    with pytest.raises(ValueError, match="one value per arm, got 3 on 'b' and 2 on the first"):
        average_ranks({"a": [0.1, 0.2], "b": [0.1, 0.2, 0.3]})


def test_data_sets_of_one_arm_only_are_refused():
    with pytest.raises(ValueError, match=r"the same data sets, got only one of them on \['b'\]"):
        signed_ranks({"a": 0.1, "b": 0.2}, {"a": 0.1})


def test_one_data_set_or_one_arm_is_refused():
    with pytest.raises(ValueError, match=r"friedman: ranks need two .* got 2 arms and 1 data sets"):
        friedman({"a": [0.1, 0.2]})
    with pytest.raises(ValueError, match="got 0 arms and 0 data sets"):
        average_ranks({})
    with pytest.raises(ValueError, match=r"critical_difference: .* got 1 arms and 14 data sets"):
        critical_difference(1, 14, alpha=0.05)


def test_a_missing_value_is_refused_with_its_data_set():
    with pytest.raises(ValueError, match="friedman b: every value must be finite, got nan"):
        friedman({"a": [0.1, 0.2], "b": [float("nan"), 0.2]})


def test_mean_ranks_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"of 4 arms must add up to 10\.0, got 9\.500"):
        friedman_of_ranks([3.0, 2.0, 2.5, 2.0], n_datasets=14)
