"""Workers: every way a run can end becomes a record, and costs no other run."""

from __future__ import annotations

import gc
import io
import weakref
from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from ablations import training
from ablations.jobs import Stack, Worker, data_key
from ablations.outcomes import Job
from ablations.probe_cards import ProbeSpec
from ablations.programs import initial_model
from ablations.record import RunRecord, RunState
from lenet_variants import register_variant

CPU = torch.device("cpu")
RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


def performed(worker, stack, on_epoch=lambda *_: None):
    return [outcome for ended in worker.perform(stack, on_epoch) for outcome in ended]


def test_every_epoch_is_told_as_it_ends(run, perform):
    told = []
    job = Job(run(recipe={"epochs": 3}))
    perform(job, lambda job, epoch: told.append((job, epoch.number)))
    assert told == [(job, 1), (job, 2), (job, 3)]


class Failing(nn.Module):
    """Works on a few images, and fails as it is told on a batch of training."""

    def __init__(self, failure):
        super().__init__()
        self.failure, self.fc = failure, nn.Linear(64, 10)

    def forward(self, images):
        if len(images) > 8:
            self.failure()
        return self.fc(images.flatten(1))


def raise_error():
    raise RuntimeError("the forward is wrong")


def raise_memory_error():
    raise MemoryError


def raise_out_of_memory():
    raise torch.OutOfMemoryError("CUDA out of memory")


def ask_for_a_petabyte():
    torch.empty(10**15, dtype=torch.uint8)


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture
def fail(forget_plugins, plan, perform):
    """Trains a network that fails in a given way."""

    def outcome(failure):
        @register_variant("failing", source="made")
        def build(input_shape, n_classes):
            return Failing(failure)

        made = plan(design="arms", factors={}, seeds=[0], control="failing")
        return perform(Job(made.runs[0]))

    return outcome


def test_exception_becomes_a_failed_record_with_its_traceback(fail):
    outcome = fail(raise_error)
    record = outcome.record
    assert record.state is RunState.FAILED
    assert record.message == outcome.message == "RuntimeError: the forward is wrong"
    assert "raise_error" in record.traceback
    assert "Traceback (most recent call last)" in record.traceback
    assert record.metrics == {}
    assert outcome.files == {}
    assert RunRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize("failure", [raise_memory_error, raise_out_of_memory, ask_for_a_petabyte])
def test_every_way_to_run_out_of_memory_is_told_as_such(fail, failure):
    record = fail(failure).record
    assert record.state is RunState.OOM
    assert failure.__name__ in record.traceback


def test_interrupt_is_not_swallowed(fail):
    with pytest.raises(KeyboardInterrupt):
        fail(interrupt)


def test_builder_that_raises_becomes_a_failed_record(forget_plugins, plan, perform):
    is_planned = False

    @register_variant("failing", source="made")
    def build(input_shape, n_classes):
        if is_planned:
            raise RuntimeError("the builder is wrong")
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    one = plan(design="arms", factors={}, seeds=[0], control="failing").runs[0]
    is_planned = True
    record = perform(Job(one)).record
    assert record.state is RunState.FAILED
    assert "RuntimeError: the builder is wrong" in record.message
    assert "build" in record.traceback


def test_data_that_was_not_prepared_becomes_a_failed_record(run):
    (outcome,) = performed(Worker({}, "cpu"), Stack((Job(run()),)))
    record = outcome.record
    assert record.state is RunState.FAILED
    assert record.message.startswith("KeyError: ")


def test_weights_that_do_not_fit_fail_the_probe_and_make_no_record(run, perform):
    weights = perform(Job(run())).files["weights.pt"]
    job = Job(run(control="mlp"), (ProbeSpec("shift"),), weights)
    outcome = perform(job)
    assert outcome.record is None
    assert outcome.measurements == ()
    assert outcome.message.startswith("RuntimeError: Error(s) in loading state_dict")


class Evil:
    """What a hostile weights file would run."""

    def __reduce__(self):
        return (print, ("code ran",))


def test_weights_that_hold_code_are_refused(run, perform, capsys):
    buffer = io.BytesIO()
    torch.save({"evil": Evil()}, buffer)
    outcome = perform(Job(run(), (ProbeSpec("shift"),), buffer.getvalue()))
    assert outcome.message.startswith("UnpicklingError: ")
    assert "code ran" not in capsys.readouterr().out


def test_failed_gives_the_state_and_message_it_is_told(run):
    outcome = Worker({}, "cpu").failed(Job(run()), RunState.KILLED, 5, message="signal 9")
    record = outcome.record
    assert (record.state, record.message, record.started_ms) == (RunState.KILLED, "signal 9", 5)
    assert record.traceback == ""


