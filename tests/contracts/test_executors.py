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
from ablations.jobs import Job, Outcome, Worker
from ablations.preparation import Prepared, RunOptions
from ablations.record import RunState
from ablations.study_file import parse_study
from lenet_variants import catalogue
from lenet_variants.registry import load_plugin

pytestmark = pytest.mark.contract

MAKERS: dict[str, Callable[[Worker], Executor]] = {
    "inline": InlineExecutor,
    "local of 2": lambda worker: LocalExecutor(worker, 2),
}
Work = tuple[Worker, list[Job]]


@dataclass(frozen=True)
class Told:
    """What one executor told of the common jobs, and the processes it left."""

    jobs: list[Job]
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


def _events(executor: Executor, jobs: Sequence[Job]) -> list[Event]:
    told: list[Event] = []
    executor.run(jobs, told.append)
    return told


def _work(folder: Path, raw: dict[str, Any]) -> Work:
    load_plugin(folder / "fragile.py")
    plugged = {"arms": ["fragile"], "plugins": ["fragile.py"], **raw}
    prepared = Prepared(
        parse_study(plugged),
        RunOptions(
            device="cpu",
            work_dir=folder / ".ablations",
            study_file=folder / "study.yaml",
        ),
    )
    jobs = [Job(run, ("shift",)) for run in prepared.plan.runs]
    return prepared.worker(jobs), jobs


@pytest.fixture
def work(home, tiny, fragile) -> Callable[..., Work]:
    """The worker and the jobs of a study with the plug-in `fragile` as an arm."""
    return lambda **changes: _work(home, tiny(**{"seeds": 1, **changes}))


@pytest.fixture(scope="module")
def common(tmp_path_factory, tiny, fragile_source, forget_since) -> Iterator[Work]:
    """Five jobs to train, of which a plug-in's network fails, and one to probe."""
    folder = tmp_path_factory.mktemp("executors")
    (folder / "fragile.py").write_text(fragile_source)
    before = catalogue.names()
    worker, jobs = _work(folder, tiny())
    last = next(job for job in jobs if job.run.arm == "control" and job.run.seed == 1)
    trained = worker.perform(last, lambda _: None)
    (folder / "broken").touch()
    jobs[jobs.index(last)] = Job(last.run, ("shift",), trained.files["weights.pt"])
    yield worker, jobs
    forget_since(before)


@pytest.fixture(scope="module")
def told_by(common) -> Callable[[str], Told]:
    """What an executor told of the common jobs; each does them once for all tests."""
    worker, jobs = common

    @cache
    def run(name: str) -> Told:
        events = _events(MAKERS[name](worker), jobs)
        return Told(jobs, events, multiprocessing.active_children())

    return run


@pytest.fixture(params=MAKERS)
def told(request, told_by) -> Told:
    return told_by(request.param)


def test_every_job_begins_once_in_order_and_ends_once(told):
    began = [event.job.run.run_key for event in told.events if isinstance(event, Began)]
    ended = [_job(event) for event in told.events if isinstance(event, Ended)]
    assert began == [job.run.run_key for job in told.jobs]
    assert sorted(ended) == sorted(began)


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
    return (*same, metrics, measured, dict(outcome.files))


def test_bits_are_the_same_inline_and_in_a_pool(told_by):
    one, two = told_by("inline").outcomes, told_by("local of 2").outcomes
    assert {key: _kept(one[key]) for key in one} == {key: _kept(two[key]) for key in two}
    assert len(one) == 6


@pytest.mark.parametrize("maker", [InlineExecutor, lambda worker: LocalExecutor(worker, 2)])
def test_no_jobs_are_no_events(common, maker):
    assert _events(maker(common[0]), []) == []


