"""Workers: every way a run can end becomes a record, and costs no other run."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from ablations.jobs import Stack, Worker, data_key
from ablations.outcomes import Job
from ablations.record import RunRecord, RunState
from lenet_variants import register_variant


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
    (outcome,) = Worker({}, "cpu").perform(Stack((Job(run()),)), lambda *_: None)
    record = outcome.record
    assert record.state is RunState.FAILED
    assert record.message.startswith("KeyError: ")


def test_weights_that_do_not_fit_fail_the_probe_and_make_no_record(run, perform):
    weights = perform(Job(run())).files["weights.pt"]
    job = Job(run(control="mlp"), ("shift",), weights)
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
    outcome = perform(Job(run(), ("shift",), buffer.getvalue()))
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
