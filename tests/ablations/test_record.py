"""Records: what goes into JSON comes back, and what an environment's key is made of."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.commits import Commit
from ablations.errors import StoreError
from ablations.record import (
    Environment,
    Measurement,
    RunRecord,
    RunState,
    digest,
    labels_file,
)

HERE = Environment("2.9", "cpu", "Some CPU", "float32", 1, {"numpy": "2.1"})
NUMBERS = st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False))


def record(**values):
    plain = {
        "run_key": "ab",
        "state": RunState.FINISHED,
        "arm": "activation=relu",
        "comparison": "shared",
        "seed": 3,
        "spec": {"levels": {"channels": [6, 16]}},
        "environment": HERE,
        "started_ms": 1,
        "finished_ms": 2,
    }
    return RunRecord(**{**plain, **values})


MEASUREMENTS = st.builds(Measurement, st.text(), st.text(), NUMBERS, st.integers(0))


@given(
    state=st.sampled_from(RunState),
    metrics=NUMBERS,
    curves=st.dictionaries(st.text(), st.lists(st.floats(allow_nan=False, allow_infinity=False))),
    message=st.text(),
    attempt=st.integers(1, 99),
    diverged_epoch=st.none() | st.integers(1, 99),
    measurements=st.lists(MEASUREMENTS).map(tuple),
    epoch_seconds=st.lists(st.floats(0, allow_nan=False, allow_infinity=False)),
    stack_size=st.integers(1, 99),
    alone_because=st.text(),
)
def test_record_comes_back_from_its_json_equal(**values):
    before = record(**values)
    after = RunRecord.from_json(before.to_json())
    assert after == before
    assert isinstance(after.state, RunState)
    assert isinstance(after.environment, Environment)


def test_a_measurement_from_before_its_time_was_kept_is_read():
    plain = json.loads(record(measurements=(Measurement("shift", "key", {}, 7),)).to_json())
    del plain["measurements"][0]["measured_ms"]
    (read,) = RunRecord.from_json(json.dumps(plain)).measurements
    assert read == Measurement("shift", "key", {}, 0)


def test_a_record_from_before_stacks_is_of_a_run_that_was_trained_alone():
    newer = record(epoch_seconds=[0.5, 0.25], stack_size=4, alone_because="it draws at random")
    plain = json.loads(newer.to_json())
    for name in ("epoch_seconds", "stack_size", "alone_because"):
        del plain[name]
    read = RunRecord.from_json(json.dumps(plain))
    assert read == record()
    assert (read.epoch_seconds, read.stack_size, read.alone_because) == ([], 1, "")


def test_record_is_plain_json_with_the_state_as_its_word():
    plain = json.loads(record(state=RunState.OOM, message="größer als der Speicher").to_json())
    assert plain["state"] == "OOM"
    assert plain["environment"]["software"] == {"numpy": "2.1"}
    assert "größer" in record(message="größer").to_json()


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_record_refuses_numbers_that_json_has_not(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        record(metrics={"test/loss": number}).to_json()


def test_as_attempt_changes_the_number_alone():
    assert record().as_attempt(4) == record(attempt=4)


def test_a_record_from_before_commits_were_kept_has_none():
    before = record(commit=Commit("0123abc", dirty=False))
    assert RunRecord.from_json(before.to_json()) == before
    plain = json.loads(before.to_json())
    del plain["commit"]
    assert RunRecord.from_json(json.dumps(plain)) == record()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("torch", "3.0"),
        ("device_kind", "cuda"),
        ("device_model", "Another CPU"),
        ("precision", "bfloat16"),
        ("threads", 2),
    ],
)
def test_env_key_moves_with_all_that_may_move_a_bit(name, other):
    there = replace(HERE, **{name: other})
    assert there.env_key != HERE.env_key
    assert (there.place_key == HERE.place_key) == (name == "precision")


def test_env_key_ignores_software_alone():
    assert replace(HERE, software={"numpy": "9"}).env_key == HERE.env_key
    assert replace(HERE, software={"numpy": "9"}).place_key == HERE.place_key
    assert [field.name for field in fields(Environment)] == [
        "torch",
        "device_kind",
        "device_model",
        "precision",
        "threads",
        "software",
    ]


def test_environments_differ_in_what_moves_their_key_and_in_no_software():
    there = replace(HERE, torch="3.0", threads=8, software={"numpy": "9"})
    assert HERE.differences(there) == {"torch": ("2.9", "3.0"), "threads": (1, 8)}
    assert HERE.differences(replace(HERE, software={})) == {}


def test_records_env_key_is_its_environments():
    assert record().env_key == HERE.env_key


@pytest.mark.parametrize(
    ("state", "is_outcome", "status"),
    [
        ("FINISHED", True, "FINISHED"),
        ("DIVERGED", True, "FINISHED"),
        ("OOM", False, "FAILED"),
        ("TIMEOUT", False, "FAILED"),
        ("FAILED", False, "FAILED"),
        ("KILLED", False, "KILLED"),
        ("INTERRUPTED", False, "KILLED"),
    ],
)
def test_states_are_outcomes_or_not_and_have_a_status_in_mlflow(state, is_outcome, status):
    assert RunState(state).is_outcome is is_outcome
    assert RunState(state).mlflow_status == status


def test_digest_is_sha256_of_sorted_compact_json():
    text = '{"a":[1,2.5,null],"b":"é"}'
    assert digest({"b": "é", "a": [1, 2.5, None]}) == hashlib.sha256(text.encode()).hexdigest()


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_digest_does_not_depend_on_the_order_of_keys(value):
    assert digest(value) == digest(dict(reversed(value.items())))


def test_digest_refuses_numbers_that_json_has_not():
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest([math.nan])


def test_a_record_of_a_newer_version_is_refused_and_says_what_to_do():
    newer = {**json.loads(record().to_json()), "schema": 2, "unheard_of": 1}
    expected = (
        r"record\.json of run ab: its schema must be at most 1, got 2: a newer "
        "version of lenet-ablations wrote it; install that version"
    )
    with pytest.raises(StoreError, match=expected):
        RunRecord.from_json(json.dumps(newer))


def test_a_record_that_says_no_schema_is_of_the_oldest():
    older = json.loads(record().to_json())
    del older["schema"]
    assert RunRecord.from_json(json.dumps(older)) == record()


def test_labels_of_the_same_test_images_are_one_file_whatever_is_trained_on():
    plain = {"name": "digits", "image_size": None, "permutation": "none", "subset": None}
    file = labels_file(plain)
    assert file.startswith("labels-")
    assert file.endswith(".npz")
    assert labels_file({**plain, "subset": 100, "label_noise": 0.1, "validation": 9}) == file
    for change in ({"name": "mnist"}, {"image_size": [5, 5]}, {"permutation": "fixed"}):
        assert labels_file({**plain, **change}) != file
