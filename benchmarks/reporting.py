"""Seconds and memory of `ablations report` on 60 and on 2,000 runs, in a file and on a server.

The command is timed as a process from start to exit; its parts, and its memory, in another process
that does the same. The store is made by `made_store`. The server is MLflow's, on this machine, over
the same store; it is told to hand the artifacts out itself, as one on another machine must.

    python benchmarks/reporting.py --out benchmarks/results/reporting.json
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from harness import ABLATIONS, environment, keep, provenance, shown, spread, started, timed

from ablations.cli import reporting
from ablations.tracking.tracker import Tracker
from reports.render import files, page

MB = 1e6
STUDY = "reporting"
MAKES_STORE = Path(__file__).with_name("made_store.py")
GOAL_SECONDS = {60: 15.0, 2000: 60.0}
START_SECONDS = 120.0
PARTS: dict[str, tuple[object, str]] = {
    "collect": (reporting, "collect_study"),
    "analyse": (reporting, "analyse"),
    "write": (reporting, "write_report"),
    "figures": (page, "pictures"),
    "page": (files, "html"),
    "log": (Tracker, "store_report"),
}
"""The parts of a report, and where each is called; figures are in the page, and that in `write`."""


@contextmanager
def watched(part: str, place: object, name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Write down under `part` how long the function `name` of `place` takes when it is called."""
    called: Callable[..., object] = getattr(place, name)

    def call(*given: object, **named: object) -> object:
        began = time.perf_counter()
        try:
            return called(*given, **named)
        finally:
            seconds[part] = time.perf_counter() - began

    setattr(place, name, call)
    try:
        yield
    finally:
        setattr(place, name, called)


def in_parts(folder: Path, uri: str) -> dict[str, float]:
    """Seconds of each part of a report, and the most memory that this process ever had."""
    seconds: dict[str, float] = {}
    with ExitStack() as watching:
        for part, (place, name) in PARTS.items():
            watching.enter_context(watched(part, place, name, seconds))
        console = reporting.Console(quiet=True)
        reporting.build_report(STUDY, uri, folder / "work", folder / "parts", "documents", console)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    return {"peak_mb": peak, **seconds}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server over the store in `folder`, as on a machine whose files cannot be seen from here."""
    store, artifacts = folder / "mlflow.db", folder / "mlartifacts"
    here, there = artifacts.resolve().as_uri(), "mlflow-artifacts:"
    with closing(sqlite3.connect(store)) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",  # noqa: S608
                (here, there),
            )
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", "1", "--backend-store-uri", f"sqlite:///{store}"]
    words += ["--artifacts-destination", str(artifacts)]
    place = folder / "server"
    place.mkdir()
    uri, until = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    environ = environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    with started(words, place, environ) as process:
        while not _answers(uri):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"no server:\n{(place / 'log.txt').read_text()[-2000:]}")
            time.sleep(0.2)
        yield uri


def _answers(uri: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{uri}/health", timeout=5) as answer:  # noqa: S310
        return bool(answer.status == 200)  # noqa: PLR2004
    return False


def measured(folder: Path, uri: str, n_rounds: int) -> dict[str, Any]:
    """Seconds of the command and of its parts, megabytes, and the bytes of the page."""
    environ = environment(OMP_NUM_THREADS="1", MLFLOW_TRACKING_URI=uri)
    words = [*ABLATIONS, "report", STUDY, "--out", "out"]
    commands = [timed(words, folder, environ).seconds for _ in range(n_rounds)]
    parts = [sys.executable, __file__, "--parts", str(folder), uri]
    rounds = [
        json.loads(timed(parts, folder, environ).log.splitlines()[-1]) for _ in range(n_rounds)
    ]
    return {
        "command_seconds": spread(commands, 2),
        "peak_mb": spread([one.pop("peak_mb") for one in rounds], 0),
        "part_seconds": {name: spread([one[name] for one in rounds], 2) for name in rounds[0]},
        "page_mb": round((folder / "out" / "report.html").stat().st_size / MB, 2),
    }


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--runs", type=int, nargs="+", default=list(GOAL_SECONDS))
    parser.add_argument("--parts", nargs=2, metavar=("FOLDER", "URI"), help="one round, as JSON")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    arguments = parser.parse_args()
    if arguments.parts:
        folder, uri = arguments.parts
        print(json.dumps(in_parts(Path(folder), uri)))
        return
    source, found = provenance(), []
    for n_runs in arguments.runs:
        with tempfile.TemporaryDirectory(prefix="reporting-") as home:
            folder = Path(home)
            words = [sys.executable, str(MAKES_STORE), str(folder), str(n_runs)]
            timed(words, folder)
            local = f"sqlite:///{folder / 'mlflow.db'}"
            kinds = {"local": measured(folder, local, arguments.rounds)}
            with served(folder) as uri:
                kinds["served"] = measured(folder, uri, arguments.rounds)
        for kind, one in kinds.items():
            print(f"{n_runs:,} runs, {kind}: {shown(one['command_seconds'])} s, "
                  f"{one['peak_mb']['max']:.0f} MB, page {one['page_mb']} MB")  # fmt: skip
            for name, seconds in one["part_seconds"].items():
                print(f"  {name:<8}{shown(seconds)}", flush=True)
        found.append({"n_runs": n_runs, **kinds})
    goals = {str(n_runs): seconds for n_runs, seconds in GOAL_SECONDS.items()}
    content = {"goal_seconds": goals, "sizes": found, "provenance": source}
    keep(arguments.out, "reporting", content)


if __name__ == "__main__":
    main()
