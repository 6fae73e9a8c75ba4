"""Rounds: what every executor promises where what is done next depends on what has ended."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence

import pytest

from ablations.executors.base import Began, Ended, Event, Executor
from ablations.executors.inline import InlineExecutor
from ablations.executors.local import LocalExecutor
from ablations.jobs import Stack, Worker
from ablations.outcomes import Job
from ablations.preparation import Prepared, RunOptions
from ablations.record import RunState
from ablations.study_file import parse_study

pytestmark = pytest.mark.contract

Work = tuple[Worker, list[Stack]]


@pytest.fixture(
    params=[InlineExecutor, lambda worker: LocalExecutor(worker, 2)], ids=["inline", "local of 2"]
)
def maker(request) -> Callable[[Worker], Executor]:
    return request.param


@pytest.fixture
def work(home, tiny) -> Work:
    """Two arms by two seeds, each run alone."""
    prepared = Prepared(parse_study(tiny()), RunOptions(device="cpu"))
    jobs = [Job(run) for run in prepared.plan.runs]
    return prepared.worker(jobs), [Stack((job,)) for job in jobs]


def _workers() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}


def test_a_round_is_asked_for_when_all_of_the_last_was_told(work, maker):
    worker, stacks = work
    told: list[Event] = []
    ended_before: list[int] = []

    def rounds() -> Iterator[Sequence[Stack]]:
        for part in (stacks[:1], [], stacks[1:]):
            ended_before.append(sum(isinstance(event, Ended) for event in told))
            yield part
        ended_before.append(sum(isinstance(event, Ended) for event in told))

    maker(worker).run(rounds(), told.append)
    assert ended_before == [0, 1, 1, 4]
    assert [event.outcome.record.state for event in told if isinstance(event, Ended)] == [
        RunState.FINISHED
    ] * 4


def test_a_run_of_an_earlier_round_begins_and_ends_anew(work, maker):
    worker, stacks = work
    told: list[Event] = []
    maker(worker).run([stacks[:1], stacks[:1]], told.append)
    assert sum(isinstance(event, Began) for event in told) == 2
    assert sum(isinstance(event, Ended) for event in told) == 2


def test_workers_stay_from_one_round_to_the_next_and_more_come_where_there_is_more(work):
    worker, stacks = work
    seen = []

    def rounds() -> Iterator[Sequence[Stack]]:
        for part in (stacks[:1], stacks[1:2], stacks[2:]):
            yield part
            seen.append(_workers())

    LocalExecutor(worker, 2).run(rounds(), lambda _: None)
    assert len(seen[0]) == 1
    assert seen[1] == seen[0] < seen[2]
    assert len(seen[2]) == 2
    assert _workers() == set()


def test_a_worker_that_died_between_rounds_is_replaced(work):
    worker, stacks = work
    told: list[Event] = []

    def rounds() -> Iterator[Sequence[Stack]]:
        yield stacks[:1]
        (lone,) = multiprocessing.active_children()
        os.kill(lone.pid or 0, 9)
        lone.join()
        yield stacks[1:2]

    LocalExecutor(worker, 1).run(rounds(), told.append)
    states = [event.outcome.record.state for event in told if isinstance(event, Ended)]
    assert states == [RunState.FINISHED, RunState.FINISHED]


def test_an_error_of_who_plans_the_rounds_travels_on_and_leaves_no_worker(work, maker):
    worker, stacks = work

    def rounds() -> Iterator[Sequence[Stack]]:
        yield stacks[:1]
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        maker(worker).run(rounds(), lambda _: None)
    assert _workers() == set()
