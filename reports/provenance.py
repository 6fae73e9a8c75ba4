"""Where a report's numbers come from: code, software, machines, data, times.

Everything that may differ between two runs of one study is here and not in `results.json`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reports.collect import StudyTables

GIT_SECONDS = 5.0


def provenance(tables: StudyTables) -> dict[str, Any]:
    """The content of `provenance.json`."""
    records = list(tables.records.values())
    environments = {record.env_key: asdict(record.environment) for record in records}
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "lenet_ablations": version("lenet-ablations"),
        "commit": commit(Path.cwd()),
        "plan_digest": tables.plan_json["digest"],
        "key_schema": tables.plan_json["schema"],
        "root_seed": tables.plan_json["root_seed"],
        "curves_on": tables.plan_json["curves"],
        "n_runs": len(records),
        "n_reused_from_other_studies": sum(record.reused_from is not None for record in records),
        "first_run_started": _moment(min((record.started_ms for record in records), default=None)),
        "last_run_finished": _moment(max((record.finished_ms for record in records), default=None)),
        "claims_stored": {key: _moment(ms) for key, ms in tables.claims_stored_ms.items()},
        "environments": environments,
        "mlflow": {"experiment_id": tables.experiment_id, "parent_run_id": tables.parent_run_id},
        "run_keys": {
            f"{run['arm']} s{run['seed']}": run["run_key"] for run in tables.plan_json["runs"]
        },
    }


def commit(folder: Path) -> Mapping[str, Any] | None:
    """The commit checked out in `folder`, and whether files differ from it; None outside git."""
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    return {"sha": head, "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 (fixed words, no shell)
            ["git", "-C", str(folder), *words],  # noqa: S607 (whichever git the user has)
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
