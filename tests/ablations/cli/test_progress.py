from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ablations import data
from ablations.cli.progress import (
    LiveDisplay,
    Pace,
    PlainDisplay,
    display,
    planned_lines,
)
from ablations.executors.base import Ended
from ablations.executors.inline import InlineExecutor
from ablations.jobs import Job, Worker, data_key
from ablations.record import RunState
from ablations.runner import Planned


@pytest.fixture(scope="module")
def told(plan, digits) -> list:
    """The events of a real run of four jobs, the `Planned` first."""
    made = plan()
    jobs = tuple(Job(run) for run in made.runs)
    states = {run.run_key: "new" for run in made.runs}
    events = [Planned(made, states, jobs, 1)]
    spec = made.runs[0].dataset
    worker = Worker({data_key(spec): data.prepare(digits, spec)}, "cpu")
    InlineExecutor(worker).run(jobs, events.append)
    return events


def _failed(told: list) -> Ended:
    last = told[-1]
    record = replace(last.outcome.record, state=RunState.FAILED, message="[it] broke", metrics={})
    return Ended(replace(last.outcome, record=record), 0)


def test_a_pipe_gets_plain_lines_and_a_terminal_bars():
    assert isinstance(display(Console(file=io.StringIO())), PlainDisplay)
    assert isinstance(display(Console(file=io.StringIO(), force_terminal=True)), LiveDisplay)


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
def test_every_run_that_ends_is_one_line(told, is_terminal):
    console = Console(file=io.StringIO(), width=150, force_terminal=is_terminal, no_color=True)
    with display(console) as shown:
        for event in told[:-1]:
            shown.observe(event)
        shown.observe(_failed(told))
    text = console.file.getvalue()
    assert "example: 2 arms x 2 seeds = 4 runs, 4 to train" in text
    assert text.count("test accuracy 0.") == 3
    assert text.count("FAILED [it] broke") == 1
    assert shown.pace.n_failed == 1


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


def test_what_is_kept_and_what_follows_is_told_first(told):
    planned = told[0]
    assert planned_lines(replace(planned, jobs=())) == [
        "example: 2 arms x 2 seeds = 4 runs, 4 kept as they are, nothing to train"
    ]
    probe = replace(planned.jobs[0], probes=("shift",), weights=b"")
    assert planned_lines(replace(planned, jobs=(probe, *planned.jobs[1:2]))) == [
        "example: 2 arms x 2 seeds = 4 runs, 3 kept as they are, 1 to train, 1 to probe"
    ]


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
def test_what_an_arm_does_not_change_is_told_before_the_runs(told, is_terminal):
    console = Console(file=io.StringIO(), width=150, force_terminal=is_terminal, no_color=True)
    with display(console) as shown:
        shown.observe(replace(told[0], warnings=("arm 'a[b]' changes nothing",)))
    assert "warning" in console.file.getvalue()
    assert "arm 'a[b]' changes nothing" in console.file.getvalue()


def test_runs_that_failed_before_count_as_failed_unless_trained_again(told):
    planned = told[0]
    states = dict.fromkeys(planned.states, "failed")
    pace = Pace()
    pace.take(replace(planned, states=states, jobs=planned.jobs[:1]))
    assert pace.n_failed == 3
