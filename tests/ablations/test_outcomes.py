"""What a job leaves: its record, its numbers, its files."""

from __future__ import annotations

import io
import json
import pickle
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ablations import devices, outcomes, training
from ablations.evaluation import evaluate_test
from ablations.outcomes import Job, Outcome, Watch, environment_of
from ablations.probe_cards import ProbeSpec
from ablations.probes import registry
from ablations.programs import initial_model
from ablations.record import RunRecord, RunState, digest, now_ms
from ablations.training import Epoch, Trained

CPU = torch.device("cpu")
RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


@pytest.fixture(scope="session")
def finished(run, perform):
    one = run(control=RELU, dataset="digits", recipe={"epochs": 2, "batch_size": 32})
    return perform(Job(one, (ProbeSpec("shift"),)))


def test_finished_run_has_its_state_numbers_and_files(finished):
    record = finished.record
    assert record.state is RunState.FINISHED
    assert (record.message, record.traceback, record.diverged_epoch) == ("", "", None)
    assert {"train/loss", "train/accuracy", "test/loss", "test/accuracy"} <= set(record.metrics)
    assert {"cost/train_seconds", "cost/images_per_second", "cost/evaluation_seconds"} <= set(
        record.metrics
    )
    assert {"cost/latency_1_seconds", "cost/latency_256_seconds"} <= set(record.metrics)
    assert set(finished.files) == {"epochs.pt", "examples.npz", "weights.pt"}
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


def test_every_epochs_time_is_kept_and_sums_to_that_of_training(finished):
    record = finished.record
    assert len(record.epoch_seconds) == 2
    assert all(seconds > 0 for seconds in record.epoch_seconds)
    assert sum(record.epoch_seconds) == record.metrics["cost/train_seconds"]


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


def test_stored_weights_load_safely_and_give_the_same_numbers(finished, placed):
    state = torch.load(io.BytesIO(finished.files["weights.pt"]), weights_only=True)
    one = finished.job.run
    model = initial_model(one, CPU)
    model.load_state_dict(state)
    found = evaluate_test(model, one, placed(one))
    assert found.metrics("test").items() <= finished.record.metrics.items()


def test_probing_stored_weights_repeats_the_numbers_measured_after_training(finished, perform):
    job = Job(finished.job.run, (ProbeSpec("shift"),), finished.files["weights.pt"])
    outcome = perform(job)
    assert outcome.record is None
    assert outcome.files == {}
    (again,), (first,) = outcome.measurements, finished.measurements
    assert again == replace(first, measured_ms=again.measured_ms)
    assert finished.record.started_ms < first.measured_ms <= again.measured_ms <= now_ms()


def test_a_probe_of_the_course_of_training_repeats_its_numbers_from_stored_weights(run, perform):
    one = run(control=RELU, recipe={"epochs": 4})
    first = perform(Job(one, (ProbeSpec("gradient_flow"),)))
    (measured,), files = first.measurements, first.files
    named = {name for name in measured.metrics if name.endswith("_norm/conv1")}
    assert named == {
        f"probe/gradient_flow/{when}gradient_norm/conv1"
        for when in ("epoch_0_", "epoch_1_", "epoch_2_", "epoch_3_", "")
    }
    later = perform(replace(first.job, weights=files["weights.pt"], epochs=files["epochs.pt"]))
    assert later.measurements[0].metrics == measured.metrics
    without = perform(replace(first.job, weights=files["weights.pt"]))
    ends = {
        name: value
        for name, value in measured.metrics.items()
        if not any(f"epoch_{epoch}_" in name for epoch in (1, 2, 3))
    }
    assert without.measurements[0].metrics == ends


def test_a_probe_that_fails_is_named_and_costs_no_trained_run(run, perform, monkeypatch):
    def broken(probed):
        raise RuntimeError("cannot measure this")

    monkeypatch.setitem(registry.PROBES, "images", broken)
    both = (ProbeSpec("images"), ProbeSpec("shift"))
    outcome = perform(Job(run(), both))
    assert outcome.record.state is RunState.FINISHED
    assert outcome.record.message == "probe images: RuntimeError: cannot measure this"
    assert "test/accuracy" in outcome.record.metrics
    assert [item.probe for item in outcome.record.measurements] == ["shift"]
    later = perform(Job(run(), both, outcome.files["weights.pt"]))
    assert [item.probe for item in later.measurements] == ["shift"]
    assert later.message == outcome.record.message


def test_run_without_probes_measures_nothing(run, perform):
    outcome = perform(Job(run()))
    assert outcome.measurements == outcome.record.measurements == ()
    assert "cost/probe_seconds" not in outcome.record.metrics


def test_what_probes_took_is_a_cost_of_its_own(run, perform, monkeypatch):
    def slow(probed):
        time.sleep(0.2)
        return {}

    monkeypatch.setitem(registry.PROBES, "shift", slow)
    costs = perform(Job(run(), (ProbeSpec("shift"),))).record.metrics
    assert 0.2 <= costs["cost/probe_seconds"] < 10
    assert costs["cost/evaluation_seconds"] < 0.2


def test_diverged_run_is_an_outcome_without_test_numbers_or_files(run, perform):
    recipe = {"learning_rate": 1e30, "epochs": 3, "batch_size": 100}
    outcome = perform(Job(run(control=RELU, recipe=recipe), (ProbeSpec("shift"),)))
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


