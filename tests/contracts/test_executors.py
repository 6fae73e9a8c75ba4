"""What every executor promises, held against each of them with real jobs and real processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ablations.executors.base import Began, Ended, EpochEnded, Event, Executor
from ablations.executors.inline import InlineExecutor
from ablations.executors.local import LocalExecutor
from ablations.grouping import grouped
from ablations.jobs import Stack, Worker
from ablations.outcomes import Job, Outcome
from ablations.preparation import Prepared, RunOptions
from ablations.probe_cards import ProbeSpec
from ablations.record import RunState
from ablations.study_file import parse_study
from lenet_variants import catalogue
from lenet_variants.registry import load_plugin

pytestmark = pytest.mark.contract

MAKERS: dict[str, Callable[[Worker], Executor]] = {
    "inline": InlineExecutor,
    "local of 2": lambda worker: LocalExecutor(worker, 2),
}
MOST = {"alone": 1, "in stacks of 2": 2}
"""Runs in a stack."""

Work = tuple[Worker, list[Job]]


@dataclass(frozen=True)
class Told:
    """What one executor told of the common stacks, and the processes it left."""

    stacks: list[Stack]
    jobs: list[Job]  # in order of starting
    events: list[Event]
    left: list[Any]

    def of(self, job: Job) -> list[Event]:
        return [event for event in self.events if _job(event) == job.run.run_key]

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """By arm and seed."""
        ended = [event.outcome for event in self.events if isinstance(event, Ended)]
        return {f"{one.job.run.arm} s{one.job.run.seed}": one for one in ended}


def _job(event: Event) -> str:
    return (event.outcome.job if isinstance(event, Ended) else event.job).run.run_key


def _stacks(jobs: Sequence[Job], most: int) -> list[Stack]:
    return grouped(jobs, [job.run for job in jobs], most=most, memory_bytes=2**34)


def _events(executor: Executor, stacks: Sequence[Stack]) -> list[Event]:
    told: list[Event] = []
    executor.run([stacks], told.append)
    return told


def _ended(events: Sequence[Event]) -> list[Outcome]:
    return [event.outcome for event in events if isinstance(event, Ended)]


def _keys(*stacks: Stack) -> set[str]:
    return {job.run.run_key for stack in stacks for job in stack.jobs}


def _assert_each_once(events: Sequence[Event], keys: set[str]) -> None:
    for kind in (Began, Ended):
        found = Counter(_job(event) for event in events if isinstance(event, kind))
        assert found == dict.fromkeys(keys, 1)


def _kill_workers(killed: list[int]) -> None:
    """Kill those that were not killed before."""
    for process in multiprocessing.active_children():
        if process.pid not in killed:
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)


def _work(folder: Path, raw: dict[str, Any]) -> Work:
    load_plugin(folder / "fragile.py")
    plugged = {"arms": ["fragile"], "plugins": ["fragile.py"], **raw}
    where = {"work_dir": folder / ".ablations", "study_file": folder / "study.yaml"}
    prepared = Prepared(parse_study(plugged), RunOptions(device="cpu", **where))
    jobs = [Job(run, (ProbeSpec("shift"),)) for run in prepared.plan.runs]
    return prepared.worker(jobs), jobs


@pytest.fixture
def work(home, tiny, fragile, forget_since) -> Iterator[Callable[..., Work]]:
    """The worker and the jobs of a study with the plug-in `fragile` as an arm.

    That of the common jobs, which is broken, is not to be met in this process.
    """
    others = tuple(name for name in catalogue.names() if name != "fragile")
    forget_since(others)
    yield lambda **changes: _work(home, tiny(**{"seeds": 1, **changes}))
    forget_since(others)


@pytest.fixture(scope="module")
def common(
    tmp_path_factory, tiny, fragile_source, forget_since
) -> Iterator[tuple[Worker, dict[int, list[Stack]]]]:
    """By size of stack: five jobs to train, of which a plug-in's fails, and one to probe."""
    folder = tmp_path_factory.mktemp("executors")
    (folder / "fragile.py").write_text(fragile_source)
    before = catalogue.names()
    worker, jobs = _work(folder, tiny())
    last = next(job for job in jobs if job.run.arm == "control" and job.run.seed == 1)
    ((trained,),) = worker.perform(Stack((last,)), lambda *_: None)
    jobs[jobs.index(last)] = Job(last.run, (ProbeSpec("shift"),), trained.files["weights.pt"])
    stacks = {most: _stacks(jobs, most) for most in MOST.values()}
    (folder / "broken").touch()
    yield worker, stacks
    forget_since(before)


