"""Runs stored under an older key schema: found again, trained by nobody, and reported as before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablations import identity, record
from ablations.preparation import Prepared, RunOptions
from ablations.runner import run_study
from ablations.study_file import parse_study
from ablations.tracking.tracker import Tracker
from reports.collect import collect_study


@pytest.fixture
def options(home, store_uri) -> RunOptions:
    return RunOptions(
        tracking_uri=store_uri, work_dir=home / ".ablations", device="cpu", executor="inline"
    )


@pytest.fixture
def train(options):
    return lambda raw, **changes: run_study(parse_study(raw), replace(options, **changes))


@pytest.fixture
def raise_schema(monkeypatch):
    """The next key schema, made up: it spells every identity in another way than this one."""

    before = record.KEY_SCHEMA

    def raise_it(former=lambda now: {**now, "schema": before}):
        monkeypatch.setitem(identity.FORMER, record.KEY_SCHEMA, former)
        monkeypatch.setattr(record, "KEY_SCHEMA", record.KEY_SCHEMA + 1)

    return raise_it


@pytest.fixture
def states(options):
    """The state of every planned run, as `plan` shows it."""

    def find(raw):
        prepared = Prepared(parse_study(raw), options)
        tracker = Tracker(options.tracking_uri, options.work_dir, prepared.plan.former)
        return list(prepared.states(tracker.stored_runs()).values())

    return find


def test_what_an_older_schema_stored_is_done_and_nothing_trains(
    tiny, train, states, raise_schema, children_of, steps, store_uri
):
    before = {(one.arm, one.seed): one for one in train(tiny())}
    table, n_steps = collect_study("tiny", store_uri).runs, len(steps)
    raise_schema()
    assert states(tiny()) == ["done"] * 4
    assert train(tiny()) == []
    assert len(steps) == n_steps
    children = children_of("tiny")
    assert len(children) == 4
    assert not {run.data.tags["run_key"] for run in children} & {
        one.run_key for one in before.values()
    }
    after = collect_study("tiny", store_uri)
    assert set(after.runs["run_key"]) == {run["run_key"] for run in after.plan_json["runs"]}
    told = ["arm", "seed", "state", "test/accuracy", "train/loss"]
    assert sorted(after.runs[told].to_numpy().tolist()) == sorted(table[told].to_numpy().tolist())


def test_one_more_seed_is_all_that_trains_after_a_change_of_schema(tiny, train, raise_schema):
    train(tiny())
    raise_schema()
    assert {(one.arm, one.seed) for one in train(tiny(seeds=3))} == {
        ("control", 2),
        ("activation=relu", 2),
    }
    assert train(tiny(seeds=3)) == []


def test_a_fresh_attempt_of_an_older_run_is_its_second(tiny, train, raise_schema):
    train(tiny(seeds=1))
    raise_schema()
    assert [one.attempt for one in train(tiny(seeds=1), fresh=True)] == [2, 2]


def test_another_study_links_what_an_older_schema_stored(
    tiny, train, raise_schema, children_of, store_uri
):
    train(tiny())
    old = {run.data.tags["run_key"] for run in children_of("tiny")}
    raise_schema()
    assert train(tiny(study="second")) == []
    linked = children_of("second")
    assert len(linked) == 4
    assert all(run.data.tags["reused_from"] for run in linked)
    assert not {run.data.tags["run_key"] for run in linked} & old
    assert {run.data.tags["run_key"] for run in children_of("tiny")} == old  # its plan names those
    assert len(collect_study("tiny", store_uri).runs) == 4
    assert len(collect_study("second", store_uri).runs) == 4


def test_a_probe_is_measured_on_weights_that_an_older_schema_stored(
    tiny, train, raise_schema, steps, store_uri
):
    train(tiny(seeds=1))
    n_steps = len(steps)
    raise_schema()
    assert train(tiny(seeds=1, probes=["shift"])) == []
    assert len(steps) == n_steps
    assert collect_study("tiny", store_uri).runs["probe/shift/accuracy_0"].notna().all()


def test_a_verdict_that_was_shown_stays_shown_and_is_no_deviation(
    tiny, train, raise_schema, options
):
    train(tiny())
    plan_json = collect_study("tiny", options.tracking_uri).plan_json
    shown = {"activation=relu - control": [0, 1]}
    Tracker(options.tracking_uri, options.work_dir).store_report(plan_json, {}, "", shown)
    raise_schema()
    train(tiny())
    after = collect_study("tiny", options.tracking_uri).plan
    assert after.shown == {"activation=relu - control": (0, 1)}
    assert after.deviations == ()


def test_a_training_that_the_older_schema_could_not_name_is_new(tiny, train, states, raise_schema):
    train(tiny(seeds=1))
    raise_schema(lambda _: None)
    assert states(tiny(seeds=1)) == ["new"] * 2
