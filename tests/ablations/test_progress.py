"""The pace of a call, from the events of a real one."""

from __future__ import annotations

from dataclasses import replace

from ablations.progress import Continued, Pace, Searching
from ablations.record import RunState


def test_the_time_left_falls_to_nothing(told):
    pace = Pace()
    left = []
    for event in told:
        pace.take(event)
        left.append(pace.seconds_left)
    assert left[0] is None
    assert left[2] > 0
    assert left[-1] == 0
    assert pace.n_ended == 4
    assert pace.images_per_second > 0


def test_runs_that_failed_before_count_as_failed_unless_trained_again(told):
    planned = told[0]
    states = dict.fromkeys(planned.states, "failed")
    pace = Pace()
    pace.take(replace(planned, states=states, jobs=planned.jobs[:1]))
    assert pace.n_failed == 3


def test_a_further_round_adds_its_runs_and_takes_back_the_failures_it_trains_again(told):
    planned = told[0]
    states = {**planned.states, planned.jobs[3].run.run_key: "failed"}
    pace = Pace()
    pace.take(replace(planned, states=states, jobs=planned.jobs[:2]))
    assert (pace.n_jobs, pace.n_failed) == (2, 1)
    for event in told[1:4]:
        pace.take(event)
    before = pace.seconds_left
    pace.take(Continued(planned.jobs[2:], 2, (), 5))
    assert (pace.n_jobs, pace.n_failed, pace.n_workers) == (4, 0, 2)
    assert pace.seconds_left > before / 2


def test_a_search_is_counted_whole_and_then_the_runs_anew(told):
    planned, events = told[0], told[1:]
    pace = Pace()
    pace.take(Searching(planned.plan, planned.jobs, 10, 2, 1))
    assert (pace.is_searching, pace.n_jobs, pace.n_ended) == (True, 10, 2)
    for event in events:
        pace.take(event)
    assert pace.n_ended == 6
    assert pace.seconds_left > 0  # of the four trials that are in no round yet
    pace.take(Searching(planned.plan, planned.jobs[:1], 10, 6, 1))
    assert (pace.n_jobs, pace.n_ended) == (10, 6)
    pace.take(planned)
    assert (pace.is_searching, pace.n_jobs, pace.n_ended) == (False, 4, 0)


def test_trials_that_were_lost_count_as_failed_and_those_that_are_repeated_do_not(told):
    planned, ended = told[0], told[-1]
    record = replace(ended.outcome.record, state=RunState.FAILED)
    failed = replace(ended, outcome=replace(ended.outcome, record=record))
    pace = Pace()
    pace.take(Searching(planned.plan, planned.jobs, 10, 0, 1))
    pace.take(failed)
    assert pace.n_failed == 0
    pace.take(replace(planned, n_lost_trials=1))
    assert pace.n_failed == 1