def test_data_key_leaves_out_what_is_made_for_each_run(run):
    def key(**values):
        return data_key(run(dataset={"name": "digits", **values}).dataset)

    assert key() == key(validation=50) == key(normalise="standard")
    others = [{"subset": 100}, {"permutation": "fixed"}, {"label_noise": 0.1}]
    others.append({"image_size": [9, 9]})
    assert len({key(), *(key(**other) for other in others)}) == 5


PLUGIN = """
from torch import nn
from lenet_variants import register_variant

@register_variant("tiny", source="own")
def tiny(input_shape, n_classes, *, width: int = 4):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(width), nn.ReLU(), nn.LazyLinear(n_classes))
"""


def test_worker_loads_the_users_networks_before_its_first_job(
    forget_plugins, tmp_path, plan, perform
):
    path = tmp_path / "nets.py"
    path.write_text(PLUGIN)
    Worker({}, "cpu", (str(path),)).prepared()
    made = plan(design="arms", factors={}, seeds=[0], control="tiny")
    assert perform(Job(made.runs[0])).record.state is RunState.FINISHED


def make_stack(run, n, size=None, probes=()):
    """A stack of `n` runs that differ in their seed."""
    recipe = {"epochs": 2, "batch_size": 50}
    return Stack(tuple(Job(run(seed, recipe=recipe), probes) for seed in range(n)), size or n)


def test_halves_are_stacks_of_half_the_size_with_the_same_jobs(run):
    four = make_stack(run, 4)
    assert four.halves("full") == [Stack(four.jobs[:2], 2), Stack(four.jobs[2:], 2)]
    assert make_stack(run, 2).halves("full") == [
        Stack((four.jobs[0],), 1, "full"),
        Stack((four.jobs[1],), 1, "full"),
    ]


def test_halves_of_an_odd_stack_have_one_size(run):
    five = make_stack(run, 5)
    assert [(len(part.jobs), part.size) for part in five.halves("full")] == [(3, 3), (2, 3)]
    assert sum((part.jobs for part in five.halves("full")), ()) == five.jobs


def test_a_stack_that_is_not_filled_is_halved_by_its_size(run):
    assert [(len(one.jobs), one.size) for one in make_stack(run, 3, 8).halves("full")] == [(3, 4)]
    (alone,) = make_stack(run, 1, 2).halves("full")
    assert (alone.size, alone.alone_because) == (1, "full")


def test_singly_is_each_job_alone_for_the_reason(run):
    three = make_stack(run, 3, 4)
    assert three.singly("it broke") == [Stack((job,), 1, "it broke") for job in three.jobs]


@pytest.fixture
def steps_of(monkeypatch):
    """Calls a function with the program and its number of steps so far before each step."""

    def watch(before):
        step, taken = training.train_step, weakref.WeakKeyDictionary()

        def watched(program, inputs, labels):
            before(program, taken.setdefault(program, 0))
            taken[program] += 1
            step(program, inputs, labels)

        monkeypatch.setattr(training, "train_step", watched)

    return watch


def full_above(most, at_step=3):
    """Runs out of memory in the middle of a program of more than `most` runs."""

    def refuse(program, n_taken):
        if len(program.models) > most and n_taken == at_step:
            raise torch.OutOfMemoryError("CUDA out of memory")

    return refuse


def kept(outcome):
    """What an outcome holds that is the same in every training of one size."""
    metrics = {k: v for k, v in outcome.record.metrics.items() if not k.startswith("cost/")}
    return outcome.record.curves, metrics, dict(outcome.files)


@pytest.mark.parametrize(
    ("most", "reason"), [(2, ""), (1, "out of memory in a stack of 2")], ids=["halves", "alone"]
)
def test_a_stack_that_is_too_large_is_trained_in_parts(run, worker, steps_of, most, reason):
    steps_of(full_above(most))
    four = make_stack(run, 4)
    own = worker([job.run for job in four.jobs])
    told = []
    outcomes = performed(own, four, lambda job, epoch: told.append((job.run.seed, epoch.number)))
    assert [outcome.job for outcome in outcomes] == list(four.jobs)
    records = [outcome.record for outcome in outcomes]
    assert {record.state for record in records} == {RunState.FINISHED}
    assert {(record.stack_size, record.alone_because) for record in records} == {(most, reason)}
    n_tries = 2 if most == 2 else 3  # the first epoch fits in each
    assert Counter(told) == {
        (seed, epoch): n_tries if epoch == 1 else 1 for seed in range(4) for epoch in (1, 2)
    }
    parts = [Stack(four.jobs[start : start + most], most) for start in range(0, 4, most)]
    small = [outcome for part in parts for outcome in performed(own, part)]
    assert [kept(one) for one in outcomes] == [kept(one) for one in small]


