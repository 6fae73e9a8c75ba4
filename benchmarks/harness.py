"""What the benchmarks share: a command timed from start to exit, ratios, where numbers come from.

All but `kills` use it. Knows nothing of what is timed, but for the
study that stands for ours and the names under which MLflow keeps a run.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from ablations.commits import commit

ROOT = Path(__file__).parent.parent
LIBRARIES = ("lenet-ablations", "torch", "torchvision", "numpy", "mlflow", "pydantic")
LOG_LINES = 20
ABLATIONS = (sys.executable, "-m", "ablations")
TWO_PROCESSES = ("--workers", "2", "--device", "cpu")  # as all others have


@dataclass(frozen=True)
class Ended:
    """A command that came to its end.

    Attributes:
        seconds: From start to exit, by the clock.
        started_ms: Milliseconds since 1970, just before it was started.
        log: What it printed.
    """

    seconds: float
    started_ms: float
    log: str

    @property
    def ended_ms(self) -> float:
        """Milliseconds since 1970."""
        return self.started_ms + 1000 * self.seconds


@dataclass(frozen=True)
class Tracked:
    """A run as MLflow has it; times in milliseconds since 1970."""

    name: str
    status: str
    started_ms: int
    ended_ms: int
    metrics: Mapping[str, float] = field(default_factory=dict)


def environment(extra: Path | None = None, **more: str) -> dict[str, str]:
    """A command's environment: this project and `extra` can be imported, threads are its own."""
    found = [str(ROOT), os.environ.get("PYTHONPATH", ""), str(extra or "")]
    path = os.pathsep.join(part for part in found if part)
    kept = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
    return {**kept, "PYTHONPATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", **more}


def _leave(number: int, frame: FrameType | None) -> None:
    """So that commands are ended and folders removed when this process is told to end."""
    del frame
    sys.exit(128 + number)


@contextmanager
def started(
    words: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A command at work in `folder`, its output in `log.txt`; ended with all it started."""
    signal.signal(signal.SIGTERM, _leave)
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environ or environment()),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def timed(
    words: Sequence[str],
    folder: Path,
    environ: Mapping[str, str] | None = None,
    *,
    limit_seconds: float = 900,
) -> Ended:
    """Run a command to its end.

    Raises:
        SystemExit: It failed, or took longer than `limit_seconds`; says what it printed last.
    """
    began_ms, began = time.time() * 1000, time.perf_counter()
    with started(words, folder, environ) as process:
        try:
            code: object = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            code = f"none in {limit_seconds:.0f} s"
        seconds = time.perf_counter() - began
    log = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
    if code != 0:
        last = "\n".join(log.splitlines()[-LOG_LINES:])
        raise SystemExit(f"{' '.join(map(str, words))}: exit code {code}\n{last}")
    return Ended(seconds, began_ms, log)


def write_study(folder: Path, **changes: object) -> Path:
    """The study file that stands for ours: four LeNets, what `changes` says put over it."""
    study: dict[str, object] = {
        "study": "grid",
        "dataset": "fashion-mnist",
        "control": "lenet",
        "design": "grid",
        "factors": {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]},
        "seeds": 2,
        "recipe": {"optimizer": "adam", "learning_rate": 0.001, "epochs": 1, "batch_size": 256},
        "endpoint": {"metric": "test/accuracy", "margin": 0.005},
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study | changes, sort_keys=False), encoding="utf-8")
    return file


def tracked_runs(store: Path) -> list[Tracked]:
    """Every run with a metric in a SQLite store, in order of start."""
    with closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT run_uuid, name, status, start_time, end_time FROM runs ORDER BY start_time"
        ).fetchall()
        metrics: dict[str, dict[str, float]] = {}
        for run, key, value in connection.execute(
            "SELECT run_uuid, key, value FROM latest_metrics"
        ):
            metrics.setdefault(run, {})[key] = value
    return [
        Tracked(name, status, began, ended, metrics[run])
        for run, name, status, began, ended in rows
        if run in metrics
    ]


def spread(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """Median, least and most of some rounds, and all of them."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "rounds": [round(value, digits) for value in values],
    }


def shown(found: Mapping[str, Any], digits: int = 2) -> str:
    """A spread as a table has it."""
    low, high = found["min"], found["max"]
    if len(found["rounds"]) == 1:
        return f"{found['median']:,.{digits}f}"
    return f"{found['median']:,.{digits}f} ({low:,.{digits}f}..{high:,.{digits}f})"


def provenance(extra: Path | None = None, libraries: Sequence[str] = ()) -> dict[str, Any]:
    """Commit, machine, load and versions; to be asked before anything is timed."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": (here := commit(ROOT)) and asdict(here),
        "device": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average_at_start": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        **{name: found for name in (*LIBRARIES, *libraries) if (found := _version(name, extra))},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str, extra: Path | None) -> str | None:
    """The installed version of a library, here or in the folder `extra`."""
    try:
        return version(name)
    except PackageNotFoundError:
        places = [str(extra)] if extra else []
        return next((one.version for one in distributions(name=name, path=places)), None)


def keep(out: Path | None, benchmark: str, content: Mapping[str, Any]) -> None:
    """Write what was found, if a file is named for it."""
    if out is None:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"benchmark": benchmark, **content}, indent=1)
    out.write_text(f"{text}\n", encoding="utf-8")
    print(f"written to {out}")
