from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ablations.data import mirrors
from ablations.errors import DataError

Serve = Callable[[Path], AbstractContextManager[str]]
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    for name in ("one", "two", "stalls"):
        (folder / name).write_text(f"the {name}")
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_files_come_from_the_first_mirror_that_answers(served: Path, here: Path, serve: Serve):
    with serve(served) as good:
        mirrors.download([NOWHERE, good, NOWHERE], ["one", "two"], here)

    assert (here / "one").read_text() == "the one"
    assert (here / "two").read_text() == "the two"


def test_every_mirror_is_named_with_its_reason(served: Path, here: Path, serve: Serve):
    with serve(served) as lacking, pytest.raises(DataError) as caught:
        mirrors.download([NOWHERE, lacking], ["three"], here)

    assert str(caught.value).startswith(f"{NOWHERE}: <urlopen error ")
    assert "refused" in str(caught.value)
    assert f"; {lacking}: HTTP Error 404" in str(caught.value)


def test_a_silent_mirror_is_given_up_on(here: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, and says nothing
        mute = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        began = time.monotonic()
        with pytest.raises(DataError, match=r"no answer within 0\.2 s|timed out"):
            mirrors.download([mute], ["one"], here, silence_seconds=0.2)
        assert time.monotonic() - began < 5


def test_a_mirror_that_stalls_midway_is_given_up_on(served: Path, here: Path, serve: Serve):
    with serve(served) as stalling, pytest.raises(DataError, match=r"timed out"):
        mirrors.download([stalling], ["stalls"], here, silence_seconds=0.3)


def test_the_process_wide_timeout_is_put_back(served: Path, here: Path, serve: Serve):
    before = socket.getdefaulttimeout()

    with serve(served) as lacking, pytest.raises(DataError):
        mirrors.download([lacking], ["one", "three"], here)
    assert socket.getdefaulttimeout() == before