@pytest.fixture(scope="module")
def told_by(common) -> Callable[[str, int], Told]:
    """What an executor told of the common jobs; each does them once for all tests."""
    worker, stacks = common

    @cache
    def run(maker: str, most: int) -> Told:
        events = _events(MAKERS[maker](worker), stacks[most])
        jobs = [job for stack in stacks[most] for job in stack.jobs]
        return Told(stacks[most], jobs, events, multiprocessing.active_children())

    return run


@pytest.fixture(params=MOST.values(), ids=MOST)
def most(request) -> int:
    return request.param


@pytest.fixture(params=MAKERS)
def told(request, told_by, most) -> Told:
    return told_by(request.param, most)


def test_the_common_jobs_are_in_stacks(common):
    _, stacks = common
    assert [len(stack.jobs) for stack in stacks[1]] == [1] * 6
    assert sorted((len(stack.jobs), stack.size) for stack in stacks[2]) == [
        *((1, 1), (1, 2), (2, 2), (2, 2))  # to probe, and the other run of its arm
    ]


def test_every_job_begins_once_in_order_and_ends_once(told):
    began = [event.job.run.run_key for event in told.events if isinstance(event, Began)]
    ended = [_job(event) for event in told.events if isinstance(event, Ended)]
    assert began == [job.run.run_key for job in told.jobs]
    assert sorted(ended) == sorted(began)


def test_the_jobs_of_a_stack_begin_together_and_end_so_unless_it_fails(told):
    for stack in told.stacks:
        keys = _keys(stack)
        own = [(number, event) for number, event in enumerate(told.events) if _job(event) in keys]
        began = [(number, event) for number, event in own if isinstance(event, Began)]
        ended = [number for number, event in own if isinstance(event, Ended)]
        assert {event.n_beside for _, event in began} == {len(keys) - 1}
        is_whole = all(job.run.arm != "fragile" for job in stack.jobs)
        for numbers in ([number for number, _ in began], *([ended] if is_whole else [])):
            assert numbers == list(range(numbers[0], numbers[0] + len(keys)))


def test_a_record_says_in_which_stack_its_run_was_trained(told, most):
    records = [outcome.record for outcome in told.outcomes.values() if outcome.record]
    assert {(one.stack_size, one.alone_because) for one in records if one.metrics} == {(most, "")}


def test_every_epoch_is_told_between_a_jobs_beginning_and_its_end(told):
    trained = [job for job in told.jobs if job.weights is None and job.run.arm != "fragile"]
    assert len(trained) == 3
    for job in trained:
        own = told.of(job)
        assert [type(event) for event in own] == [Began, EpochEnded, EpochEnded, Ended]
        assert [event.epoch.number for event in own[1:3]] == [1, 2]
        assert len({event.worker for event in own}) == 1


def test_a_network_that_fails_stops_no_other(told):
    states = {name: outcome.record for name, outcome in told.outcomes.items() if outcome.record}
    assert {name: record.state.value for name, record in states.items()} == {
        "control s0": "FINISHED",
        "activation=relu s0": "FINISHED",
        "activation=relu s1": "FINISHED",
        "fragile s0": "FAILED",
        "fragile s1": "FAILED",
    }
    assert states["fragile s0"].message == "RuntimeError: this network is broken"
    assert "in forward" in states["fragile s0"].traceback