@pytest.mark.parametrize(
    "maker", [InlineExecutor, lambda worker: LocalExecutor(worker, 1)], ids=["inline", "local of 1"]
)
def test_an_exception_out_of_observe_travels_on_and_leaves_no_worker(common, maker):
    def refuse(event: Event) -> None:
        if isinstance(event, EpochEnded):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maker(common[0]).run(common[1], refuse)
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
        executor.run(common[1], lambda _: None)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_bits_are_the_same_with_any_number_of_workers(work):
    worker, jobs = work(seeds=2)
    makers = [InlineExecutor, lambda w: LocalExecutor(w, 1), lambda w: LocalExecutor(w, 3)]
    found = []
    for make in makers:
        ended = [event for event in _events(make(worker), jobs) if isinstance(event, Ended)]
        found.append({_job(event): _kept(event.outcome) for event in ended})
    assert len(found[0]) == 6
    assert found[0] == found[1] == found[2]


def test_a_killed_worker_costs_its_own_job_and_is_replaced(work):
    worker, jobs = work()
    killed: list[int] = []
    told: list[Event] = []

    def observe(event: Event) -> None:
        told.append(event)
        if isinstance(event, EpochEnded) and not killed:
            (process,) = multiprocessing.active_children()
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)

    LocalExecutor(worker, 1).run(jobs, observe)
    ended = [event.outcome.record for event in told if isinstance(event, Ended)]
    assert Counter(record.state for record in ended) == {RunState.KILLED: 1, RunState.FINISHED: 2}
    assert ended[0].message == "worker 0 ended by signal 9 while it trained this run"
    assert Counter(_job(event) for event in told if isinstance(event, Began)) == {
        job.run.run_key: 1 for job in jobs
    }
    assert not Path(f"/proc/{killed[0]}").exists()


def test_a_run_whose_worker_was_killed_goes_on_from_its_checkpoint(work):
    worker, jobs = work(recipe={"epochs": 8, "batch_size": 32})
    worker = replace(worker, checkpoints=replace(worker.checkpoints, seconds=0))
    killed: list[int] = []

    def observe(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch.number == 3 and not killed:
            (process,) = multiprocessing.active_children()
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)

    LocalExecutor(worker, 1).run(jobs[:1], observe)
    again = [e for e in _events(LocalExecutor(worker, 1), jobs[:1]) if isinstance(e, Ended)]
    resumed = again[0].outcome
    whole = replace(worker, checkpoints=None).perform(jobs[0], lambda _: None)
    assert resumed.record.resumed_epoch >= 3
    assert _kept(resumed) == _kept(whole)


def test_a_worker_that_cannot_start_fails_its_jobs_and_ends(work, fragile):
    worker, jobs = work()
    fragile.write_text("raise SystemExit(3)\n")
    told = _events(LocalExecutor(worker, 2), jobs[:2])
    ended = [event.outcome.record for event in told if isinstance(event, Ended)]
    assert [record.state for record in ended] == [RunState.KILLED] * 2
    assert all("ended with exit code 3" in record.message for record in ended)


@pytest.mark.slow
def test_any_workers_may_be_killed_at_any_time(work):
    worker, jobs = work(seeds=8, recipe={"epochs": 40, "batch_size": 32})
    told: list[Event] = []
    n_epochs = 0

    def observe(event: Event) -> None:
        nonlocal n_epochs
        told.append(event)
        n_epochs += isinstance(event, EpochEnded)
        if n_epochs and n_epochs % 150 == 0 and isinstance(event, EpochEnded):
            for process in multiprocessing.active_children():
                os.kill(process.pid, signal.SIGKILL)

    LocalExecutor(worker, 3).run(jobs, observe)
    ended = Counter(_job(event) for event in told if isinstance(event, Ended))
    assert ended == {job.run.run_key: 1 for job in jobs}
    states = Counter(e.outcome.record.state for e in told if isinstance(e, Ended))
    assert states[RunState.KILLED] >= 3
    assert states[RunState.KILLED] + states[RunState.FINISHED] == len(jobs)
    assert multiprocessing.active_children() == []


def test_the_data_travels_to_workers_as_shared_memory(work):
    worker, _ = work()
    (prepared,) = worker.datasets.values()
    assert prepared.train_images.is_shared()
    assert prepared.test_labels.is_shared()
