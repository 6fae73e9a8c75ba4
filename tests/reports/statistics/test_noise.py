"""The interval over new seeds and new images, the variance budget, and two trained runs."""

from __future__ import annotations

import numpy as np
import pytest
from mlxtend.evaluate import mcnemar as mlxtend_mcnemar
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from reports.statistics.intervals import t_interval
from reports.statistics.noise import (
    VarianceBudget,
    crossed_interval,
    detectable_on_images,
    mcnemar,
    variance_budget,
)


def answers(b, c, both=300, neither=50):
    """Correctness of an arm and a control, of which `b` and `c` images divide them."""
    arm = [True] * b + [False] * c + [True] * both + [False] * neither
    control = [False] * b + [True] * c + [True] * both + [False] * neither
    return np.array(arm), np.array(control)


def crossed(rng, n_seeds, n_images, *, seed, image, interaction):
    """A table of normal effects with the standard deviations given."""
    return (
        rng.normal(0, seed, (n_seeds, 1))
        + rng.normal(0, image, (1, n_images))
        + rng.normal(0, interaction, (n_seeds, n_images))
    )


def test_two_way_mean_squares_by_hand():
    d = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    # grand mean 0.5; seed means 0.5, 0, 1; image means 2/3, 1/3
    ms_seed, ms_image = 2 * 0.25, 3 * (1 / 18)
    ms_residual = (6 * 0.25 - 2 * 0.5 - 3 * (1 / 18)) / 2
    total = ms_seed + max(ms_image - ms_residual, 0)
    df = total**2 / (ms_seed**2 / 2 + ms_image**2 / 1 + ms_residual**2 / 2)
    expected = t_interval(0.5, (total / 6) ** 0.5, df=df, level=0.95)
    assert crossed_interval(d, level=0.95) == pytest.approx(expected)
    assert variance_budget(d) == VarianceBudget(
        seed=pytest.approx((ms_seed - ms_residual) / 2),
        image=0.0,  # 1/6 of mean square against 1/6 of residual
        interaction=pytest.approx(ms_residual / 2),
    )


def test_small_integers_give_what_floats_give():
    rng = np.random.default_rng(1)
    d = rng.integers(-1, 2, (30, 1_000), dtype=np.int8)
    assert crossed_interval(d, level=0.95) == pytest.approx(
        crossed_interval(d.astype(np.float64), level=0.95), rel=1e-12
    )
    correct = d > 0
    whole, real = variance_budget(correct), variance_budget(correct.astype(np.float64))
    assert whole is not None
    assert real is not None
    assert whole.image == pytest.approx(real.image, rel=1e-9)
    assert whole.interaction == pytest.approx(real.interaction, rel=1e-12)


def test_a_constant_added_to_every_answer_changes_no_variance():
    d = crossed(np.random.default_rng(2), 5, 50, seed=1, image=2, interaction=3)
    there, far = crossed_interval(d, level=0.95), crossed_interval(d + 1e6, level=0.95)
    assert there is not None
    assert far is not None
    assert far.low - 1e6 == pytest.approx(there.low, abs=1e-8)
    assert far.width == pytest.approx(there.width, rel=1e-8)


def test_it_is_wider_than_the_interval_over_seeds_where_images_matter():
    d = crossed(np.random.default_rng(0), 5, 400, seed=0.01, image=1, interaction=0.3)
    both = crossed_interval(d, level=0.95)
    assert both is not None
    assert both.width > seeds_only(d).width


def seeds_only(d):
    """The t interval that takes the test images as given."""
    means = d.mean(axis=1)
    error = float(means.std(ddof=1)) / len(d) ** 0.5
    return t_interval(float(means.mean()), error, df=len(d) - 1, level=0.95)


