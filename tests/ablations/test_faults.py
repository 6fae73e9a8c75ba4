from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ablations import faults
from ablations.errors import SpecError

PACKAGE = Path(__file__).parents[2] / "ablations"
CODE = "from ablations import faults\nfor n in range(3):\n    {act}\n    print(n, flush=True)\n"


def test_every_point_is_somewhere_and_every_one_that_is_passed_is_known():
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    passed = Counter(name for text in sources for name in re.findall(r'reach\("(\w+)"\)', text))
    assert set(passed) == set(faults.POINTS)
    assert set(passed.values()) == {1}  # a name says where


def _passing(tmp_path, fault, act='faults.reach("run_made")'):
    told = {faults.FAULT: fault, faults.PROOF: str(tmp_path)}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", CODE.format(act=act)],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("fault", "n"), [("run_made", 0), ("run_made:1", 0), ("run_made:3", 2)])
def test_a_process_dies_where_it_was_told_to_and_leaves_proof(tmp_path, fault, n):
    done = _passing(tmp_path, fault)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.splitlines() == [str(k) for k in range(n)]
    assert (tmp_path / "run_made").read_text().isdecimal()


def test_only_one_process_dies(tmp_path):
    assert _passing(tmp_path, "run_made").returncode == -signal.SIGKILL
    assert _passing(tmp_path, "run_made").returncode == 0


@pytest.mark.parametrize("fault", ["", "batch_logged", "run_made:4"])
def test_a_process_that_was_not_told_to_die_there_lives(tmp_path, fault):
    assert _passing(tmp_path, fault).returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("run_mad", r"no fault point 'run_mad'; did you mean 'run_made'\? \(points: parent_made, "),
        ("run_made:0", r"must be NAME or NAME:N with N from 1, got 'run_made:0'"),
        ("run_made:x", r"got 'run_made:x'"),
    ],
)
def test_a_fault_that_cannot_happen_is_refused_at_any_point(monkeypatch, fault, message):
    monkeypatch.setenv(faults.FAULT, fault)
    monkeypatch.setenv(faults.PROOF, "proofs")
    for ask in (faults.reach, faults.is_armed):
        with pytest.raises(SpecError, match=message):
            ask("epoch_ended")


def test_a_fault_without_a_place_for_its_proof_is_refused(monkeypatch):
    monkeypatch.setenv(faults.FAULT, "run_made")
    monkeypatch.delenv(faults.PROOF, raising=False)
    with pytest.raises(SpecError, match=r"ABLATIONS_FAULT_PROOF.*\n.*must name a folder"):
        faults.reach("epoch_ended")


def test_a_point_is_armed_if_it_is_the_one_that_is_named(monkeypatch):
    assert not faults.is_armed("commit")
    monkeypatch.setenv(faults.FAULT, "commit:2")
    monkeypatch.setenv(faults.PROOF, "proofs")
    assert faults.is_armed("commit")
    assert not faults.is_armed("run_made")


def test_a_command_told_to_die_at_an_unknown_point_says_so_before_it_trains(
    tmp_path, monkeypatch, tiny_file, store_uri, call, steps
):
    monkeypatch.setenv(faults.FAULT, "nowhere")
    result = call("run", tiny_file(), "--executor", "inline", "--device", "cpu")
    assert result.exit_code == 2
    assert "no fault point 'nowhere'" in result.output
    assert steps == []
