"""How long a plan will take, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablations.estimates import Estimate, Known, estimate
from ablations.record import RunState, StoredRun


@pytest.fixture
def told(plan):
    """The estimate for the small study's four runs of 100 images an epoch."""
    made = plan()

    def find(known=(), *, states=None, n_workers=1, env="here"):
        known = known if isinstance(known, Known) else Known(known)
        now = {run.run_key: "new" for run in made.runs} | (states or {})
        return estimate(made, now, known, lambda _: env, n_workers)

    find.runs = made.runs
    return find


def stored(run_key, seconds, *, n_macs=1000, pace=50.0, env="here"):
    done = RunState.FINISHED
    return StoredRun("id", "s", run_key, env, 1, done, {}, seconds, pace, n_macs)


def test_nothing_known_is_no_estimate(told):
    assert told() == Estimate(None)
    assert told([stored("other", 3.0, env="elsewhere")]) == Estimate(None)
    assert told([stored("failed", 0.0, pace=0.0)]) == Estimate(None)
    assert told(Known(cached={"elsewhere": {1000: 5e4}})) == Estimate(None)


def test_nothing_left_takes_no_time(told):
    states = {run.run_key: "done" for run in told.runs}
    assert told(states=states) == Estimate(0.0)


def test_an_arm_takes_what_its_runs_took(told):
    first = [run for run in told.runs if run.seed == 0]
    held = [stored(run.run_key, seconds) for run, seconds in zip(first, (2.0, 6.0), strict=True)]
    states = {run.run_key: "done" for run in first}
    assert told(held, states=states) == Estimate(8.0, ("store",))
    assert told(held, states=states, n_workers=2).seconds == 6.0  # no less than the longest run
    assert told(held).seconds == 16.0
    assert told(held, n_workers=2).seconds == 8.0


def test_an_arm_without_runs_goes_at_the_pace_of_the_nearest_in_size(told):
    n_macs = told.runs[0].n_macs
    far = stored("far", 1.0, n_macs=100 * n_macs, pace=1.0)
    near = stored("near", 1.0, n_macs=2 * n_macs, pace=25.0)  # 50 images a second of ours
    assert told([far, near]) == Estimate(pytest.approx(4 * 100 / 50), ("store",))


def test_failed_runs_are_not_trained_again_and_runs_from_elsewhere_are(told):
    states = {run.run_key: "failed" for run in told.runs[:2]}
    states |= {run.run_key: "elsewhere" for run in told.runs[2:]}
    near = stored("near", 1.0, n_macs=told.runs[0].n_macs, pace=50.0)
    assert told([near], states=states).seconds == pytest.approx(2 * 100 / 50)


def test_the_cache_of_this_environment_tells_where_the_store_is_silent(told):
    n_macs = told.runs[0].n_macs
    cached = {"here": {2 * n_macs: 50.0 * n_macs, 100 * n_macs: 1.0}, "there": {n_macs: 1.0}}
    assert told(Known(cached=cached)) == Estimate(pytest.approx(4 * 100 / 50), ("cached",))
    near = stored("near", 1.0, n_macs=n_macs, pace=25.0)
    assert told(Known([near], cached)) == Estimate(pytest.approx(4 * 100 / 25), ("store",))


def test_what_was_measured_now_comes_before_all_else(told):
    first = next(run for run in told.runs if run.arm == "control")
    held = [stored(run.run_key, 7.0, n_macs=first.n_macs) for run in told.runs]
    cached = {"here": {first.n_macs: 1.0}}
    both = {"control": 200.0, "activation=relu": 50.0}
    assert told(Known(held, cached, both)) == Estimate(pytest.approx(2 * (0.5 + 2)), ("measured",))
    one = Known(held, cached, {"control": 200.0})  # the other could not be measured
    assert told(one) == Estimate(pytest.approx(2 * (0.5 + 7)), ("measured", "store"))


def test_one_run_with_nothing_to_go_by_leaves_no_estimate(told):
    assert told(Known(measured={"control": 200.0})) == Estimate(None)


def test_what_a_diverged_run_took_says_nothing_of_its_arm(told):
    first, *_ = told.runs
    short = replace(stored(first.run_key, 0.1), state=RunState.DIVERGED)
    assert told([short]) == Estimate(None)
    whole = [stored(run.run_key, 4.0) for run in told.runs if run.seed == 0]
    assert told([short, *whole]).seconds == told(whole).seconds == 16.0