def test_a_probe_of_stored_weights_trains_nothing(told):
    probe = next(job for job in told.jobs if job.weights is not None)
    assert [type(event) for event in told.of(probe)] == [Began, Ended]
    outcome = told.outcomes["control s1"]
    assert outcome.record is None
    assert [item.probe for item in outcome.measurements] == ["shift"]


def test_no_worker_is_left(told):
    assert told.left == []


def _kept(outcome: Outcome) -> tuple[Any, ...]:
    """Everything of an outcome that must not depend on where it was made."""
    record = outcome.record
    measured = [(item.probe_key, item.metrics) for item in outcome.measurements]
    if record is None:
        return (measured,)
    metrics = {name: v for name, v in record.metrics.items() if not name.startswith("cost/")}
    same = (record.run_key, record.env_key, record.state, record.curves, record.message)
    same += (record.stack_size, record.alone_because)
    return (*same, metrics, measured, dict(outcome.files))


def test_bits_are_the_same_inline_and_in_a_pool(told_by, most):
    one, two = told_by("inline", most).outcomes, told_by("local of 2", most).outcomes
    assert {key: _kept(one[key]) for key in one} == {key: _kept(two[key]) for key in two}
    assert len(one) == 6


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_no_stacks_are_no_events(common, maker):
    assert _events(maker(common[0]), []) == []


@pytest.mark.parametrize(
    "maker", [InlineExecutor, lambda worker: LocalExecutor(worker, 1)], ids=["inline", "local of 1"]
)
@pytest.mark.parametrize("error", [KeyboardInterrupt, LookupError])
def test_an_exception_out_of_observe_travels_on_and_leaves_no_worker(common, maker, most, error):
    def refuse(event: Event) -> None:
        if isinstance(event, EpochEnded):
            raise error

    with pytest.raises(error):
        maker(common[0]).run([common[1][most]], refuse)
    assert multiprocessing.active_children() == []


def test_an_interrupt_while_workers_start_leaves_none(common, monkeypatch):
    executor = LocalExecutor(common[0], 2)
    start = executor._seat

    def interrupted(number: int) -> Any:
        if number == 1:
            raise KeyboardInterrupt
        return start(number)

    monkeypatch.setattr(executor, "_seat", interrupted)
    with pytest.raises(KeyboardInterrupt):
        executor.run([common[1][1]], lambda _: None)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_bits_are_the_same_with_any_number_of_workers(work, most):
    worker, jobs = work(seeds=2)
    stacks, found = _stacks(jobs, most), []
    for executor in (InlineExecutor(worker), LocalExecutor(worker, 1), LocalExecutor(worker, 3)):
        ended = _ended(_events(executor, stacks))
        found.append({outcome.job.run.run_key: _kept(outcome) for outcome in ended})
    assert len(found[0]) == 6
    assert found[0] == found[1] == found[2]


LONG = {"seeds": 2, "recipe": {"epochs": 40, "batch_size": 32}}
"""Runs that are not over by the time a worker is killed at their first epoch."""


def test_a_worker_killed_once_a_stack_costs_nothing_but_time(work, most):
    worker, jobs = work(**LONG)
    stacks = _stacks(jobs, most)[:2]
    met: set[str] = set()
    killed, told = list[int](), list[Event]()

    def observe(event: Event) -> None:
        told.append(event)
        if isinstance(event, EpochEnded) and _job(event) not in met:
            met.update(next(_keys(stack) for stack in stacks if event.job in stack.jobs))
            _kill_workers(killed)

    LocalExecutor(worker, 1).run([stacks], observe)
    assert len(killed) == len(stacks)
    _assert_each_once(told, _keys(*stacks))
    whole = _ended(_events(InlineExecutor(worker), stacks))
    assert {outcome.record.state for outcome in whole} == {RunState.FINISHED}
    assert list(map(_kept, _ended(told))) == list(map(_kept, whole))
    assert not any(Path(f"/proc/{pid}").exists() for pid in killed)


