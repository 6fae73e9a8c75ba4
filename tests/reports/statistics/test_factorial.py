"""Analysis of variance against published tables, other libraries and arithmetic by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import AnovaRM, anova_lm

from reports.statistics.crossed import EmptyCellsError
from reports.statistics.factorial import anova

# R's `npk` (Yates 1937, Venables and Ripley 2002): peas in blocks of four plots; block, N, P, K.
NPK = """
1011 49.5 1110 62.8 1000 46.8 1101 57.0 2100 59.8 2111 58.5 2001 55.5 2010 56.0
3010 62.8 3111 55.8 3100 69.5 3001 55.0 4100 62.0 4111 48.8 4001 45.5 4010 44.2
5110 52.0 5000 51.5 5101 49.8 5011 48.8 6101 57.2 6110 59.0 6011 53.2 6000 56.0
"""
# Any two blocks of different halves are one whole replicate.
REPLICATE = {"1": 1, "2": 1, "5": 2, "3": 2, "6": 3, "4": 3}


def npk():
    words = NPK.split()
    return pd.DataFrame(
        {**dict(zip(["block", "N", "P", "K"], plot, strict=True)), "yield": float(value)}
        for plot, value in zip(words[::2], words[1::2], strict=True)
    ).assign(replicate=lambda table: table["block"].map(REPLICATE))


def drawn(rng, n_levels=(2, 3), n_seeds=5):
    """A grid of noise, factors `f0`, `f1`, ..."""
    rows = [
        {f"f{i}": f"level {level}" for i, level in enumerate(cell)} | {"seed": seed}
        for seed in range(n_seeds)
        for cell in product(*map(range, n_levels))
    ]
    return pd.DataFrame(rows).assign(value=rng.normal(0.0, 1.0, len(rows)))


def rows(frame):
    return {row.pop("term"): row for row in frame.to_dict("records")}


def test_npk_gives_the_published_sums_of_squares():
    found = rows(anova(npk(), "yield", ["N", "P", "K"], "replicate"))
    published = {  # summary(npk.aov) and summary(npk.aovE) in R's help page
        "N:P:K": 37.0,
        "N:P": 21.28,
        "N:K": 33.14,
        "P:K": 0.48,
        "N": 189.28,
        "P": 8.40,
        "K": 95.20,
    }
    assert list(found) == [*published, "replicate", "residual"]
    for term, sum_sq in published.items():
        assert found[term]["sum_sq"] == pytest.approx(sum_sq, abs=0.006)
    within = 185.29 + 343.30 - 37.0  # the published residual, and blocks without the interaction
    ours = found["replicate"]["sum_sq"] + found["residual"]["sum_sq"]
    assert ours == pytest.approx(within, abs=0.02)


def test_two_by_two_by_hand():
    values = [0.0, 1.0, 2.0, 5.0, 2.0, 3.0, 4.0, 9.0]  # seeds 0 and 1; cells 00, 01, 10, 11
    cells = list(product([0, 1], ["no", "yes"], ["no", "yes"]))
    table = pd.DataFrame(cells, columns=["seed", "a", "b"]).assign(value=values)
    found = rows(anova(table, "value", ["a", "b"], "seed"))
    # means of cells 1, 2, 3, 7; of a 1.5, 5; of b 2, 4.5; of seeds 2, 4.5; of all 3.25
    assert found["a"]["sum_sq"] == pytest.approx(8 * 1.75**2)
    assert found["b"]["sum_sq"] == pytest.approx(8 * 1.25**2)
    assert found["a:b"]["sum_sq"] == pytest.approx(8 * 0.75**2)
    assert found["seed"]["sum_sq"] == pytest.approx(8 * 1.25**2)
    # residuals are 0.25, 0.25, 0.25, -0.75 and their negatives
    assert found["residual"]["sum_sq"] == pytest.approx(1.5)
    assert found["residual"]["df"] == 3
    assert found["a"]["F"] == pytest.approx(24.5 / 0.5)
    assert found["a"]["p"] == pytest.approx(stats.f.sf(49, 1, 3))
    assert found["a"]["omega_sq"] == pytest.approx(48 / (48 + 8))


@pytest.mark.parametrize("n_levels", [(2,), (3,), (2, 2), (2, 3), (2, 3, 2)])
@pytest.mark.parametrize("kind", [1, 2, 3])
def test_it_agrees_with_statsmodels_whatever_the_type(n_levels, kind):
    table = drawn(np.random.default_rng(len(n_levels)), n_levels)
    names = [f"f{i}" for i in range(len(n_levels))]
    formula = "value ~ C(seed, Sum) + " + "*".join(f"C({name}, Sum)" for name in names)
    expected = anova_lm(ols(formula, table).fit(), typ=kind)
    found = rows(anova(table, "value", names, "seed"))
    for term, row in expected.iterrows():
        if term != "Intercept":
            ours = found[str(term).replace("C(", "").replace(", Sum)", "").lower()]
            assert ours["sum_sq"] == pytest.approx(row["sum_sq"])
            assert ours["df"] == row["df"]
            if ours["F"] is not None:
                assert (ours["F"], ours["p"]) == pytest.approx((row["F"], row["PR(>F)"]))


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pingouin 0.7 under pandas 3.1
def test_one_factor_agrees_with_repeated_measures_of_statsmodels_and_pingouin():
    table = drawn(np.random.default_rng(4), (4,))
    ours = rows(anova(table, "value", ["f0"], "seed"))["f0"]
    theirs = AnovaRM(table, "value", "seed", within=["f0"]).fit().anova_table.loc["f0"]
    assert (ours["F"], ours["p"]) == pytest.approx((theirs["F Value"], theirs["Pr > F"]))
    also = pingouin.rm_anova(table, dv="value", within="f0", subject="seed", correction=False)
    assert ours["F"] == pytest.approx(also["F"][0])


def test_two_levels_give_the_square_of_the_paired_t():
    table = drawn(np.random.default_rng(5), (2,))
    sides = [table[table["f0"] == f"level {i}"]["value"] for i in range(2)]
    expected = stats.ttest_rel(*sides)
    ours = rows(anova(table, "value", ["f0"], "seed"))["f0"]
    assert (ours["F"], ours["p"]) == pytest.approx((expected.statistic**2, expected.pvalue))


def test_names_and_levels_can_be_anything():
    plain = drawn(np.random.default_rng(6))
    odd = pd.DataFrame(
        {
            "recipe.learning rate": plain["f0"].map({"level 0": [3, 8], "level 1": [6, 16]}),
            "~ Q('x') + 1": plain["f1"].map(lambda name: f"C({name})*"),
            "class": plain["seed"].map(lambda seed: f"run {seed}"),
            "test/accuracy": plain["value"],
        }
    )
    expected = anova(plain, "value", ["f0", "f1"], "seed")
    found = anova(odd, "test/accuracy", ["recipe.learning rate", "~ Q('x') + 1"], "class")
    assert found["term"].tolist()[0] == "recipe.learning rate:~ Q('x') + 1"
    assert found["sum_sq"].tolist() == pytest.approx(expected["sum_sq"].tolist())


def test_row_order_changes_no_bit():
    table = drawn(np.random.default_rng(7), (2, 3, 2))
    first = anova(table, "value", ["f0", "f1", "f2"], "seed")
    for draw in range(3):
        mixed = table.sample(frac=1, random_state=draw)
        assert anova(mixed, "value", ["f0", "f1", "f2"], "seed").equals(first)


def test_a_constant_for_each_seed_moves_the_block_alone_and_a_scale_moves_no_f():
    table = drawn(np.random.default_rng(8))
    moved = table.assign(value=100 * (table["value"] + 7.0 * table["seed"]))
    before, after = (rows(anova(t, "value", ["f0", "f1"], "seed")) for t in (table, moved))
    for term in ("f0:f1", "f0", "f1"):
        assert after[term]["sum_sq"] == pytest.approx(1e4 * before[term]["sum_sq"])
        assert after[term]["F"] == pytest.approx(before[term]["F"])
        assert after[term]["omega_sq"] == pytest.approx(before[term]["omega_sq"])
    assert after["seed"]["sum_sq"] > 1e5 * before["seed"]["sum_sq"]


def test_sums_of_squares_and_degrees_of_freedom_add_up():
    table = drawn(np.random.default_rng(9), (2, 3, 2))
    found = anova(table, "value", ["f0", "f1", "f2"], "seed")
    assert found["df"].sum() == len(table) - 1
    total = float(((table["value"] - table["value"].mean()) ** 2).sum())
    assert found["sum_sq"].sum() == pytest.approx(total)


def test_block_and_residual_are_not_tested():
    found = rows(anova(drawn(np.random.default_rng(10)), "value", ["f0", "f1"], "seed"))
    for term in ("seed", "residual"):
        assert [found[term][name] for name in ("F", "p", "omega_sq")] == [None] * 3


def test_a_weak_term_has_no_negative_share():
    found = rows(anova(npk(), "yield", ["N", "P", "K"], "replicate"))
    assert found["P:K"]["F"] < 1
    assert found["P:K"]["omega_sq"] == 0.0


def test_equal_values_are_no_effect_and_no_division_by_zero():
    table = drawn(np.random.default_rng(11)).assign(value=0.1)
    found = rows(anova(table, "value", ["f0", "f1"], "seed"))
    for term in ("f0:f1", "f0", "f1"):
        assert found[term]["sum_sq"] == 0.0
        assert (found[term]["F"], found[term]["p"], found[term]["omega_sq"]) == (None, 1.0, None)


def test_an_effect_without_any_residual_is_certain_in_spite_of_rounding():
    table = drawn(np.random.default_rng(12))
    exact = 0.1 * table["seed"] + 0.3 * (table["f0"] == "level 1")
    found = rows(anova(table.assign(value=exact), "value", ["f0", "f1"], "seed"))
    assert found["residual"]["sum_sq"] == 0.0
    assert [found["f0"][name] for name in ("F", "p", "omega_sq")] == [None, 0.0, 1.0]
    assert [found["f1"][name] for name in ("F", "p", "omega_sq")] == [None, 1.0, None]


def test_dropped_blocks_are_named_and_are_in_no_number():
    table = drawn(np.random.default_rng(13))
    whole = anova(table[table["seed"] != 3], "value", ["f0", "f1"], "seed")
    holed = anova(table.drop(table[table["seed"] == 3].index[0]), "value", ["f0", "f1"], "seed")
    assert holed.equals(whole)
    assert holed.attrs["dropped"] == {3: (("level 0", "level 0"),)}


def test_main_effects_of_a_design_with_empty_cells_are_refused():
    table = drawn(np.random.default_rng(14))
    fraction = table[(table["f0"] == "level 0") | (table["f1"] == "level 0")]
    with pytest.raises(EmptyCellsError) as told:
        anova(fraction, "value", ["f0", "f1"], "seed")
    assert told.value.cells == (("level 1", "level 1"), ("level 1", "level 2"))


def p_values(n_studies, seed):
    """p by term of studies in which nothing but the seed has an effect."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_studies):
        table = drawn(rng, (2, 2), n_seeds=4)
        table["value"] += table["seed"].map(dict(enumerate(rng.normal(0.0, 2.0, 4))))
        frame = anova(table, "value", ["f0", "f1"], "seed")
        found.append(frame["p"].tolist()[:3])
    return np.array(found, dtype=float)


@pytest.mark.statistical
def test_no_effect_is_rejected_as_often_as_it_says():
    p = p_values(700, seed=41)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.015)  # three standard errors


@pytest.mark.statistical
@pytest.mark.slow
def test_p_is_uniform_where_nothing_has_an_effect():
    p = p_values(6_000, seed=42)
    for term in p.T:
        assert stats.kstest(term, "uniform").pvalue > 0.01
        assert np.mean(term <= 0.05) == pytest.approx(0.05, abs=0.0085)
