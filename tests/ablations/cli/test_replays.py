"""`replay` as a person calls it."""

from __future__ import annotations

import json

import pytest

from ablations.agreement import Compared
from ablations.cli.replays import rows
from lenet_variants import catalogue

INLINE = ("--executor", "inline", "--device", "cpu", "--no-report")


@pytest.fixture
def run_keys(call, tiny_file, store_uri):
    """The key of each of two stored runs, by arm."""
    study = tiny_file(seeds=1)
    call("run", study, *INLINE)
    runs = json.loads(call("plan", study, "--json").output)["runs"]
    return {run["arm"]: run["run_key"] for run in runs}


def test_an_identical_replay_exits_0_and_says_what_was_compared(call, run_keys):
    result = call("replay", run_keys["activation=relu"][:8], "--device", "cpu")
    assert result.exit_code == 0
    assert "of study tiny: activation=relu s0, attempt 1, FINISHED" in result.output
    assert "environment: the same" in result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert ["train/loss", "by", "epoch", "identical:", "2", "values"] in lines
    assert ["weights", "identical:", "10", "tensors,", "19,754", "values"] in lines
    assert lines[-1] == ["bit-identical"]


def test_a_replay_that_is_not_identical_exits_1_and_says_by_how_much(call, run_keys, home):
    for path in home.glob("mlartifacts/**/record.json"):
        plain = json.loads(path.read_text())
        plain["metrics"]["test/loss"] += 0.5
        path.write_text(json.dumps(plain))
    result = call("replay", run_keys["control"], "--device", "cpu")
    assert result.exit_code == 1
    assert ["test/loss", "differs", "by", "0.5"] in [x.split() for x in result.output.splitlines()]
    assert result.output.splitlines()[-1] == "not identical"


def test_json_has_the_documented_shape(call, run_keys):
    content = json.loads(call("replay", run_keys["control"][:6], "--json").output)
    told = {"run_key", "study", "arm", "seed", "attempt", "state"}
    assert set(content) == told | {"environment", "identical", "compared"}
    assert content["run_key"] == run_keys["control"]
    assert content["identical"] is True
    keys = {"what", "n_values", "n_different", "largest", "note", "identical"}
    assert all(set(one) == keys for one in content["compared"])


def test_another_environment_is_told(call, run_keys, home):
    for path in home.glob("mlartifacts/**/record.json"):
        plain = json.loads(path.read_text())
        plain["environment"]["device_model"] = "Another CPU"
        path.write_text(json.dumps(plain))
    result = call("replay", run_keys["control"], "--device", "cpu")
    assert result.exit_code == 0
    assert "environment: another one" in result.output
    assert "device_model Another CPU then" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("abc",), "must be 6 to 64 hexadecimal digits, got 'abc'"),
        (("abcdef0123",), "none of the 2 runs in the store begins with 'abcdef0123'"),
        (("abcdef0123", "--device", "tpu"), "--device: 1 problem"),
        (("abcdef0123", "--plugin", "none.py"), "plug-in 'none.py': expected a Python file"),
    ],
)
def test_bad_input_exits_2(call, run_keys, words, message):
    result = call("replay", *words)
    assert result.exit_code == 2
    assert message in result.output


def test_a_store_that_is_down_exits_3(call, home):
    result = call("replay", "abcdef", "--tracking-uri", "http://127.0.0.1:9")
    assert result.exit_code == 3


def test_a_network_of_ones_own_is_replayed_from_its_file(
    call, tiny_file, store_uri, fragile, forget_variants
):
    study = tiny_file(control="fragile", plugins=["fragile.py"], factors={}, design="arms", seeds=1)
    call("run", study, *INLINE)
    (run,) = json.loads(call("plan", study, "--json").output)["runs"]
    forget_variants()
    assert "fragile" not in catalogue.names()
    refused = call("replay", run["run_key"], "--device", "cpu")
    assert refused.exit_code == 2
    assert "name its file with --plugin" in refused.output
    result = call("replay", run["run_key"], "--device", "cpu", "--plugin", "fragile.py")
    assert result.exit_code == 0, result.output
    assert "bit-identical" in result.output


def test_tensors_that_are_identical_share_a_line():
    compared = [
        Compared("state", 1, 0),
        Compared("predictions", 9, 2, None),
        Compared("test/loss", 1, 1, 0.125),
        Compared("weights a", 4, 0),
        Compared("weights b", 4, 1, 1e-7),
        Compared("weights c", 1000, 0),
    ]
    assert list(rows(compared)) == [
        ("state", "identical"),
        ("predictions", "2 of 9 values differ"),
        ("test/loss", "differs by 0.125"),
        ("weights b", "1 of 4 values differ, by 1e-07 at most"),
        ("other weights", "identical: 2 tensors, 1,004 values"),
    ]
