"""A real MLflow server that dies in the middle of a study and comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ablations.errors import StoreError
from ablations.executors.base import Ended
from ablations.preparation import RunOptions
from ablations.runner import run_study
from ablations.study_file import parse_study
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import MlflowStore
from ablations.tracking.syncing import sync_outbox
from reports.collect import collect_study

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
START_SECONDS = 120
INLINE = ("--executor", "inline", "--device", "cpu")


class Server:
    """`mlflow server` on a loopback port, its processes in a group of their own."""

    def __init__(self, folder, environment: dict[str, str]) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.environment = folder, environment
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {
            "--host": "127.0.0.1",
            "--port": str(self.port),
            "--workers": "1",
            "--backend-store-uri": f"sqlite:///{self.folder / 'mlflow.db'}",
            "--artifacts-destination": str(self.folder / "served"),
        }
        words = [word for option in options.items() for word in option]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "mlflow", "server", *words],
                env={**self.environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:  # noqa: S310
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def server(home, store_uri, process_environment) -> Iterator[Server]:
    made = Server(home, process_environment)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def killing_after(server) -> Callable[[int], Callable[[object], None]]:
    """An observer that kills the server once that many runs have ended."""

    def make(n: int) -> Callable[[object], None]:
        ended: list[object] = []

        def observe(event: object) -> None:
            if isinstance(event, Ended):
                ended.append(event)
                if len(ended) == n:
                    server.kill()

        return observe

    return make


def test_a_server_that_dies_costs_nothing_and_sync_brings_everything_in_once(
    server, killing_after, tiny, home, children_of
):
    options = RunOptions(server.uri, home / ".ablations", device="cpu", executor="inline")
    with pytest.raises(StoreError, match=r"3 finished runs kept in .*outbox: `ablations sync`"):
        run_study(parse_study(tiny()), options, killing_after(1))
    assert len(list(Outbox(options.work_dir).entries(server.uri))) == 3
    with pytest.raises(StoreError, match=f"tracking store {server.uri}"):
        sync_outbox(options.work_dir)
    assert len(list(Outbox(options.work_dir).entries(server.uri))) == 3

    server.start()
    assert sync_outbox(options.work_dir) == 3
    assert sync_outbox(options.work_dir) == 0
    runs = children_of("tiny", server.uri)
    assert len({run.data.tags["run_key"] for run in runs}) == len(runs) == 4
    assert {run.data.tags["state"] for run in runs} == {"FINISHED"}
    assert run_study(parse_study(tiny()), options) == []
    assert len(children_of("tiny", server.uri)) == 4


def test_a_server_keeps_the_test_labels_and_gives_them_back(server, tiny, home):
    options = RunOptions(server.uri, home / ".ablations", device="cpu", executor="inline")
    records = run_study(parse_study(tiny(seeds=1, probes=["images"])), options)
    found = collect_study("tiny", server.uri).predictions
    assert set(found.predicted) == {record.run_key for record in records}
    assert {arm: labels.pixels.shape[1:] for arm, labels in found.labels.items()} == {
        "control": (1, 8, 8),
        "activation=relu": (1, 8, 8),
    }


def test_the_command_line_exits_3_and_goes_on_when_the_server_is_back(
    server, tiny_file, start, read_until, children_of
):
    study = tiny_file(seeds=4, recipe={"epochs": 60, "batch_size": 32})
    words = ("run", study, "--workers", 1, "--no-report", "--tracking-uri", server.uri)
    driver = start(*words)
    read_until(driver, "[1/8]")
    server.kill()
    rest = driver.stdout.read()
    assert driver.wait() == 3
    assert f"error: tracking store {server.uri}: " in rest
    assert "finished runs kept in .ablations/outbox: `ablations sync` stores what is there" in rest
    assert "[8/8]" in rest  # a store that is down stops no training
    down = start(*words)
    assert down.wait() == 3

    server.start()
    synced = start("sync")
    assert synced.wait() == 0
    assert " runs stored" in synced.stdout.read()
    runs = children_of("tiny", server.uri)
    assert len({run.data.tags["run_key"] for run in runs}) == len(runs) == 8


def test_a_report_of_a_server_has_the_bytes_of_one_of_a_file(
    server, tiny_file, home, call, new_store
):
    study = tiny_file(seeds=3, probes=["shift"])
    (home / "file").mkdir()
    uris = {"server": server.uri, "file": new_store(home / "file")}
    for name, uri in uris.items():
        where = ("--tracking-uri", uri, "--work-dir", home / name / ".ablations")
        trained = call("run", study, *INLINE, "--no-report", *where)
        assert trained.exit_code == 0, trained.output
        reported = call("report", "tiny", "--out", home / f"out-{name}", *where)
        assert reported.exit_code == 0, reported.output
    found = {name: (home / f"out-{name}" / "results.json").read_bytes() for name in uris}
    assert found["server"] == found["file"]
    assert json.loads(found["server"])["final"]

    # Its files are on another machine, as far as this one can see: they come and go through it.
    store = MlflowStore(server.uri)
    _, parent = store.parent("tiny")
    assert store.client.get_run(parent).info.artifact_uri.startswith("mlflow-artifacts:")
    logged = store.client.download_artifacts(parent, "report/results.json", str(home))
    assert Path(logged).read_bytes() == found["server"]


def test_a_file_that_a_server_has_lost_is_named(server, tiny, home):
    options = RunOptions(server.uri, home / ".ablations", device="cpu", executor="inline")
    run_study(parse_study(tiny(seeds=1)), options)
    next((home / "served").glob("**/examples.npz")).unlink()
    message = rf"^tracking store {server.uri}: cannot read mlflow-artifacts:.*/examples\.npz: "
    with pytest.raises(StoreError, match=message):
        collect_study("tiny", server.uri)
