"""What the pool promises beyond the contract of every executor: logs, and what workers load."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from ablations.executors.base import Began, Ended, EpochEnded, Event
from ablations.executors.crew import Crew
from ablations.executors.inline import InlineExecutor
from ablations.executors.local import LocalExecutor
from ablations.jobs import Stack, Worker
from ablations.outcomes import Outcome
from ablations.record import RunState

WORK_DIR = Path(".ablations")
LOG = WORK_DIR / "logs" / "worker-0.log"

STORES_TABLES_AND_DRAWING = {
    *("mlflow", "sqlalchemy", "pandas", "seaborn", "matplotlib", "scipy", "sklearn", "statsmodels"),
    *("optuna", "rich", "torchvision"),
}


def outcomes(
    worker: Worker, stacks: Sequence[Stack], n_workers: int = 1, crew: Crew | None = None
) -> list[Outcome]:
    told: list[Event] = []
    executor = LocalExecutor(worker, n_workers, crew=crew, work_dir=WORK_DIR)
    executor.run([stacks], told.append)
    assert multiprocessing.active_children() == []
    return [event.outcome for event in told if isinstance(event, Ended)]


def test_a_worker_loads_torch_and_nothing_of_the_driver(work):
    worker, stacks = work(
        "import json, sys\n(folder / 'loaded.json').write_text(json.dumps(sorted(sys.modules)))"
    )
    (outcome,) = outcomes(worker, stacks[:1])
    assert outcome.record.state is RunState.FINISHED
    loaded = set(json.loads(Path("loaded.json").read_text()))
    assert "torch" in loaded
    assert not loaded & STORES_TABLES_AND_DRAWING
    assert "torch._dynamo.config" not in loaded
    ours = {name for name in loaded if name.startswith(("reports", "ablations.tracking"))}
    assert ours == set()


def test_a_worker_has_one_thread_and_maps_the_data_of_the_driver(work):
    worker, stacks = work(
        "import torch\n"
        "(folder / 'threads').write_text(str(torch.get_num_threads()))\n"
        "(folder / 'maps').write_text(open('/proc/self/maps').read())\n"
    )
    outcomes(worker, stacks[:1])
    assert Path("threads").read_text() == "1"
    maps = Path("maps").read_text()
    assert f"/torch_{os.getpid()}_" in maps  # named by the process that made it


def test_what_a_network_prints_goes_to_the_log_and_not_to_the_terminal(work, capfd):
    worker, stacks = work("import os, sys\nprint('hello from a step')\nos.write(2, b'and C\\n')")
    outcomes(worker, stacks)
    assert capfd.readouterr() == ("", "")
    lines = LOG.read_text().splitlines()
    assert lines.count("hello from a step") == 2 * 2 * 4  # runs, epochs, batches
    assert lines.count("and C") == 2 * 2 * 4
    said = [line.partition(" ")[2] for line in lines if " s0" in line or " s1" in line]
    assert said == [
        "control s0 begins",
        "control s0: epoch 1 of 2 ended",
        "control s0: epoch 2 of 2 ended",
        "control s1 begins",
        "control s1: epoch 1 of 2 ended",
        "control s1: epoch 2 of 2 ended",
    ]


def test_logs_are_those_of_the_last_call(work):
    worker, stacks = work("print('once')")
    outcomes(worker, stacks, n_workers=2)
    assert (LOG.parent / "worker-1.log").exists()
    outcomes(worker, stacks[:1], n_workers=2)
    assert [path.name for path in LOG.parent.iterdir()] == ["worker-0.log"]
    assert LOG.read_text().count("begins") == 1


def test_a_log_that_cannot_be_written_costs_no_run(work, capfd):
    worker, stacks = work("print('heard all the same')")
    WORK_DIR.mkdir()
    LOG.parent.touch()
    (outcome,) = outcomes(worker, stacks[:1])
    assert outcome.record.state is RunState.FINISHED
    assert "heard all the same" in capfd.readouterr().out


KILL = """
import os, signal
tries = folder / "tries"
with tries.open("a") as file:
    file.write("x")
print("last words of try", len(tries.read_text()))
if not (folder / "spared").exists():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_kills_two_workers_is_killed_with_its_log(work):
    worker, stacks = work(KILL)
    (outcome,) = outcomes(worker, stacks[:1])
    record = outcome.record
    assert record.state is RunState.KILLED
    assert record.message == (
        f"worker 0 ended by signal 9 while it trained this run, twice; its log: {LOG}"
    )
    said = [line for line in record.traceback.splitlines() if not line.endswith("begins")]
    assert said == ["last words of try 1", "last words of try 2"]
    assert record.traceback.count("control s0 begins") == 2


def test_only_what_was_said_since_the_stack_began_goes_with_it(work):
    doomed = KILL.replace("print(", "step = len(tries.read_text())\nprint(")
    doomed = doomed.replace("if not", "if step > 8 and not")  # the first run has eight steps
    worker, stacks = work(doomed)
    first, second = outcomes(worker, stacks)
    assert first.record.state is RunState.FINISHED
    assert second.record.state is RunState.KILLED
    assert "control s1 begins" in second.record.traceback
    assert "control s0" not in second.record.traceback


