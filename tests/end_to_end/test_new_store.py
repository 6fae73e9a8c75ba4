"""Drivers killed while they make a store, which they do while their workers train already."""

from __future__ import annotations

import multiprocessing
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

WORDS = ("run", "study.yaml", "--device", "cpu", "--no-report")


def _living(parent: int) -> list[int]:
    """Processes on Linux that name `parent` as the one that started them, at any time."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode()
        except OSError:
            continue
        if f"parent_pid={parent}," in words:
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize(
    "fault",
    [
        "plan_stored",
        *(pytest.param(f, marks=pytest.mark.slow) for f in ("parent_made", "commit:2")),
    ],
)
def test_a_driver_killed_while_it_makes_the_store_costs_nothing(
    fault, start, home, tiny_file, call, children_of, process_environment
):
    tiny_file()
    process_environment |= {"ABLATIONS_FAULT": fault, "ABLATIONS_FAULT_PROOF": str(home)}
    driver = start(*WORDS, "--workers", "2")
    assert driver.wait(120) == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while _living(driver.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _living(driver.pid) == []
    assert not (home / ".ablations" / "outbox").exists()
    assert call(*WORDS, "--executor", "inline").exit_code == 0
    assert multiprocessing.active_children() == []
    runs = children_of("tiny", f"sqlite:///{home / 'mlflow.db'}")
    assert len({run.data.tags["run_key"] for run in runs}) == len(runs) == 4
    assert {run.data.tags["state"] for run in runs} == {"FINISHED"}


def test_a_study_in_a_new_folder_is_trained_and_its_log_says_how(start, home, tiny_file):
    tiny_file()
    driver = start(*WORDS, "--workers", "2")
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, output
    assert "[4/4]" in output
    said = [path.read_text() for path in (home / ".ablations" / "logs").iterdir()]
    assert "".join(said).count("begins") == 4
    assert "".join(said).count("epoch 2 of 2 ended") == 4