def test_the_runs_of_a_half_are_handed_over_before_the_other_half_begins(run, worker, steps_of):
    steps_of(full_above(2))
    four = make_stack(run, 4)
    told = []
    own = worker([job.run for job in four.jobs])
    handed = own.perform(four, lambda job, _: told.append(job.run.seed))
    assert [outcome.job.run.seed for outcome in next(handed)] == [0, 1]
    assert {2, 3}.isdisjoint(told[4:])  # the first epoch of all four fits, and is told
    assert [outcome.job.run.seed for outcome in next(handed)] == [2, 3]
    assert next(handed, None) is None


def test_runs_that_do_not_even_fit_alone_are_out_of_memory(run, worker, steps_of):
    steps_of(full_above(0))
    four = make_stack(run, 4)
    outcomes = performed(worker([job.run for job in four.jobs]), four)
    assert [outcome.record.state for outcome in outcomes] == [RunState.OOM] * 4
    assert [outcome.record.seed for outcome in outcomes] == [0, 1, 2, 3]


def test_a_stack_that_did_not_fit_is_let_go_before_its_halves_are_trained(run, worker, steps_of):
    programs = []

    def watch(program, n_taken):
        if len(program.models) == 4:
            programs.append(weakref.ref(program))
        else:
            assert programs[0]() is None
        full_above(2)(program, n_taken)

    steps_of(watch)
    four = make_stack(run, 4)
    gc.disable()
    try:
        outcomes = performed(worker([job.run for job in four.jobs]), four)
    finally:
        gc.enable()
    assert [outcome.record.message for outcome in outcomes] == [""] * 4


def test_a_run_that_fails_its_stack_costs_no_other_run(run, worker, steps_of):
    four = make_stack(run, 4)
    bad = parameters_to_vector(initial_model(four.jobs[2].run, CPU).parameters())

    def refuse(program, n_taken):
        if any(torch.equal(parameters_to_vector(one.parameters()), bad) for one in program.models):
            raise RuntimeError("cannot train this")

    steps_of(refuse)
    outcomes = performed(worker([job.run for job in four.jobs]), four)
    records = [outcome.record for outcome in outcomes]
    assert [record.state.value for record in records] == [
        *("FINISHED", "FINISHED", "FAILED", "FINISHED")
    ]
    assert records[2].message == "RuntimeError: cannot train this"
    reason = "its stack of 4 failed: RuntimeError: cannot train this"
    assert {(r.stack_size, r.alone_because) for r in records if r is not records[2]} == {
        (1, reason)
    }


def test_a_run_of_a_stack_that_diverges_stops_no_other(run, worker):
    rates = [0.01, 1e30, 0.01]
    recipes = [{"epochs": 3, "batch_size": 100, "learning_rate": rate} for rate in rates]
    runs = [run(seed, control=RELU, recipe=one) for seed, one in enumerate(recipes)]
    stack = Stack(tuple(map(Job, runs)), 3)
    records = [one.record for one in performed(worker(runs), stack)]
    assert [record.state.value for record in records] == ["FINISHED", "DIVERGED", "FINISHED"]
    assert records[1].diverged_epoch == 2
    assert [len(record.curves["train/loss"]) for record in records] == [3, 1, 3]


def test_every_run_of_a_stack_leaves_what_one_alone_does(run, worker, perform):
    two = make_stack(run, 2, probes=(ProbeSpec("shift"),))
    stacked = performed(worker([job.run for job in two.jobs]), two)
    for outcome, job in zip(stacked, two.jobs, strict=True):
        alone = perform(job)
        assert outcome.record.metrics.keys() == alone.record.metrics.keys()
        assert outcome.record.curves["train/loss"] == pytest.approx(
            alone.record.curves["train/loss"], rel=1e-3
        )
        assert {n: len(c) for n, c in outcome.files.items()}["weights.pt"] == len(
            alone.files["weights.pt"]
        )
        assert [one.probe_key for one in outcome.measurements] == [
            one.probe_key for one in alone.measurements
        ]
        assert (outcome.record.stack_size, alone.record.stack_size) == (2, 1)


def test_prepared_data_are_those_that_were_given(run, worker):
    given = worker([run()])
    (before,), (after,) = given.datasets.values(), given.prepared().datasets.values()
    assert [one.data_ptr() for one in after.tensors] == [one.data_ptr() for one in before.tensors]