def test_job_and_outcome_travel_between_processes(finished):
    again = pickle.loads(pickle.dumps(finished))  # noqa: S301 (our own bytes)
    assert again == finished


def test_a_watch_keeps_when_and_how_a_program_trained(run, train, placed):
    one = run()
    before = now_ms()
    watch = Watch(CPU, stack_size=4, alone_because="")
    watch.training_ended()
    record = outcomes.trained(Job(one), train(one), placed(one), watch).record
    assert before <= watch.started_ms == record.started_ms <= record.finished_ms
    assert (record.stack_size, record.alone_because) == (4, "")
    assert watch.memory.items() <= record.metrics.items()


def test_a_watch_tells_the_peak_of_training_and_of_nothing_after_it():
    watch = Watch(CPU, stack_size=1, alone_because="it draws at random")
    assert watch.memory == {}
    block = np.ones(2**26, dtype=np.uint8)  # 64 MiB, every page written
    del block
    watch.training_ended()
    if not watch.memory:
        pytest.skip("this system does not tell the resident peak")
    peak = watch.memory["cost/peak_memory_bytes"]
    block = np.ones(2**28, dtype=np.uint8)
    assert len(block) == 2**28
    assert watch.memory == {"cost/peak_memory_bytes": peak}
    assert devices.PeakMemory(CPU).metrics()["cost/peak_memory_bytes"] > peak


def test_why_a_run_was_trained_alone_is_in_its_record(run, train, placed):
    one = run()
    watch = Watch(CPU, stack_size=1, alone_because="it draws at random")
    record = outcomes.trained(Job(one), train(one), placed(one), watch).record
    assert (record.stack_size, record.alone_because) == (1, "it draws at random")


def test_stored_weights_of_a_stack_are_those_of_one_run(run, perform, placed):
    # In a stack all weights are views of one tensor, which torch would save as a whole.
    one = run()
    alone = perform(Job(one)).files["weights.pt"]
    model = initial_model(one, CPU)
    model.load_state_dict(torch.load(io.BytesIO(alone), weights_only=True))
    for parameter in model.parameters():
        wide = torch.stack([parameter.detach()] * 9)
        parameter.data = wide[4]
    trained = Trained(model, [Epoch(1, {"train/loss": 1.0}, 100, 0.1)])
    watch = Watch(CPU, stack_size=9, alone_because="")
    files = outcomes.trained(Job(one), trained, placed(one), watch).files
    assert len(files["weights.pt"]) == len(alone)


def test_a_job_that_failed_is_told_with_its_last_words(run):
    one, here = run(), environment_of(run(), CPU)
    log = "terminate called"
    outcome = outcomes.failed(Job(one), RunState.KILLED, here, 5, message="worker 0 ended", log=log)
    record = outcome.record
    assert (record.message, record.traceback, record.started_ms) == ("worker 0 ended", log, 5)
    assert record.environment == here
    probing = Job(one, (ProbeSpec("shift"),), b"weights")
    assert outcomes.failed(probing, RunState.KILLED, here, 5, message="gone") == Outcome(
        probing, None, message="gone"
    )


class Choosy(nn.Module):
    """Refuses a batch of 256, as a network may that was made for another."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        if len(images) == 256:
            raise RuntimeError("no batch of 256")
        return self.model(images)


def test_a_trained_run_is_not_lost_by_a_clock(run, placed, train):
    one = run(recipe={"epochs": 1, "batch_size": 32})
    trained = train(one)
    trained.model = Choosy(trained.model)
    found = outcomes.trained(Job(one), trained, placed(one), Watch(CPU))
    assert found.record.state is RunState.FINISHED
    assert found.message == "latency: RuntimeError: no batch of 256"
    assert not any(name.startswith("cost/latency") for name in found.record.metrics)


@pytest.fixture
def trial(run):
    split = {"name": "digits", "validation": 100}
    one = run(control=RELU, dataset=split, recipe={"epochs": 2, "batch_size": 32})
    return replace(one, trial=0, search="example: control [0123]", curves="validation")


def test_a_trial_leaves_its_validation_numbers_and_no_file(trial, perform):
    outcome = perform(Job(trial, ("shift",)))
    record = outcome.record
    assert (record.state, record.kind, record.message) == (RunState.FINISHED, "tuning", "")
    assert record.metrics["validation/accuracy"] == record.curves["validation/accuracy"][-1]
    assert not [name for name in record.metrics if name.startswith(("test/", "probe/"))]
    assert (outcome.files, outcome.measurements) == ({}, ())
    assert (record.spec["trial"], record.spec["search"]) == (0, "example: control [0123]")


def test_a_planted_read_of_the_test_images_fails_the_trial(trial, perform, monkeypatch):
    evaluated = training._epoch_evaluation

    def peeking(model, run, data):
        evaluate_test(model, run, data)
        return evaluated(model, run, data)

    monkeypatch.setattr(training, "_epoch_evaluation", peeking)
    record = perform(Job(trial)).record
    assert record.state is RunState.FAILED
    assert record.message.startswith("SealedTestError: a trial asked for the test images")
    assert perform(Job(replace(trial, trial=None, search=""))).record.state is RunState.FINISHED
