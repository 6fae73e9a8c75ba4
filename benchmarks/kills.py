"""Drivers and workers killed hundreds of times; every study must end as one that was never touched.

Each study is driven by `ablations run` in a process of its own with two workers. It is killed with
SIGKILL at moments drawn from a seeded generator, at a transaction of MLflow's, or at a named fault
point, again and again; then it is run to its end and held to what was promised (`violations`, and
the bytes of `results.json`). The tests of kills use the same `Subject`. Linux only, by /proc.

    python benchmarks/kills.py --kills 120 --out benchmarks/results/kills.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from ablations import faults
from ablations.commits import commit
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import MlflowStore

STUDY: dict[str, Any] = {
    "study": "kills",
    "dataset": {"name": "digits", "subset": 100},
    "control": {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1}},
    "factors": {"activation": ["sigmoid", "relu"]},
    "seeds": 5,
    "recipe": {"epochs": 40, "batch_size": 32, "learning_rate": 0.01},
    "endpoint": {"metric": "test/accuracy", "margin": 0.02},
}
SECONDS = 300  # in which any one process must end
MOST_RUNS = 5  # that bring a study to its end
MOST_WORKERS = 6  # killed under one driver
AT_REPORT = ("report_written", "report_stored", "report_noted")
SHARE_WITH_REPORT = 0.3  # a report takes as long as all else
AT_TUNING = ("trial_stored", "tuning_ended")
UNREACHED = ("run_linked", *AT_TUNING)  # need another study, or another one; the tests have both


class Subject:
    """One study in a folder of its own, driven by processes that can be killed."""

    def __init__(self, home: Path, study: Mapping[str, Any] = STUDY) -> None:
        self.home, self.name = home, study["study"]
        self.uri, self.work_dir = f"sqlite:///{home / 'mlflow.db'}", home / ".ablations"
        self.proofs, self.log = home / "proofs", home / "driver.log"
        self.proofs.mkdir()
        (home / "study.yaml").write_text(yaml.safe_dump(dict(study)), encoding="utf-8")

    def start(self, *words: str, fault: str = "") -> subprocess.Popen[bytes]:
        """Start `ablations ...`, told to die at `fault`; its output goes to `log`."""
        told = {faults.FAULT: fault, faults.PROOF: str(self.proofs)}
        usual = {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        command = [sys.executable, "-m", "ablations", *words]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=self.home,
                env={**os.environ, **usual, **told},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def drive(self, fault: str = "", *, reports: bool = True) -> subprocess.Popen[bytes]:
        """Start a driver with two workers and a checkpoint at every epoch."""
        words = ["--workers", "2", "--device", "cpu", "--checkpoint-seconds", "0"]
        words += [] if reports else ["--no-report"]
        return self.start("run", "study.yaml", "--retry-failed", *words, fault=fault)

    def landed(self, fault: str) -> bool:
        """Whether a process has died at that point; it is forgotten, so that another may."""
        proof = self.proofs / fault.partition(":")[0]
        is_there = proof.exists()
        proof.unlink(missing_ok=True)
        return is_there

    def finish(self) -> bytes:
        """Run the study to its end; the bytes of its `results.json`."""
        for _ in range(MOST_RUNS):
            code = self.drive().wait(SECONDS)
            if code == 0:
                (found,) = self.home.glob("ablation-reports/*/results.json")
                return found.read_bytes()
        raise RuntimeError(f"exit code {code} after {MOST_RUNS} runs:\n{self.log.read_text()}")

    def violations(self) -> list[str]:
        """What was promised of an ended study and does not hold."""
        store = MlflowStore(self.uri)
        experiments = [item.experiment_id for item in store.client.search_experiments()]
        runs = store.client.search_runs(experiments, max_results=1000)
        children = Counter(
            (run.info.experiment_id, run.data.tags["run_key"], run.data.tags["attempt"])
            for run in runs
            if run.data.tags["kind"] in ("run", "tuning")
        )
        left = [*Outbox(self.work_dir).folder.glob("*"), *self.work_dir.glob("checkpoints/*")]
        return [
            *(f"{run.info.run_name} is RUNNING" for run in runs if run.info.status == "RUNNING"),
            *(f"{key[:12]} attempt {n} twice" for (_, key, n), k in children.items() if k > 1),
            *(f"{path.parent.name}/{path.name} is left" for path in left),
        ]


def workers_of(driver: int) -> list[int]:
    """The processes that train for a driver."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = status.with_name("cmdline").read_text()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == driver and "spawn_main" in command:
            found.append(int(status.parent.name))
    return sorted(found)


@dataclass(frozen=True)
class Kill:
    """One attempt at killing: whom, how the moment was chosen, where it was, whether it landed."""

    victim: str
    chosen_by: str
    where: str
    has_landed: bool


def at_a_moment(subject: Subject, victim: str, seconds: float, rng: random.Random) -> Kill:
    """Kill the driver, or a worker, that many seconds after its first moment."""
    driver = subject.drive(reports=rng.random() < SHARE_WITH_REPORT)
    while victim == "worker" and driver.poll() is None and not workers_of(driver.pid):
        time.sleep(0.05)
    try:
        driver.wait(seconds)
    except subprocess.TimeoutExpired:
        targets = [driver.pid] if victim == "driver" else workers_of(driver.pid)
        where = _phase(subject.log.read_text())
        has_landed = bool(targets) and kill(rng.choice(targets))
    else:
        where, has_landed = "ended before", False
    driver.wait(SECONDS)
    return Kill(victim, "moment", where, has_landed)


