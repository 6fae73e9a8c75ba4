from __future__ import annotations

import json
import subprocess
from datetime import datetime

import pytest

from ablations.preparation import RunOptions
from ablations.runner import run_study
from ablations.study_file import parse_study
from reports.collect import collect_study
from reports.provenance import commit, provenance


@pytest.fixture
def tables(home, store_uri, tiny):
    options = RunOptions(store_uri, home / ".ablations", device="cpu", executor="inline")
    for name in ("first", "tiny"):
        run_study(parse_study(tiny(study=name, seeds=1)), options)
    return collect_study("tiny", store_uri)


def test_provenance_says_where_every_number_comes_from(tables):
    found = provenance(tables)
    assert found["plan_digest"] == tables.plan_json["digest"]
    assert found["n_runs"] == 2
    assert found["n_reused_from_other_studies"] == 2
    assert set(found["run_keys"]) == {"control s0", "activation=relu s0"}
    assert set(found["run_keys"].values()) == set(tables.records)
    (environment,) = found["environments"].values()
    assert environment["device_kind"] == "cpu"
    assert {"python", "platform", "numpy", "mlflow"} <= set(environment["software"])
    started, finished, written = (
        datetime.fromisoformat(found[name])
        for name in ("first_run_started", "last_run_finished", "written")
    )
    assert started <= finished <= written
    json.dumps(found, allow_nan=False)


def test_a_folder_outside_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) is None


def test_a_commit_is_told_with_whether_files_differ_from_it(tmp_path):
    def git(*words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(  # noqa: S603
            command, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    assert commit(tmp_path) == {"sha": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "file").write_text("2")
    assert commit(tmp_path) == {"sha": git("rev-parse", "HEAD"), "dirty": True}