def test_runs_whose_workers_are_killed_again_and_again_are_lost_and_no_other(work, most):
    worker, jobs = work(**LONG)
    first, *others = _stacks(jobs, most)[:2]
    killed, told = list[int](), list[Event]()

    def observe(event: Event) -> None:
        told.append(event)
        if isinstance(event, EpochEnded) and event.job in first.jobs:
            _kill_workers(killed)

    LocalExecutor(worker, 1).run([[first, *others]], observe)
    # Twice at the stack; then, of several runs, twice at each alone.
    assert len(killed) == (2 if most == 1 else 2 + 2 * most)
    records = {outcome.job.run.run_key: outcome.record for outcome in _ended(told)}
    lost = {key for key, record in records.items() if record.state is RunState.KILLED}
    assert lost == _keys(first)
    assert {records[key].message for key in lost} == {
        "worker 0 ended by signal 9 while it trained this run, twice"
    }
    finished = {key for key, record in records.items() if record.state is RunState.FINISHED}
    assert finished == _keys(*others) != set()
    _assert_each_once(told, lost | finished)


def test_a_stack_whose_worker_was_killed_goes_on_from_its_checkpoints(work, most):
    worker, jobs = work(**LONG)
    worker = replace(worker, checkpoints=replace(worker.checkpoints, seconds=0))
    stack = _stacks(jobs, most)[0]
    killed, told = list[int](), list[Event]()

    def observe(event: Event) -> None:
        told.append(event)
        if isinstance(event, EpochEnded) and event.epoch.number == 3 and not killed:
            _kill_workers(killed)

    LocalExecutor(worker, 1).run([[stack]], observe)
    (whole,) = replace(worker, checkpoints=None).perform(stack, lambda *_: None)
    assert len(killed) == 1
    assert all(outcome.record.resumed_epoch >= 3 for outcome in _ended(told))
    assert list(map(_kept, _ended(told))) == list(map(_kept, whole))


def test_a_worker_that_cannot_start_fails_its_jobs_and_ends(work, fragile, most):
    worker, jobs = work(seeds=2)
    stacks = _stacks(jobs, most)[:2]
    fragile.write_text("raise SystemExit(3)\n")
    records = [outcome.record for outcome in _ended(_events(LocalExecutor(worker, 2), stacks))]
    assert [record.state for record in records] == [RunState.KILLED] * 2 * most
    assert all("ended with exit code 3" in record.message for record in records)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_any_workers_may_be_killed_at_any_time(work, most):
    worker, jobs = work(seeds=8, recipe={"epochs": 40, "batch_size": 32})
    stacks = _stacks(jobs, most)
    killed, told = list[int](), list[Event]()
    n_epochs = 0

    def observe(event: Event) -> None:
        nonlocal n_epochs
        told.append(event)
        n_epochs += isinstance(event, EpochEnded)
        if n_epochs and n_epochs % 50 == 0 and isinstance(event, EpochEnded):
            _kill_workers(killed)

    LocalExecutor(worker, 3).run([stacks], observe)
    _assert_each_once(told, _keys(*stacks))
    whole = {
        one.job.run.run_key: _kept(one) for one in _ended(_events(InlineExecutor(worker), stacks))
    }
    lost = [one for one in _ended(told) if one.record.state is RunState.KILLED]
    assert len(killed) >= 6
    assert len(lost) <= most * len(killed) // 2  # each stack needs two
    for outcome in _ended(told):
        if outcome not in lost:
            assert _kept(outcome) == whole[outcome.job.run.run_key]
    assert multiprocessing.active_children() == []


def test_the_data_travels_to_workers_as_shared_memory(work):
    worker, _ = work()
    (prepared,) = worker.datasets.values()
    assert all(tensor.is_shared() for tensor in (prepared.train_images, prepared.test_labels))
