from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ablations.errors import LockedError
from ablations.tracking.locks import (
    driver_lock,
    folder_lock,
    is_driven,
    store_lock,
    store_lock_path,
)

SERVER = "http://someone:secret@tracking.example:5000/mlflow"


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """No lock of these tests lies in the state folder of the person who runs them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def _refused(lock) -> str:
    with pytest.raises(LockedError) as caught, lock:
        pass
    return str(caught.value)


def test_a_held_folder_is_refused_with_its_holder(home):
    with folder_lock(Path("work"), "run of study 'pooling'"):
        text = _refused(folder_lock(Path("work"), "another"))
    assert text.startswith(f"work: run of study 'pooling' (process {os.getpid()}, since 20")
    assert text.endswith("is at work; wait for it (`run --wait` does), or give another --work-dir")


@pytest.mark.parametrize("name", ["mlflow.db", "{home}/mlflow.db", "sub/../mlflow.db"])
def test_a_held_store_is_refused_from_any_folder_and_under_any_name(home, name):
    (home / "sub").mkdir()
    with driver_lock(Path("one"), f"sqlite:///{home}/mlflow.db", "run of study 'a'"):
        text = _refused(driver_lock(Path("two"), f"sqlite:///{name.format(home=home)}"))
    assert text.startswith("tracking store sqlite:///")
    assert "run of study 'a'" in text
    assert text.endswith("or give another --tracking-uri")


def test_two_stores_can_be_driven_at_once(home):
    with driver_lock(Path("one"), "sqlite:///a.db"), driver_lock(Path("two"), "sqlite:///b.db"):
        assert is_driven(Path("one"), "sqlite:///c.db")
        assert is_driven(Path("three"), "sqlite:///b.db")
        assert not is_driven(Path("three"), "sqlite:///c.db")


def test_a_driver_that_does_not_get_the_store_leaves_the_folder_free(home):
    with store_lock("sqlite:///a.db", "a"):
        _refused(driver_lock(Path("work"), "sqlite:///a.db"))
        with folder_lock(Path("work"), "b"):
            pass


def test_what_is_given_back_can_be_taken_again_and_leaves_no_note(home):
    for _ in range(2):
        with driver_lock(Path("work"), "sqlite:///a.db"):
            assert json.loads(Path("work/driver.json").read_text())["pid"] == os.getpid()
    assert not list(home.rglob("*.json*"))
    assert not is_driven(Path("work"), "sqlite:///a.db")


def test_asking_whether_a_driver_is_there_makes_nothing(home):
    assert not is_driven(Path("work"), "sqlite:///a.db")
    assert not is_driven(Path("work"), SERVER)
    assert list(home.iterdir()) == []


def test_the_lock_of_a_server_is_in_the_users_state_and_its_password_is_nowhere(home):
    place = store_lock_path(SERVER)
    assert place.is_relative_to(home / "state")
    for other in ("tracking.example:5000/mlflow", "me:other@tracking.example:5000/mlflow/?a=b"):
        assert store_lock_path(f"http://{other}") == place
    assert store_lock_path("http://tracking.example:5001/mlflow") != place
    with store_lock(SERVER, "a"):
        text = _refused(store_lock(SERVER, "b"))
        written = "".join(path.read_text() for path in (home / "state").rglob("*.*"))
    assert text.startswith("tracking store http://tracking.example:5000/mlflow: a (process ")
    assert "secret" not in text + written + str(place)


HOLD = """
import sys, time
from pathlib import Path
from ablations.tracking.locks import folder_lock
with folder_lock(Path("work"), "a process that is killed"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holding(home):
    """A process that holds the folder `work`."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_lock_ends_with_its_process_and_the_note_of_a_dead_one_is_not_believed(holding):
    assert is_driven(Path("work"), "sqlite:///a.db")
    assert f"a process that is killed (process {holding.pid}" in _refused(
        folder_lock(Path("work"), "b")
    )
    note = Path("work/driver.json").read_text()
    holding.kill()
    holding.wait()
    assert not is_driven(Path("work"), "sqlite:///a.db")
    with folder_lock(Path("work"), "b"):
        Path("work/driver.json").write_text(note)  # as it is before the new holder has written
        assert "work: another `ablations` is at work" in _refused(folder_lock(Path("work"), "c"))


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"work": "a", "pid": "no", "since": 1}'])
def test_a_note_that_cannot_be_read_costs_only_the_name(home, note):
    with folder_lock(Path("work"), "a"):
        Path("work/driver.json").write_text(note)
        assert "work: another `ablations` is at work" in _refused(folder_lock(Path("work"), "b"))


def test_whoever_waits_is_told_once_for_whom_and_then_goes_on(holding):
    told = []
    threading.Timer(1.0, holding.kill).start()
    started = time.monotonic()
    with driver_lock(Path("work"), "sqlite:///a.db", "b", told.append):
        assert time.monotonic() - started > 0.5
    (text,) = told
    assert text.startswith(
        f"work: waiting for a process that is killed (process {holding.pid}, since 20"
    )
