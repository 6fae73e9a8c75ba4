"""The command line in a process of its own, which can be signalled and killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

Driver = subprocess.Popen[str]


@pytest.fixture
def start(home, process_environment) -> Iterator[Callable[..., Driver]]:
    """Starts `ablations ...` in `home` with its output in one pipe; ends it after the test."""
    started: list[Driver] = []

    def begin(*words: object) -> Driver:
        command = [sys.executable, "-m", "ablations", *map(str, words)]
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=home,
            env=process_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def read_until() -> Callable[[Driver, str], str]:
    """What a process has printed up to the first line that holds a text."""

    def read(process: Driver, text: str) -> str:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if text in line:
                return "".join(lines)
        pytest.fail(f"{text!r} was never printed, but:\n{''.join(lines)}")

    return read
