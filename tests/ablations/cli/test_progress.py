from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ablations.cli.progress import (
    LiveDisplay,
    PlainDisplay,
    continued_line,
    display,
    planned_lines,
)
from ablations.executors.base import Began, Ended
from ablations.outcomes import Job
from ablations.probe_cards import ProbeSpec
from ablations.progress import Continued, Pace, Planned
from ablations.record import RunState


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


def test_what_is_kept_and_what_follows_is_told_first(told):
    planned = told[0]
    done = replace(planned, states=dict.fromkeys(planned.states, "done"))
    assert planned_lines(replace(done, jobs=())) == [
        "example: 2 arms x 2 seeds = 4 runs, 4 kept as they are, nothing to train"
    ]
    assert planned_lines(replace(planned, jobs=planned.jobs[:3])) == [
        "example: 2 arms x 2 seeds = 4 runs, 3 to train, 1 left for another call"
    ]
    probe = replace(planned.jobs[0], probes=(ProbeSpec("shift"),), weights=b"")
    assert planned_lines(replace(done, jobs=(probe, *planned.jobs[1:2]))) == [
        "example: 2 arms x 2 seeds = 4 runs, 3 kept as they are, 1 to train, 1 to probe"
    ]


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
def test_what_an_arm_does_not_change_is_told_before_the_runs(told, is_terminal):
    console = Console(file=io.StringIO(), width=150, force_terminal=is_terminal, no_color=True)
    with display(console) as shown:
        shown.observe(replace(told[0], warnings=("arm 'a[b]' changes nothing",)))
    assert "warning" in console.file.getvalue()
    assert "arm 'a[b]' changes nothing" in console.file.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
def test_what_a_look_decides_and_what_goes_on_is_told(told, is_terminal):
    planned = replace(told[0], jobs=told[0].jobs[:2])
    console = Console(file=io.StringIO(), width=150, force_terminal=is_terminal, no_color=True)
    began = [event for event in told if isinstance(event, Began)]
    with display(console) as shown:
        for event in (planned, *told[1:3]):
            shown.observe(event)
        shown.observe(Continued(told[0].jobs[2:], 2, ("a[b]", "c"), 10))
        shown.observe(replace(began[2], worker=1))  # a worker that the first round had no use for
        assert shown.pace.n_jobs == 4
    text = console.file.getvalue()
    assert "decided: a[b], c; 2 runs more, to 10 seeds: control, activation=relu" in text


def test_nothing_decided_is_nothing_said_of_it(told):
    line = continued_line(Continued(told[0].jobs[:1], 1, (), 6))
    assert line == "1 run more, to 6 seeds: control"


def test_looks_make_the_runs_of_a_plan_the_most_there_may_be(plan):
    made = plan(seeds={"looks": [3, 6]})
    states = {run.run_key: "spared" if run.seed == 5 else "new" for run in made.runs}
    jobs = tuple(Job(run) for run in made.runs[:6])
    (line,) = planned_lines(Planned(made, states, jobs, 1))
    assert line == (
        "example: 2 arms x 6 seeds = 12 runs at the most, 6 to train, 2 spared, "
        "up to 4 later, as looks decide"
    )
    pace = Pace()
    pace.take(Planned(made, states, jobs, 1))
    assert pace.until == " to the next look"