@pytest.mark.parametrize("kind", [np.float64, np.int8])
def test_equal_answers_give_zero_width_and_no_shares(kind):
    assert crossed_interval(np.zeros((4, 10), dtype=kind), level=0.95) == (0.0, 0.0)
    assert crossed_interval(np.ones((4, 10), dtype=kind), level=0.95) == (1.0, 1.0)
    budget = variance_budget(np.ones((4, 10), dtype=kind))
    assert budget == VarianceBudget(0.0, 0.0, 0.0)
    assert budget.shares is None


@pytest.mark.parametrize("shape", [(2, 10), (3, 1)])
def test_too_few_seeds_or_images_give_nothing(shape):
    assert crossed_interval(np.ones(shape), level=0.95) is None
    assert variance_budget(np.ones(shape)) is None


def test_seed_and_interaction_are_the_variance_of_the_accuracies():
    correct = np.random.default_rng(3).random((6, 1)) > np.random.default_rng(4).random((6, 200))
    budget = variance_budget(correct)
    assert budget is not None
    assert budget.seed > 0
    assert budget.seed + budget.interaction == pytest.approx(correct.mean(axis=1).var(ddof=1))


def test_shares_sum_to_one_also_where_a_component_is_clipped():
    # Every seed gets one image of three wrong: seeds are more alike than chance would have them.
    correct = ~np.eye(3, dtype=bool)
    budget = variance_budget(correct)
    assert budget is not None
    assert budget.seed == 0.0
    assert budget.shares == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("correct", "shares"),
    [
        (np.array([[True] * 4, [False] * 4, [True] * 4]), (1.0, 0.0, 0.0)),
        (np.array([[True, False, True, True]] * 3), (0.0, 1.0, 0.0)),
    ],
)
def test_what_only_seeds_or_only_images_decide_is_theirs_alone(correct, shares):
    budget = variance_budget(correct)
    assert budget is not None
    assert budget.shares == shares


@pytest.mark.statistical
def test_budget_finds_the_components_it_was_made_of():
    rng = np.random.default_rng(9)
    tables = [crossed(rng, 10, 100, seed=0.3, image=2, interaction=3) for _ in range(400)]
    found = [variance_budget(table) for table in tables]
    means = np.mean([(b.seed, b.image, b.interaction) for b in found if b is not None], axis=0)
    # Four standard errors; the seeds' part is rarely clipped here, which would bias it upwards.
    assert means == pytest.approx([0.09, 0.04, 0.09], rel=0.12)


@pytest.mark.statistical
def test_budget_of_paired_differences_leaves_out_what_the_arms_share():
    rng = np.random.default_rng(10)
    hard = rng.random((1, 2_000)) * 0.4  # images that are hard for both arms
    arm, control = (rng.random((12, 2_000)) > hard for _ in range(2))
    alone, paired = variance_budget(arm), variance_budget(arm.astype(np.int8) - control)
    assert alone is not None
    assert paired is not None
    assert alone.image == pytest.approx(np.var(hard) / 2_000, rel=0.15)
    assert paired.image < 0.05 * alone.image


