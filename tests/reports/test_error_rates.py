"""How often whole studies are wrong: rates of the verdicts that `analyse` returns on made runs.

Full numbers of studies are in the slow tests; the small ones would show a rate that is twice what
it should be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports import contrasts, methods, questions
from reports.analysis import analyse
from reports.methods import ADDED_SHARE
from reports.plan import AnalysisPlan, ContrastSpec, Endpoint
from reports.statistics.anytime import critical_t
from reports.statistics.sequential import SequentialPlan

pytestmark = pytest.mark.statistical

ARMS = ("control", "a", "b", "c", "d")
FEW, MANY = 300, 20_000
Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def normal(rng: np.random.Generator, n_arms: int, n_seeds: int) -> np.ndarray:
    return rng.standard_normal((n_arms, n_seeds))


def skewed(rng: np.random.Generator, n_arms: int, n_seeds: int) -> np.ndarray:
    """A control of normal values and arms of exponential ones, with mean 0 and SD 1 like it."""
    values = rng.exponential(size=(n_arms, n_seeds)) - 1
    values[0] = rng.standard_normal(n_seeds)
    return values


def table_of(values: np.ndarray) -> pd.DataFrame:
    n_arms, n_seeds = values.shape
    return pd.DataFrame(
        {
            "arm": np.repeat(ARMS[:n_arms], n_seeds),
            "seed": np.tile(np.arange(n_seeds), n_arms),
            "test/gain": values.ravel(),
        }
    )


def plan_of(n_arms: int, margin: float = 1.0, **more: Any) -> AnalysisPlan:
    specs = [ContrastSpec(f"{arm} - control", arm, "control") for arm in ARMS[1:n_arms]]
    endpoint = Endpoint("test/gain", "maximize", margin)
    return AnalysisPlan("control", {}, endpoint, tuple(specs), **more)


def is_claimed(verdict: str | None) -> bool:
    return verdict is not None and verdict.startswith(("better", "worse"))


def false_alarms(draw: Draw, n_studies: int, n_seeds: int = 5) -> float:
    """The share of studies in which some arm is called better or worse, though all are alike."""
    rng, plan = np.random.default_rng(20260), plan_of(len(ARMS))
    n_wrong = 0
    for _ in range(n_studies):
        values = draw(rng, len(ARMS), n_seeds) + 5 * rng.standard_normal(n_seeds)
        found = analyse(table_of(values), plan).contrasts
        n_wrong += any(is_claimed(contrast.verdict) for contrast in found)
    return n_wrong / n_studies


@pytest.mark.parametrize("draw", [normal, skewed])
def test_families_of_four_are_wrong_as_rarely_as_promised(draw):
    assert false_alarms(draw, FEW) <= 0.08


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [5, 10])
@pytest.mark.parametrize("draw", [normal, skewed])
def test_families_of_four_are_wrong_as_rarely_as_promised_in_full(draw, n_seeds):
    assert false_alarms(draw, MANY // (n_seeds // 5), n_seeds) <= 0.055


def test_without_the_correction_for_the_family_they_would_be_wrong_too_often(monkeypatch):
    monkeypatch.setattr(questions, "_family_size", lambda *_: 1)
    assert false_alarms(normal, FEW) > 0.1


def power(n_studies: int, effect: float = 2.0, n_seeds: int = 8) -> float:
    """The share of two-armed studies in which a better arm is called better.

    Seeds move both arms by five times the spread of what is not theirs.
    """
    rng, plan = np.random.default_rng(20261), plan_of(2, margin=0.1)
    n_right = 0
    for _ in range(n_studies):
        values = rng.standard_normal((2, n_seeds)) + 5 * rng.standard_normal(n_seeds)
        values[1] += effect * np.sqrt(2)  # in SDs of a difference
        (contrast,) = analyse(table_of(values), plan).contrasts
        n_right += contrast.verdict == "better"
    return n_right / n_studies


def test_an_effect_of_two_sd_is_found_through_strong_seed_effects():
    assert power(100) >= 0.95


def test_without_pairing_it_would_be_lost(monkeypatch):
    values_of, rng = contrasts.values_of, np.random.default_rng(20262)

    def mixed(*arguments, **more):
        found = values_of(*arguments, **more)
        return replace(found, control=tuple(rng.permutation(found.control)))

    monkeypatch.setattr(contrasts, "values_of", mixed)
    assert power(100) <= 0.5


LOOKS = (5, 10, 15, 20)
FIRST, LAST = 5, 30
"""Seeds of a study when its verdicts are shown, and when nobody adds more."""


def is_called(values: np.ndarray, n_seeds: int, bound: float, plan: AnalysisPlan) -> bool:
    """Whether some arm is called better or worse after so many seeds.

    An interval reaches zero where all |t| are below the bound that it rests on: studies that are
    clearly there are not analysed again and again.
    """
    held = values[:, :n_seeds]
    d = held[1:] - held[0]
    t = d.mean(axis=1) / (d.std(axis=1, ddof=1) / np.sqrt(n_seeds))
    if np.all(np.abs(t) < 0.98 * bound):
        return False
    return any(is_claimed(one.verdict) for one in analyse(table_of(held), plan).contrasts)


def looking_alarms(n_studies: int, draw: Draw = normal, nominal: float | None = None) -> float:
    """The share of studies that at some planned look call an arm better or worse."""
    rng = np.random.default_rng(20263)
    plan = plan_of(len(ARMS), seeds=tuple(range(LOOKS[-1])), looks=LOOKS)
    nominal = nominal or SequentialPlan(LOOKS, 0.05, 1.0, len(ARMS) - 1).nominal
    bounds = {look: float(stats.t.isf(nominal / 2, look - 1)) for look in LOOKS}
    n_wrong = 0
    for _ in range(n_studies):
        values = draw(rng, len(ARMS), LOOKS[-1]) + 5 * rng.standard_normal(LOOKS[-1])
        n_wrong += any(is_called(values, look, bounds[look], plan) for look in LOOKS)
    return n_wrong / n_studies


def growing_alarms(n_studies: int, draw: Draw = normal, *, is_trusted: bool = True) -> float:
    """The share of studies that call an arm better or worse at 5 seeds, or at any number after.

    Their verdicts are shown at 5; then seeds are added one by one, and looked at each time. Without
    trust in the bounds, every fifth number of seeds is analysed, whatever t is.
    """
    rng, n_contrasts = np.random.default_rng(20264), len(ARMS) - 1
    shown = {f"{arm} - control": tuple(range(FIRST)) for arm in ARMS[1:]}
    alpha = 0.05 / n_contrasts
    bounds = {FIRST: float(stats.t.isf(alpha / 2, FIRST - 1))}
    added = ADDED_SHARE * alpha
    bounds |= {n: critical_t(n, alpha=added) or np.inf for n in range(FIRST + 1, LAST + 1)}
    plans = {n: plan_of(len(ARMS), seeds=tuple(range(n)), shown=shown) for n in bounds}
    n_wrong = 0
    for _ in range(n_studies):
        values = draw(rng, len(ARMS), LAST) + 5 * rng.standard_normal(LAST)
        if is_trusted:
            n_wrong += any(is_called(values, n, bounds[n], plans[n]) for n in bounds)
        else:
            n_wrong += any(is_called(values, n, 0.0, plans[n]) for n in range(FIRST, LAST + 1, 5))
    return n_wrong / n_studies


@pytest.mark.parametrize("alarms", [looking_alarms, growing_alarms])
def test_studies_that_are_looked_at_often_are_wrong_as_rarely(alarms):
    assert alarms(FEW) <= 0.08


@pytest.mark.slow
@pytest.mark.parametrize("draw", [normal, skewed])
@pytest.mark.parametrize("alarms", [looking_alarms, growing_alarms])
def test_studies_that_are_looked_at_often_are_wrong_as_rarely_in_full(alarms, draw):
    assert alarms(MANY, draw) <= 0.055


def test_looks_that_are_not_allowed_for_would_be_wrong_too_often(monkeypatch):
    monkeypatch.setattr(methods, "_method", lambda *_, **__: "paired")
    assert looking_alarms(FEW, nominal=0.05 / (len(ARMS) - 1)) > 0.08


def test_added_seeds_that_are_judged_as_planned_ones_would_be_wrong_too_often(monkeypatch):
    monkeypatch.setattr(methods, "_method", lambda *_, **__: "paired")
    assert growing_alarms(FEW, is_trusted=False) > 0.1


def test_an_effect_of_two_sd_is_found_in_seeds_that_were_added():
    rng = np.random.default_rng(20265)
    shown = {"a - control": tuple(range(FIRST))}
    plan = plan_of(2, margin=0.1, seeds=tuple(range(15)), shown=shown)
    found = 0
    for _ in range(100):
        values = rng.standard_normal((2, 15)) + 5 * rng.standard_normal(15)
        values[1] += 2 * np.sqrt(2)
        (contrast,) = analyse(table_of(values), plan).contrasts
        found += contrast.verdict == "better"
    assert found >= 95
