"""How far two trainings agree, by hand."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ablations.agreement import Compared, Training, compare
from ablations.record import Environment, RunRecord, RunState

WEIGHTS = {"fc.weight": torch.tensor([[1.0, 2.0], [0.0, 4.0]]), "fc.bias": torch.tensor([0.5])}


def saved(tensors):
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def examples(*predicted):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, predicted=np.asarray(predicted, dtype=np.int16))
    return buffer.getvalue()


@pytest.fixture
def then():
    record = RunRecord(
        run_key="ab",
        state=RunState.FINISHED,
        arm="control",
        comparison="shared",
        seed=0,
        spec={},
        environment=Environment("2.9", "cpu", "Some CPU", "float32", 1),
        started_ms=1,
        finished_ms=2,
        metrics={"test/loss": 0.25, "cost/train_seconds": 3.0},
        curves={"train/loss": [2.0, 1.0]},
    )
    return Training(record, {"weights.pt": saved(WEIGHTS), "examples.npz": examples(1, 2, 3)})


def different(then, now):
    return {one.what: one for one in compare(then, now) if not one.is_identical}


def with_file(then, name, content):
    return replace(then, files={**then.files, name: content})


def with_record(then, **changes):
    return replace(then, record=replace(then.record, **changes))


def test_the_same_bits_are_identical_whatever_the_clock_says(then):
    now = with_record(
        then, metrics={"test/loss": 0.25, "cost/train_seconds": 9.0}, finished_ms=5, attempt=2
    )
    compared = compare(then, now)
    assert all(one.is_identical for one in compared)
    assert {one.what: one.n_values for one in compared} == {
        "state": 1,
        "train/loss by epoch": 2,
        "test/loss": 1,
        "predictions": 3,
        "weights fc.weight": 4,
        "weights fc.bias": 1,
    }


def test_weights_differ_by_their_largest_difference(then):
    moved = {**WEIGHTS, "fc.weight": torch.tensor([[1.0, 2.5], [0.0, 4.25]])}
    assert different(then, with_file(then, "weights.pt", saved(moved))) == {
        "weights fc.weight": Compared("weights fc.weight", 4, 2, 0.5)
    }


def test_numbers_that_are_equal_and_not_the_same_bits_are_told(then):
    signed = {**WEIGHTS, "fc.weight": torch.tensor([[1.0, 2.0], [-0.0, 4.0]])}
    (one,) = different(then, with_file(then, "weights.pt", saved(signed))).values()
    assert (one.n_different, one.largest) == (1, 0.0)


def test_a_weight_that_is_no_number_has_no_difference_and_agrees_with_itself(then):
    broken = {**WEIGHTS, "fc.bias": torch.tensor([math.nan])}
    now = with_file(then, "weights.pt", saved(broken))
    (one,) = different(then, now).values()
    assert (one.what, one.largest) == ("weights fc.bias", None)
    assert different(now, now) == {}


def test_another_last_bit_of_a_loss_is_told(then):
    last = math.nextafter(1.0, 2.0)
    found = different(then, with_record(then, curves={"train/loss": [2.0, last]}))
    assert found == {"train/loss by epoch": Compared("train/loss by epoch", 2, 1, last - 1.0)}


def test_predictions_are_counted_and_have_no_distance(then):
    found = different(then, with_file(then, "examples.npz", examples(1, 9, 3)))
    assert found == {"predictions": Compared("predictions", 3, 1, None)}


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"curves": {"train/loss": [2.0]}}, "float64 [2] then, float64 [1] now"),
        ({"curves": {}}, "float64 [2] then, float64 [0] now"),
        ({"metrics": {}}, "not there now"),
        ({"metrics": {"test/loss": 0.25, "test/accuracy": 1.0}}, "not there then"),
    ],
)
def test_what_is_missing_on_one_side_is_told(then, changes, note):
    (one,) = different(then, with_record(then, **changes)).values()
    assert (one.note, one.largest) == (note, None)


def test_another_end_is_told_with_its_message(then):
    now = with_record(then, state=RunState.DIVERGED, diverged_epoch=2, message="not finite")
    found = different(then, replace(now, files={}))
    assert found["state"].note == "FINISHED then, DIVERGED now (not finite)"
    assert found["diverged in epoch"].note == "None then, 2 now"
    assert found["predictions"].note == "not there now"
    assert found["weights fc.bias"].note == "not there now"


def test_runs_that_left_no_files_agree_on_what_there_is(then):
    diverged = replace(
        with_record(then, state=RunState.DIVERGED, diverged_epoch=2, metrics={}), files={}
    )
    assert [one.what for one in compare(diverged, diverged)] == [
        "state",
        "diverged in epoch",
        "train/loss by epoch",
    ]


@pytest.mark.parametrize(
    ("name", "what"), [("weights.pt", "weights"), ("examples.npz", "predictions")]
)
@pytest.mark.parametrize("content", [b"", b"not that", "half"])
def test_a_file_that_cannot_be_read_is_told(then, name, what, content):
    broken = then.files[name][: len(then.files[name]) // 2] if content == "half" else content
    (one,) = different(with_file(then, name, broken), then).values()
    assert one.what == what
    assert f"{name} cannot be read" in one.note


def test_weights_in_bfloat16_are_compared(then):
    half = with_file(then, "weights.pt", saved({"w": torch.tensor([1.0], dtype=torch.bfloat16)}))
    assert different(half, half) == {}


def test_what_is_compared_is_plain_json(then):
    assert Compared("test/loss", 1, 1, 0.5).to_dict() == {
        "what": "test/loss",
        "n_values": 1,
        "n_different": 1,
        "largest": 0.5,
        "note": "",
        "identical": False,
    }