@pytest.mark.statistical
@pytest.mark.parametrize(
    "n_studies", [pytest.param(600), pytest.param(6_000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("n_seeds", "of_seeds_only"), [(5, 0.910), (10, 0.847), (20, 0.743)])
def test_seeds_alone_cover_too_little_and_less_with_more_seeds(n_seeds, of_seeds_only, n_studies):
    # Of seeds only it is known: the images stretch the error of the mean, and not its estimate.
    stretch = (1 + n_seeds * (1 / 500) / (0.01**2 + 3**2 / 500)) ** 0.5
    critical = stats.t.ppf(0.975, n_seeds - 1) / stretch
    assert stats.t.cdf(critical, n_seeds - 1) * 2 - 1 == pytest.approx(of_seeds_only, abs=5e-4)
    rng = np.random.default_rng(31)
    covered = np.zeros(2)
    for _ in range(n_studies):
        d = crossed(rng, n_seeds, 500, seed=0.01, image=1, interaction=3)
        both = crossed_interval(d, level=0.95)
        assert both is not None
        covered += [interval.low <= 0 <= interval.high for interval in (seeds_only(d), both)]
    seeds, images_too = covered / n_studies
    error = (of_seeds_only * (1 - of_seeds_only) / n_studies) ** 0.5
    assert seeds == pytest.approx(of_seeds_only, abs=3 * error)
    assert images_too >= 0.93


def test_mcnemar_gives_known_values():
    found = mcnemar(*answers(86, 150))
    assert (found.n_arm_only, found.n_control_only) == (86, 150)
    assert found.chi2 == pytest.approx(17.356, abs=5e-4)
    assert found.p == pytest.approx(3.10e-5, abs=5e-8)
    assert found.chi2_corrected == pytest.approx(16.818, abs=5e-4)
    assert found.p_corrected == pytest.approx(4.11e-5, abs=5e-8)
    assert found.p_exact == pytest.approx(3.72e-5, abs=5e-8)


@pytest.mark.parametrize(("b", "c"), [(86, 150), (3, 9), (1, 0), (7, 8)])
def test_mcnemar_agrees_with_statsmodels_and_mlxtend(b, c):
    found, table = mcnemar(*answers(b, c)), np.array([[300, b], [c, 50]])
    exact = statsmodels_mcnemar(table, exact=True)
    plain = statsmodels_mcnemar(table, exact=False, correction=False)
    assert found.p_exact == pytest.approx(exact.pvalue)
    assert (found.chi2, found.p) == pytest.approx((plain.statistic, plain.pvalue))
    corrected = mlxtend_mcnemar(table, corrected=True)
    assert (found.chi2_corrected, found.p_corrected) == pytest.approx(corrected)
    assert found.p_exact == pytest.approx(mlxtend_mcnemar(table, exact=True)[1])


def test_runs_that_never_disagree_have_a_p_of_one():
    found = mcnemar(*answers(0, 0))
    assert (found.chi2, found.chi2_corrected) == (0.0, 0.0)
    assert (found.p, found.p_corrected, found.p_exact) == (1.0, 1.0, 1.0)


def test_correction_never_makes_a_difference_of_none():
    found = mcnemar(*answers(4, 4))
    assert (found.chi2_corrected, found.p_corrected, found.p_exact) == (0.0, 1.0, 1.0)


def test_swapping_the_runs_swaps_the_counts_only():
    arm, control = answers(5, 12)
    there, back = mcnemar(arm, control), mcnemar(control, arm)
    assert (there.n_arm_only, there.n_control_only) == (back.n_control_only, back.n_arm_only)
    assert (there.chi2, there.p_exact) == (back.chi2, back.p_exact)


def test_runs_on_different_test_sets_are_refused():
    with pytest.raises(ValueError, match=r"mcnemar: .* got \(3,\) and \(2,\); compare runs on one"):
        mcnemar(np.ones(3, dtype=bool), np.ones(2, dtype=bool))


def test_five_percent_disagreement_on_ten_thousand_images_shows_0_63_points():
    found = detectable_on_images(0.05, 10_000, alpha=0.05)
    assert found == pytest.approx(0.0063, abs=5e-5)
    assert found == pytest.approx(2.80 * (0.05 / 10_000) ** 0.5, rel=1e-3)


def test_runs_that_never_disagree_would_show_any_difference():
    assert detectable_on_images(0.0, 10_000, alpha=0.05) == 0.0


@pytest.mark.statistical
def test_a_detectable_difference_is_found_by_mcnemar_with_80_percent_power():
    rng = np.random.default_rng(12)
    n_images, disagreement, n_studies = 2_000, 0.1, 600
    difference = detectable_on_images(disagreement, n_images, alpha=0.05)
    gain, loss = (disagreement + difference) / 2, (disagreement - difference) / 2
    found = 0
    for b, c, _ in rng.multinomial(n_images, [gain, loss, 1 - disagreement], n_studies):
        found += mcnemar(*answers(b, c, both=0, neither=0)).p < 0.05
    assert found / n_studies == pytest.approx(0.8, abs=0.05)  # three standard errors
