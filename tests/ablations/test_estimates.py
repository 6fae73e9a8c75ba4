"""How long a plan will take, by hand."""

from __future__ import annotations

import pytest

from ablations.estimates import estimated_seconds
from ablations.record import RunState, StoredRun


@pytest.fixture
def estimate(plan):
    """The estimate for the small study's four runs of 100 images an epoch."""
    made = plan()

    def seconds(stored, *, states=None, n_workers=1, env="here"):
        known = {run.run_key: "new" for run in made.runs} | (states or {})
        return estimated_seconds(made, known, stored, lambda _: env, n_workers=n_workers)

    seconds.runs = made.runs
    return seconds


def stored(run_key, seconds, *, n_macs=1000, pace=50.0, env="here"):
    done = RunState.FINISHED
    return StoredRun("id", "s", run_key, env, 1, done, {}, seconds, pace, n_macs)


def test_nothing_known_is_no_estimate(estimate):
    assert estimate([]) is None
    assert estimate([stored("other", 3.0, env="elsewhere")]) is None
    assert estimate([stored("failed", 0.0, pace=0.0)]) is None


def test_nothing_left_takes_no_time(estimate):
    states = {run.run_key: "done" for run in estimate.runs}
    assert estimate([], states=states) == 0.0


def test_an_arm_takes_what_its_runs_took(estimate):
    first = [run for run in estimate.runs if run.seed == 0]
    held = [stored(run.run_key, seconds) for run, seconds in zip(first, (2.0, 6.0), strict=True)]
    states = {run.run_key: "done" for run in first}
    assert estimate(held, states=states) == 8.0
    assert estimate(held, states=states, n_workers=2) == 6.0  # no less than the longest run
    assert estimate(held) == 16.0
    assert estimate(held, n_workers=2) == 8.0


def test_an_arm_without_runs_goes_at_the_pace_of_the_nearest_in_size(estimate):
    n_macs = estimate.runs[0].n_macs
    far = stored("far", 1.0, n_macs=100 * n_macs, pace=1.0)
    near = stored("near", 1.0, n_macs=2 * n_macs, pace=25.0)  # 50 images a second of ours
    assert estimate([far, near]) == pytest.approx(4 * 100 / 50)


def test_failed_runs_are_not_trained_again_and_runs_from_elsewhere_are(estimate):
    states = {run.run_key: "failed" for run in estimate.runs[:2]}
    states |= {run.run_key: "elsewhere" for run in estimate.runs[2:]}
    near = stored("near", 1.0, n_macs=estimate.runs[0].n_macs, pace=50.0)
    assert estimate([near], states=states) == pytest.approx(2 * 100 / 50)