def one_after_another(subject: Subject, rng: random.Random) -> list[Kill]:
    """Kill workers of one driver, which replaces each, and go on until it ends or enough have."""
    driver, kills = subject.drive(reports=False), []
    while driver.poll() is None and len(kills) < MOST_WORKERS:
        time.sleep(rng.uniform(0, 1))
        targets = workers_of(driver.pid)
        if targets and kill(rng.choice(targets)):
            kills.append(Kill("worker", "moment", _phase(subject.log.read_text()), has_landed=True))
    driver.wait(SECONDS)
    return kills


def at_a_point(subject: Subject, fault: str) -> Kill:
    """Let whichever process passes a fault point die there."""
    point = fault.partition(":")[0]
    driver = subject.drive(fault, reports=point in AT_REPORT)
    code = driver.wait(SECONDS)
    victim = "driver" if code == -signal.SIGKILL else "worker"
    chosen_by = "transaction" if point == "commit" else "point"
    where = _phase(subject.log.read_text()) if point == "commit" else point
    return Kill(victim, chosen_by, where, subject.landed(fault))


def kill(pid: int) -> bool:
    """Kill a process; whether it was still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _phase(log: str) -> str:
    """How far a driver had come, by what it had printed."""
    if "to train" not in log and "nothing to train" not in log:
        return "opening"
    ended = [line for line in log.splitlines() if line.startswith("[")]
    n_ended, _, n_jobs = (
        ended[-1].partition("]")[0].strip("[").partition("/") if ended else ("0", "/", "-")
    )
    return "closing and report" if n_ended == n_jobs or "nothing to" in log else "training"


def draw(subject: Subject, whole: float, rng: random.Random) -> list[Kill]:
    """Kills of a kind and at moments that the generator chooses, of one driver or its workers."""
    kind = rng.choice(["driver", "workers", "commit", "point"])
    if kind == "workers":
        return one_after_another(subject, rng)
    if kind == "commit":
        return [at_a_point(subject, f"commit:{rng.randint(1, 40)}")]
    if kind == "point":
        points = [name for name in faults.POINTS if name not in ("commit", *UNREACHED)]
        return [at_a_point(subject, f"{rng.choice(points)}:{rng.randint(1, 2)}")]
    return [at_a_moment(subject, kind, rng.uniform(0, whole), rng)]


def unbroken(folder: Path) -> tuple[bytes, float]:
    """`results.json` of a study that nobody kills, and how long a driver takes for it."""
    (folder / "unbroken").mkdir()
    subject = Subject(folder / "unbroken")
    started = time.perf_counter()
    results = subject.finish()
    found = subject.violations()
    if found:
        raise RuntimeError(f"a study that was not killed is not whole: {found}")
    return results, time.perf_counter() - started


def measure(n_kills: int, per_study: int, seed: int) -> dict[str, Any]:
    """Kill until `n_kills` have landed; what was killed where, and what did not hold."""
    rng, kills, wrong, n_studies = random.Random(seed), [], [], 0  # noqa: S311 (no secret)
    with tempfile.TemporaryDirectory(prefix="kills-") as temporary:
        whole, seconds = unbroken(Path(temporary))
        while sum(kill.has_landed for kill in kills) < n_kills:
            home = Path(temporary) / f"study-{n_studies}"
            home.mkdir()
            subject = Subject(home)
            for _ in range(per_study):
                kills += draw(subject, seconds, rng)
            n_studies += 1
            is_same = subject.finish() == whole
            found = subject.violations() + ([] if is_same else ["results.json differs"])
            wrong += [f"study {n_studies}: {text}" for text in found]
            n_landed = sum(kill.has_landed for kill in kills)
            print(f"study {n_studies}: {n_landed} kills landed, {len(wrong)} violations", *found)
    return {
        "benchmark": "kills",
        "seed": seed,
        "unbroken_seconds": round(seconds, 1),
        "n_studies": n_studies,
        "n_kills_tried": len(kills),
        "n_kills_landed": sum(kill.has_landed for kill in kills),
        "landed": _counts(kill for kill in kills if kill.has_landed),
        "violations": wrong,
    }


def _counts(kills: Iterable[Kill]) -> list[dict[str, Any]]:
    counted = Counter((kill.victim, kill.chosen_by, kill.where) for kill in kills)
    names = ("victim", "chosen_by", "where")
    return [{**dict(zip(names, key, strict=True)), "n": n} for key, n in sorted(counted.items())]


def provenance() -> dict[str, Any]:
    """What the counts were made with."""
    libraries = ("lenet-ablations", "mlflow", "torch", "sqlalchemy", "filelock")
    return {
        "commit": (here := commit(Path(__file__).parent)) and asdict(here),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in libraries},
    }


def main() -> int:
    """Kill, print the table, write it down; 1 if anything did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=120, help="that must land")
    parser.add_argument(
        "--per-study",
        type=int,
        default=4,
        help="drivers killed, or their workers, before each is finished",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a JSON file")
    arguments = parser.parse_args()
    found = measure(arguments.kills, arguments.per_study, arguments.seed)
    for row in found["landed"]:
        print(f"{row['n']:5d}  {row['victim']:<7} by {row['chosen_by']:<12} {row['where']}")
    print(f"{found['n_kills_landed']} of {found['n_kills_tried']} kills landed")
    print("violations:", *(found["violations"] or ["none"]))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps({**found, "provenance": provenance()}, indent=1)
        arguments.out.write_text(f"{content}\n", encoding="utf-8")
    return int(bool(found["violations"]))


if __name__ == "__main__":
    sys.exit(main())
