"""`plan`, `run`, `status` and `report` as a person calls them."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.record import RunRecord, RunState
from ablations.tracking.locks import folder_lock
from ablations.tracking.outbox import Entry, Outbox
from ablations.tracking.store import MlflowStore

INLINE = ("--executor", "inline", "--device", "cpu")


def test_plan_json_has_the_documented_shape_and_writes_nothing(call, tiny_file, home):
    content = json.loads(call("plan", tiny_file(), "--json").output)
    keys = {"study", "spec", "design", "arms", "runs", "resolution", "looks", "tuning", "claims"}
    keys |= {"warnings", "changes"}
    assert set(content) == keys | {"estimated_seconds", "estimated_from", "measured"}
    assert (content["estimated_from"], content["measured"]) == ([], None)
    assert content["design"] == {
        "name": "one-factor",
        "matrix": [
            {"arm": "control", "levels": {"activation": "sigmoid"}},
            {"arm": "activation=relu", "levels": {"activation": "relu"}},
        ],
    }
    keys = ["name", "variant", "levels", "recipe", "dataset", "changes", "n_parameters", "n_macs"]
    assert [list(arm) for arm in content["arms"]] == [[*keys, "differs"]] * 2
    assert content["arms"][0]["differs"] is None
    assert content["arms"][1]["differs"]["settings"] == {"activation": ["sigmoid", "relu"]}
    assert content["warnings"] == []
    assert [arm["changes"] for arm in content["arms"]] == [{}, {"activation": "relu"}]
    assert [set(run) for run in content["runs"]] == [
        {"run_key", "arm", "comparison", "seed", "state"}
    ] * 4
    assert {run["state"] for run in content["runs"]} == {"new"}
    assert [path.name for path in home.iterdir()] == ["study.yaml"]


def test_run_trains_then_plan_and_status_tell_it_is_done(call, tiny_file, store_uri):
    study = tiny_file()
    result = call("run", study, *INLINE, "--no-report")
    assert result.exit_code == 0
    assert "tiny: 2 arms x 2 seeds = 4 runs, 4 to train" in result.output
    assert "[4/4]" in result.output
    again = call("run", study, *INLINE, "--no-report")
    assert "4 kept as they are, nothing to train" in again.output
    content = json.loads(call("plan", study, "--json").output)
    assert [run["state"] for run in content["runs"]] == ["done"] * 4
    assert content["estimated_seconds"] == 0
    more = json.loads(call("plan", study, "--json", "--set", "seeds=20").output)
    assert 0 < more["estimated_seconds"] < 60
    assert call("status", study).output.count("2 done") == 2
    assert "2 done" in call("plan", study, "--set", "seeds=3").output
    assert "1 new" in call("plan", study, "--set", "seeds=3").output


def test_plan_measures_when_asked_and_later_plans_go_by_it(call, tiny_file, home, cache):
    study = tiny_file()
    assert "; --measure times it" in call("plan", study, "--device", "cpu").output
    content = json.loads(call("plan", study, "--device", "cpu", "--measure", "--json").output)
    assert content["estimated_from"] == ["measured"]
    assert 0 < content["estimated_seconds"] < 60
    assert {one["arm"] for one in content["measured"]} == {"control", "activation=relu"}
    for one in content["measured"]:
        assert set(one) == {"arm", "images_per_second", "step_seconds"}
        assert one["images_per_second"] > 0
        assert one["step_seconds"] > 0
    assert [path.name for path in home.iterdir()] == ["study.yaml"]
    assert [path.name for path in cache.iterdir()] == ["paces.json"]
    later = call("plan", study, "--device", "cpu").output
    assert "of training left, from the pace of other runs on this machine" in later


def test_a_study_in_an_empty_store_goes_by_the_runs_of_another(
    call, tiny_file, store_uri, home, cache
):
    study = tiny_file()
    call("run", study, *INLINE, "--no-report")
    assert cache.exists()
    empty = ("--tracking-uri", f"sqlite:///{home}/none.db", "--device", "cpu")
    content = json.loads(call("plan", study, "--json", *empty).output)
    assert content["estimated_from"] == ["cached"]
    assert 0 < content["estimated_seconds"] < 60
    more = json.loads(call("plan", study, "--json", "--device", "cpu", "--set", "seeds=3").output)
    assert more["estimated_from"] == ["store"]


def test_a_failed_run_exits_1_now_and_later_and_the_report_is_built(
    call, tiny_file, store_uri, fragile, home
):
    fragile.with_name("broken").touch()
    study = tiny_file(arms=["fragile"], plugins=["fragile.py"], seeds=1)
    result = call("run", study, *INLINE, "--out", "out")
    assert result.exit_code == 1
    assert "fragile s0  FAILED RuntimeError: this network is broken" in result.output
    assert "1 run failed; --retry-failed trains again what failed" in result.output
    arms = json.loads((home / "out" / "results.json").read_text())["arms"]
    assert {arm["name"]: arm["failures"] for arm in arms}["fragile"] == {"FAILED": 1}
    assert call("run", study, *INLINE, "--no-report").exit_code == 1
    assert "1 failed" in call("status", study).output
    assert "1 run failed: run --retry-failed trains them again" in call("plan", study).output
    fragile.with_name("broken").unlink()
    assert call("run", study, *INLINE, "--no-report", "--retry-failed").exit_code == 0


def test_every_problem_of_a_file_is_told_at_once(call, tiny_file):
    study = tiny_file(seeds=0, control="lenett", recipe={"epochs": 0, "learnig_rate": 1})
    result = call("plan", study)
    assert result.exit_code == 2
    assert "study.yaml: 4 problems" in result.output


def test_a_slip_in_the_file_and_a_vanishing_layer_are_told_together(call, tiny_file):
    study = tiny_file(control="lenet")
    result = call("run", study, *INLINE, "--set", "dataset.image_size=[8, 8]", "--set", "sees=3")
    assert result.exit_code == 2
    assert "sees: unknown key 'sees'" in result.output
    assert "arm 'control': lenet conv2: expected an input of at least" in result.output


def test_an_image_size_at_which_layers_vanish_names_the_arms(call, tiny_file):
    study = tiny_file(control="lenet")
    result = call("run", study, *INLINE, "--set", "dataset.image_size=[8, 8]")
    assert result.exit_code == 2
    assert "arm 'control': " in result.output
    assert "arm 'activation=relu': " in result.output
    assert "conv2: expected an input of at least 5x5 for its 5x5 window" in result.output
    assert "use larger images, more padding, a smaller kernel" in result.output


def test_a_store_that_is_down_exits_3_and_trains_nothing(call, tiny_file, home):
    result = call("run", tiny_file(), *INLINE, "--tracking-uri", "http://127.0.0.1:9")
    assert result.exit_code == 3
    assert "error: tracking store http://127.0.0.1:9: " in result.output
    assert not list(Outbox(home / ".ablations").entries())


def test_a_folder_another_driver_works_in_exits_2(call, tiny_file, store_uri, home):
    with folder_lock(home / ".ablations", "run of study 'other'"):
        result = call("run", tiny_file(), *INLINE)
    assert result.exit_code == 2
    assert "error: .ablations: run of study 'other' (process " in result.output
    assert "wait for it (`run --wait` does), or give another --work-dir" in result.output


def test_a_report_is_built_again_by_name_or_file_in_the_formats_asked_for(
    call, tiny_file, store_uri, home
):
    study = tiny_file()
    call("run", study, *INLINE, "--no-report")
    assert call("report", "tiny", "--out", "a", "--formats", "json").exit_code == 0
    assert call("report", study, "--out", "b", "--formats", "json,md,csv,tex").exit_code == 0
    documents = {"results.json", "costs.json", "provenance.json", "report-files.json"}
    assert {path.name for path in Path("a").iterdir()} == documents
    assert {path.name for path in Path("b").iterdir()} > documents | {"report.md", "report.tex"}
    assert Path("a/results.json").read_bytes() == Path("b/results.json").read_bytes()
    unknown = call("report", "tiny", "--formats", "gif")
    assert unknown.exit_code == 2
    assert "got ['gif']" in unknown.output
    near = call("report", "tinny")
    assert near.exit_code == 2
    assert "no study 'tinny'; did you mean 'tiny'? run it first (stored: tiny)" in near.output


def test_a_study_changed_in_the_middle_says_what_changed(call, tiny_file, store_uri):
    study = tiny_file()
    call("run", study, *INLINE, "--no-report")
    assert "changed:" not in call("plan", study).output
    settings = ("--set", "seeds=[0, 2]", "--set", "endpoint.margin=0.03")
    told = [
        "changed: seeds added: 2\n",
        "changed: seeds left out: 1; their runs stay stored and are in no report of this plan\n",
        "changed: endpoint.margin was 0.02, now 0.03: nothing is trained for it\n",
    ]
    for command in (("plan",), ("run", *INLINE, "--no-report")):
        output = call(command[0], study, *settings, *command[1:]).output
        assert all(line in output for line in told), output
    renamed = call("run", study, *INLINE, "--no-report", "--set", "study=other").output
    assert "changed: new here, but 4 of its 4 runs are in study 'tiny' already" in renamed
    assert "nothing to train" in renamed


def test_a_new_study_that_trains_a_part_anew_links_the_rest(call, tiny_file, store_uri):
    study = tiny_file(seeds=3)
    call("run", study, *INLINE, "--no-report")
    part = ("--fresh", "--only", "control", "--seeds", "0", "--set", "study=second")
    assert (
        "5 kept as they are, 1 to train" in call("run", study, *INLINE, "--no-report", *part).output
    )
    assert call("report", "second", "--out", "second", "--formats", "json").exit_code == 0
    results = json.loads(Path("second/results.json").read_text())
    assert results["final"]
    assert results["contrasts"][0]["n_pairs"] == 3


def test_an_interrupted_attempt_takes_no_outcome_out_of_the_report(call, tiny_file, store_uri):
    study = tiny_file(seeds=3)
    call("run", study, *INLINE, "--out", "before")
    store = MlflowStore(store_uri)
    text = next(Path().glob("mlartifacts/**/record.json")).read_text()
    stopped = replace(
        RunRecord.from_json(text), attempt=2, state=RunState.INTERRUPTED, metrics={}, curves={}
    )
    store.write(Entry(store_uri, "tiny", stopped.run_key, stopped.env_key, 2, stopped, (), {}))
    assert call("status", study).output.count("3 done") == 2
    call("report", study, "--out", "after", "--formats", "json")
    assert Path("after/results.json").read_bytes() == Path("before/results.json").read_bytes()


def test_a_plan_lists_every_run_when_asked(call, tiny_file):
    study = tiny_file()
    content = json.loads(call("plan", study, "--json").output)
    listed = call("plan", study, "--runs").output
    assert all(run["run_key"][:16] in listed for run in content["runs"])
    assert content["runs"][0]["run_key"][:16] not in call("plan", study).output


def test_a_range_of_seeds_beyond_reason_is_refused_at_once(call, tiny_file):
    result = call("run", tiny_file(), "--seeds", "0..9999999999")
    assert result.exit_code == 2
    assert "must name at most 10000 seeds, got '0..9999999999'" in result.output
    assert call("run", tiny_file(), "--seeds", "").exit_code == 2


@pytest.mark.parametrize("command", ["plan", "run", "status", "report"])
def test_a_damaged_plan_in_the_store_is_told_in_one_line(call, tiny_file, store_uri, command):
    study = tiny_file()
    call("run", study, *INLINE, "--no-report")
    stored = next(Path().glob("mlartifacts/**/plan.json"))
    stored.write_text(stored.read_text()[:300])
    words = {"run": INLINE, "status": ("--device", "cpu")}.get(command, ())
    result = call(command, "tiny" if command in ("status", "report") else study, *words)
    assert result.exit_code == 3
    assert "plan.json of run " in result.output
    assert "is damaged (" in result.output


def test_results_seen_before_a_verdict_stamp_a_margin_changed_after_them(
    call, tiny_file, store_uri
):
    study = tiny_file(seeds=3)
    call("run", study, *INLINE, "--seeds", "0..1", "--out", "partial")
    assert not json.loads(Path("partial/results.json").read_text())["final"]
    call("run", study, *INLINE, "--set", "endpoint.margin=0.2", "--out", "whole")
    results = json.loads(Path("whole/results.json").read_text())
    changed = "the endpoint's margin was 0.02 when results were first shown, now 0.2"
    assert results["plan"]["deviations"] == [changed]
    assert results["contrasts"][0]["verdict"] is None
    assert [one["code"] for one in results["refusals"]] == ["endpoint_changed"]
    more = ("--set", "endpoint.margin=0.2", "--set", "accept=[endpoint_changed]")
    assert "endpoint_changed is accepted" in call("run", study, *INLINE, *more, "--out", "w").output
    results = json.loads(Path("w/results.json").read_text())
    assert results["plan"]["deviations"] == [changed, f"accepted by the study: {changed}"]
    assert results["contrasts"][0]["verdict"] is not None


@pytest.mark.parametrize(
    ("text", "trained"), [("0", 2), ("0..1", 4), ("0,2", 4), ("1..2,2", 4)], ids=str
)
def test_run_takes_seeds_as_a_range_or_a_list(call, tiny_file, store_uri, text, trained):
    study = tiny_file(seeds=3, recipe={"epochs": 1, "batch_size": 32})
    result = call("run", study, *INLINE, "--no-report", "--seeds", text)
    assert result.exit_code == 0
    assert f"{trained} to train" in result.output


@pytest.mark.parametrize("text", ["", " ", "2..0", "a", "0..", "-1", "0,,1"])
def test_seeds_that_are_no_seeds_are_bad_input(call, tiny_file, text):
    result = call("run", tiny_file(), "--seeds", text or ",")
    assert result.exit_code == 2
    assert "must be like 0..2 or 0,3,7" in result.output


def test_run_takes_one_arm_alone(call, tiny_file, store_uri):
    result = call("run", tiny_file(), *INLINE, "--no-report", "--only", "activation=relu")
    assert "2 to train" in result.output
    wrong = call("run", tiny_file(), "--only", "activation=rel")
    assert wrong.exit_code == 2
    assert "did you mean 'activation=relu'?" in wrong.output


def test_a_study_that_is_done_starts_no_worker(call, tiny_file, store_uri, monkeypatch):
    study = tiny_file()
    call("run", study, *INLINE, "--no-report")
    monkeypatch.setattr("ablations.executors.crew._started", None)
    again = call("run", study, "--device", "cpu", "--no-report")
    assert again.exit_code == 0
    assert "nothing to train" in again.output


def test_a_mistake_that_only_the_data_show_leaves_no_worker(call, tiny_file, home):
    result = call("run", tiny_file(dataset={"name": "digits", "subset": 5000}), "--device", "cpu")
    assert result.exit_code == 2
    assert "subset" in result.output
    assert multiprocessing.active_children() == []
    assert not (home / "mlflow.db").exists()
