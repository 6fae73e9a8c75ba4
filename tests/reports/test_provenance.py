from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest

from ablations import data, runner
from ablations.commits import Commit
from ablations.preparation import RunOptions
from ablations.runner import run_study
from ablations.study_file import parse_study
from ablations.tracking.store import MlflowStore
from reports.collect import collect_study
from reports.provenance import provenance


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
    assert found["data"] == {"digits": data.load("digits").digest}
    (environment,) = found["environments"].values()
    assert environment["device_kind"] == "cpu"
    assert {"python", "platform", "numpy", "mlflow"} <= set(environment["software"])
    started, finished, written = (
        datetime.fromisoformat(found[name])
        for name in ("first_run_started", "last_run_finished", "written")
    )
    assert started <= finished <= written
    json.dumps(found, allow_nan=False)


def test_runs_keep_the_commit_they_were_trained_from(home, store_uri, tiny, monkeypatch):
    options = RunOptions(store_uri, home / ".ablations", device="cpu", executor="inline")
    first, second = Commit("a" * 40, dirty=False), Commit("b" * 40, dirty=True)
    for seeds, one in ((1, first), (3, second)):
        monkeypatch.setattr(runner, "commit", lambda _, one=one: one)
        run_study(parse_study(tiny(seeds=seeds)), options)
    monkeypatch.setattr("reports.provenance.commit", lambda _: second)
    tables = collect_study("tiny", store_uri)
    found = provenance(tables)
    assert found["commits"] == [
        {"sha": "b" * 40, "dirty": True, "n_runs": 4},
        {"sha": "a" * 40, "dirty": False, "n_runs": 2},
    ]
    assert found["report_commit"] == {"sha": "b" * 40, "dirty": True}
    runs = MlflowStore(store_uri).client.search_runs([tables.experiment_id], "tags.kind = 'run'")
    shown = Counter(run.data.tags["mlflow.source.git.commit"] for run in runs)
    assert shown == {"b" * 40: 4, "a" * 40: 2}
