"""Workers: every way a run can end becomes a record, and what a finished one leaves."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ablations import probes, training
from ablations.data import prepare
from ablations.jobs import Job, Worker, data_key, environment_of
from ablations.record import RunRecord, RunState, digest, now_ms
from lenet_variants import register_variant

CPU = torch.device("cpu")
RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


@pytest.fixture(scope="session")
def perform(digits):
    """Does one job in this process, with the data that its run asks for."""

    def done(job, on_epoch=lambda _: None):
        dataset = job.run.dataset
        worker = Worker({data_key(dataset): prepare(digits, dataset)}, "cpu")
        return worker.perform(job, on_epoch)

    return done


@pytest.fixture(scope="session")
def finished(run, perform):
    one = run(control=RELU, dataset="digits", recipe={"epochs": 2, "batch_size": 32})
    return perform(Job(one, ("shift",)))


def test_finished_run_has_its_state_numbers_and_files(finished):
    record = finished.record
    assert record.state is RunState.FINISHED
    assert (record.message, record.traceback, record.diverged_epoch) == ("", "", None)
    assert {"train/loss", "train/accuracy", "test/loss", "test/accuracy"} <= set(record.metrics)
    assert {"cost/train_seconds", "cost/images_per_second", "cost/evaluation_seconds"} <= set(
        record.metrics
    )
    assert set(finished.files) == {"examples.npz", "weights.pt"}
    assert finished.measurements == record.measurements


def test_finished_run_learnt_something(finished):
    assert finished.record.metrics["test/accuracy"] > 0.3  # chance is 0.1


def test_record_says_what_ran_where_and_when(finished):
    record, one = finished.record, finished.job.run
    assert (record.run_key, record.arm, record.seed) == (one.run_key, one.arm, one.seed)
    assert record.spec == one.to_dict()
    assert record.environment == environment_of(one, CPU)
    assert 0 <= record.finished_ms - record.started_ms < 60_000
    assert record.finished_ms <= now_ms()


def test_record_of_a_real_run_comes_back_from_its_json(finished):
    assert RunRecord.from_json(finished.record.to_json()) == finished.record


def test_last_value_of_a_curve_is_the_final_metric(finished):
    record = finished.record
    assert set(record.curves) == {"train/loss", "train/accuracy"}
    assert all(len(values) == 2 for values in record.curves.values())
    assert all(values[-1] == record.metrics[name] for name, values in record.curves.items())


def test_images_per_second_counts_training_images_over_training_time(finished):
    metrics = finished.record.metrics
    expected = 2 * 1438 / metrics["cost/train_seconds"]
    assert metrics["cost/images_per_second"] == pytest.approx(expected)


def test_examples_agree_with_the_test_accuracy(finished, digits):
    with np.load(io.BytesIO(finished.files["examples.npz"])) as stored:
        examples = dict(stored)
    n = int(examples["n_images"])
    correct = np.unpackbits(examples["correct"], count=n).astype(bool)
    labels = digits.test_labels.numpy()
    assert n == len(labels)
    assert (correct == (examples["predicted"] == labels)).all()
    assert correct.mean() == finished.record.metrics["test/accuracy"]
    assert str(examples["labels_digest"]) == digest(labels.tolist())


def test_stored_weights_load_safely_and_give_the_same_numbers(finished, digits):
    state = torch.load(io.BytesIO(finished.files["weights.pt"]), weights_only=True)
    one = finished.job.run
    model = training.initial_model(one, CPU)
    model.load_state_dict(state)
    found = training.evaluate_test(model, one, training.place(digits, one, CPU))
    assert found.metrics("test").items() <= finished.record.metrics.items()


def test_probing_stored_weights_repeats_the_numbers_measured_after_training(finished, perform):
    job = Job(finished.job.run, ("shift",), finished.files["weights.pt"])
    outcome = perform(job)
    assert outcome.record is None
    assert outcome.files == {}
    (again,), (first,) = outcome.measurements, finished.measurements
    assert again == replace(first, measured_ms=again.measured_ms)
    assert finished.record.started_ms < first.measured_ms <= again.measured_ms <= now_ms()


def test_a_probe_that_fails_is_named_and_costs_no_trained_run(run, perform, monkeypatch):
    def broken(model, data):
        raise RuntimeError("cannot measure this")

    both = {"broken": probes.Probe(broken, {}), **probes.PROBES}
    monkeypatch.setattr(probes, "PROBES", both)
    outcome = perform(Job(run(), ("broken", "shift")))
    assert outcome.record.state is RunState.FINISHED
    assert outcome.record.message == "probe broken: RuntimeError: cannot measure this"
    assert "test/accuracy" in outcome.record.metrics
    assert [item.probe for item in outcome.record.measurements] == ["shift"]
    later = perform(Job(run(), ("broken", "shift"), outcome.files["weights.pt"]))
    assert [item.probe for item in later.measurements] == ["shift"]
    assert later.message == outcome.record.message


def test_run_without_probes_measures_nothing(run, perform):
    outcome = perform(Job(run()))
    assert outcome.measurements == outcome.record.measurements == ()


def test_every_epoch_is_told_as_it_ends(run, perform):
    told = []
    perform(Job(run(recipe={"epochs": 3})), told.append)
    assert [epoch.number for epoch in told] == [1, 2, 3]


def test_diverged_run_is_an_outcome_without_test_numbers_or_files(run, perform):
    recipe = {"learning_rate": 1e30, "epochs": 3, "batch_size": 100}
    outcome = perform(Job(run(control=RELU, recipe=recipe), ("shift",)))
    record = outcome.record
    assert record.state is RunState.DIVERGED
    assert record.diverged_epoch == 2
    assert record.message == outcome.message == "the loss was not finite in epoch 2"
    assert {name.partition("/")[0] for name in record.metrics} == {"cost"}
    assert len(record.curves["train/loss"]) == 1
    assert outcome.files == {}
    assert outcome.measurements == record.measurements == ()
    assert RunRecord.from_json(record.to_json()) == record


def test_run_whose_last_step_destroys_it_has_diverged(run, perform):
    # One batch, one epoch: the training loss is finite, the trained network's is not.
    recipe = {"learning_rate": 1e30, "epochs": 1, "batch_size": 100}
    record = perform(Job(run(control=RELU, recipe=recipe))).record
    assert record.state is RunState.DIVERGED
    assert record.diverged_epoch == 1
    assert not any(name.startswith("test/") for name in record.metrics)


def test_diverged_run_with_a_validation_split_can_be_stored(run, perform):
    dataset = {"name": "digits", "subset": 120, "validation": 20}
    recipe = {"learning_rate": 1e30, "epochs": 3, "batch_size": 100}
    record = perform(Job(run(control=RELU, dataset=dataset, recipe=recipe))).record
    assert record.state is RunState.DIVERGED
    assert json.loads(record.to_json())["curves"] == {}


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
    record = Worker({}, "cpu").perform(Job(run()), lambda _: None).record
    assert record.state is RunState.FAILED
    assert record.message.startswith("KeyError: ")


def test_weights_that_do_not_fit_fail_the_probe_and_make_no_record(finished, run, perform):
    job = Job(run(control="mlp"), ("shift",), finished.files["weights.pt"])
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
    Worker({}, "cpu", (str(path),)).prepare()
    made = plan(design="arms", factors={}, seeds=[0], control="tiny")
    assert perform(Job(made.runs[0])).record.state is RunState.FINISHED


def test_job_and_outcome_travel_between_processes(finished):
    again = pickle.loads(pickle.dumps(finished))  # noqa: S301 (our own bytes)
    assert again == finished