def test_a_run_that_kills_one_worker_is_trained_again(work):
    worker, stacks = work(KILL.replace("os.kill", "(folder / 'spared').touch(); os.kill"))
    (outcome,) = outcomes(worker, stacks[:1])
    assert outcome.record.state is RunState.FINISHED
    assert LOG.read_text().count("control s0 begins") == 2


def test_a_segmentation_fault_leaves_its_traceback(work):
    worker, stacks = work("import faulthandler\nfaulthandler._sigsegv()")
    (outcome,) = outcomes(worker, stacks[:1])
    assert outcome.record.state is RunState.KILLED
    assert "by signal 11" in outcome.record.message
    assert "Fatal Python error: Segmentation fault" in outcome.record.traceback
    assert "in forward" in outcome.record.traceback


def test_processes_that_were_started_before_are_taken_and_the_rest_stopped(work):
    worker, stacks = work("import os\n(folder / str(os.getpid())).touch()")
    with Crew() as crew:
        crew.start(2)
        early = {process.pid for process in multiprocessing.active_children()}
        (outcome,) = outcomes(worker, stacks[:1], crew=crew)
    assert outcome.record.state is RunState.FINISHED
    (pid,) = [int(path.name) for path in Path().iterdir() if path.name.isdecimal()]
    assert pid in early


def test_all_workers_are_at_work_before_the_first_is_told(work, monkeypatch):
    worker, stacks = work()
    executor = LocalExecutor(worker, 2)
    order: list[str] = []
    give = executor._next

    def giving(seat, waiting):
        give(seat, waiting)
        order.append("given" if seat.stack else "idle")

    monkeypatch.setattr(executor, "_next", giving)
    executor.run([stacks], lambda event: order.append(type(event).__name__))
    assert order[:4] == ["given", "given", "Began", "Began"]
    assert order.count(EpochEnded.__name__) == 4
    assert order.count(Began.__name__) == 2


def test_a_process_that_dies_before_its_first_stack_costs_no_run(work):
    worker, stacks = work()
    with Crew() as crew:
        crew.start(1)
        for process in multiprocessing.active_children():
            process.kill()
        (outcome,) = outcomes(worker, stacks[:1], crew=crew)
    assert outcome.record.state is RunState.FINISHED


def test_a_stack_at_which_two_workers_were_killed_is_halved(work):
    worker, stacks = work("pass")
    stack = Stack(tuple(job for one in stacks for job in one.jobs), 2)
    told: list[Event] = []
    killed: list[int] = []

    def observe(event: Event) -> None:
        told.append(event)
        if isinstance(event, EpochEnded) and len(killed) < 2:
            (process,) = multiprocessing.active_children()
            if process.pid not in killed:
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)

    LocalExecutor(worker, 1, work_dir=WORK_DIR).run([[stack]], observe)
    records = [event.outcome.record for event in told if isinstance(event, Ended)]
    assert [record.state for record in records] == [RunState.FINISHED] * 2
    assert {(record.stack_size, record.alone_because) for record in records} == {
        (1, "two workers were killed at it in a stack of 2")
    }
    began = [event.job.run.run_key for event in told if isinstance(event, Began)]
    assert began == [job.run.run_key for job in stack.jobs]  # once each


@pytest.mark.parametrize("is_pool", [False, True], ids=["inline", "local"])
def test_an_interrupt_while_the_runs_of_a_stack_are_told_waits_for_the_last(work, is_pool):
    worker, stacks = work(seeds=3)
    stack = Stack(tuple(stack.jobs[0] for stack in stacks), 3)
    ended: list[Outcome] = []

    def press(event: Event) -> None:
        if isinstance(event, Ended):
            ended.append(event.outcome)
            if len(ended) == 1:
                signal.raise_signal(signal.SIGINT)

    executor = LocalExecutor(worker, 1) if is_pool else InlineExecutor(worker)
    with pytest.raises(KeyboardInterrupt):
        executor.run([[stack]], press)
    assert [(one.job, one.record.state.value) for one in ended] == [
        (job, "FINISHED") for job in stack.jobs
    ]
    assert multiprocessing.active_children() == []


STUMBLE = """
import os, signal
steps = folder / "steps"
with steps.open("a") as file:
    file.write("x")
step = len(steps.read_text())
if step == 1:
    raise RuntimeError("not together")
if step == 1 + 8 + 1:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_trained_of_a_stack_is_not_trained_again_when_its_worker_is_killed(work):
    worker, stacks = work(STUMBLE)
    stack = Stack(tuple(stack.jobs[0] for stack in stacks), 2)
    first, second = outcomes(worker, [stack])
    assert [one.record.seed for one in (first, second)] == [0, 1]
    assert [one.record.state for one in (first, second)] == [RunState.FINISHED] * 2
    assert first.record.alone_because == "its stack of 2 failed: RuntimeError: not together"
    assert LOG.read_text().count("control s0 begins") == 1
    assert LOG.read_text().count("control s1 begins") == 2
