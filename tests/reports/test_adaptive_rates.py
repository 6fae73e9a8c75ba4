"""Whole studies with looks, simulated: seeds added as a driver adds them, judged as a report does.

`benchmarks/looks.py` draws them; docs/adaptive-seeds.md has its numbers. The small numbers of
studies here would show a rate that is twice what it should be.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from looks import METRIC, Setting, compared_study, rates, simulated

from reports.analysis import analyse
from reports.statistics import sequential

pytestmark = pytest.mark.statistical

FEW, SOME, MANY = 200, 1_000, 4_000
"""The standard error of a rate of 0.05 is 0.015, 0.007 and 0.0034."""
ALIKE = [Setting(1, 0, 0.5), Setting(4, 0, 0.5), Setting(4, 0, 1.5)]
APART = [Setting(n, effect, 0.5) for n in (1, 4, 6) for effect in (1.5, 2, 3)]


def test_the_verdicts_are_those_of_a_report():
    setting = Setting(3, 1.0, 0.5)
    for one in simulated(setting, 8):
        found = analyse(one.table, setting.plan())
        assert found.final
        assert [c.verdict for c in found.contrasts] == [c.verdict for c in one.looked_at]
        assert [c.ci_adjusted for c in found.contrasts] == [c.interval for c in one.looked_at]


def test_arms_that_are_alike_are_as_rarely_told_apart_as_promised():
    found = rates(Setting(4, 0, 0.5), FEW)
    assert found.claims <= 0.1
    assert found.coverage >= 0.9


def test_large_effects_save_two_runs_of_five_and_get_the_verdict_of_all_seeds():
    found = rates(Setting(4, 2, 0.5), FEW)
    assert found.agreement >= 0.98
    assert found.saved >= 0.4


def test_looks_that_shared_no_alpha_would_tell_them_apart_too_often(monkeypatch):
    monkeypatch.setattr(sequential, "equal_nominal_level", lambda _, alpha: alpha)
    monkeypatch.setattr(sequential, "spent_nominal_level", lambda _, alpha, __: alpha)
    assert rates(Setting(1, 0, 0.001), FEW).claims > 0.08


def test_a_study_of_all_seeds_is_told_as_it_would_have_gone():
    setting = Setting(2, 3.0, 0.5)
    rng = np.random.default_rng(1)
    values = setting.draw(rng)
    rows = [
        {"arm": arm, "seed": seed, METRIC: value}
        for arm, own in zip(setting.arms, values, strict=True)
        for seed, value in enumerate(own)
    ]
    found = compared_study(pd.DataFrame(rows), setting.plan(), (5, 10, 20))
    assert found["n_all"] == 60
    assert found["n_runs"] < 60
    assert [one["verdict"] for one in found["contrasts"]] == ["better", "better"]
    assert [one["verdict_of_all"] for one in found["contrasts"]] == ["better", "better"]


@pytest.mark.slow
@pytest.mark.parametrize("setting", ALIKE, ids=str)
def test_arms_that_are_alike_are_as_rarely_told_apart_as_promised_in_full(setting):
    found = rates(setting, MANY)
    assert found.claims <= 0.055
    assert found.coverage >= 0.945


@pytest.mark.slow
@pytest.mark.parametrize("setting", APART, ids=str)
def test_large_effects_save_two_runs_of_five_in_full(setting):
    found = rates(setting, SOME)
    assert found.agreement >= 0.99
    assert found.saved >= 0.4
    assert found.coverage >= 0.945
