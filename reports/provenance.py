"""Where a report's numbers come from: code, software, machines, data, times.

Everything that may differ between two runs of one study is here and not in `results.json`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ablations.commits import commit
from ablations.record import RunRecord, run_name
from reports.collect import StudyTables


def provenance(tables: StudyTables) -> dict[str, Any]:
    """The content of `provenance.json`."""
    records = list(tables.records.values())
    reported_from = commit(Path.cwd())
    environments = {record.env_key: asdict(record.environment) for record in records}
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "lenet_ablations": version("lenet-ablations"),
        "commits": _commits(records),
        "report_commit": reported_from and asdict(reported_from),
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
        "data": {
            record.spec["dataset"]["name"]: record.spec["identity"]["data"]["digest"]
            for record in records
            if "identity" in record.spec  # which the oldest records have not
        },
        "mlflow": {"experiment_id": tables.experiment_id, "parent_run_id": tables.parent_run_id},
        "run_keys": {
            run_name(run["arm"], run["seed"], comparison=run["comparison"]): run["run_key"]
            for run in tables.plan_json["runs"]
        },
    }


def _commits(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """What was checked out when the runs were trained, and how many were trained from it."""
    counted = Counter(record.commit for record in records)
    return [
        {"sha": one and one.sha, "dirty": one and one.dirty, "n_runs": n_runs}
        for one, n_runs in counted.most_common()
    ]


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
