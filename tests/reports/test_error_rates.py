"""How often whole studies are wrong: rates of the verdicts that `analyse` returns on made runs.

Full numbers of studies are in the slow tests; the small ones would show a rate that is twice what
it should be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports import contrasts, questions
from reports.analysis import analyse
from reports.plan import AnalysisPlan, ContrastSpec, Endpoint

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


def plan_of(n_arms: int, margin: float = 1.0) -> AnalysisPlan:
    specs = [ContrastSpec(f"{arm} - control", arm, "control") for arm in ARMS[1:n_arms]]
    endpoint = Endpoint("test/gain", "maximize", margin)
    return AnalysisPlan("control", {}, endpoint, tuple(specs))


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
