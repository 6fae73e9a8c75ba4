"""Tuning and looks in one study: what is known before, between and after, and that it all ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.end_to_end

INLINE = ("--executor", "inline", "--device", "cpu")
BOTH = {
    "study": "both",
    "dataset": {"name": "digits", "subset": 200},
    "control": {"variant": "mlp", "levels": {"hidden": [16], "activation": "sigmoid"}},
    "factors": {"activation": ["relu"]},
    "seeds": {"looks": [3, 4]},
    "recipe": {"epochs": 2, "batch_size": 32, "learning_rate": 0.01},
    "tuning": {"sampler": "grid", "space": {"learning_rate": [0.001, 0.02]}, "validation": 50},
    "endpoint": {"metric": "test/accuracy", "margin": 0.02},
}


@pytest.fixture
def study(home, store_uri):
    def write(**changes):
        Path("study.yaml").write_text(yaml.safe_dump({**BOTH, **changes}, sort_keys=False))

    write()
    return write


def results(call):
    done = call("report", "study.yaml", "--formats", "json", "--out", "out")
    assert done.exit_code == 0, done.output
    return json.loads(Path("out/results.json").read_text())


def planned(call):
    return json.loads(call("plan", "study.yaml", "--json").output)


def test_plan_and_status_know_both_before_anything_is_trained(study, call):
    told = planned(call)
    assert told["looks"]["n_runs_at_most"] == 2 * 2 * 4
    assert [arm["n_ended"] for arm in told["tuning"]["arms"]] == [0, 0]
    assert call("status", "study.yaml").exit_code == 0


def test_one_arm_and_then_the_other_come_to_a_whole_study(study, call):
    for words in (("--only", "control"), ()):
        done = call("run", "study.yaml", *INLINE, "--no-report", *words)
        assert done.exit_code == 0, done.output
        assert call("status", "both").exit_code == 0
    found = results(call)
    assert found["final"] is True
    assert len(found["contrasts"]) == 2
    assert all(one["method"] == "sequential" for one in found["contrasts"])


def test_another_search_is_told_and_counted_from_its_own_trials(study, call):
    assert call("run", "study.yaml", *INLINE).exit_code == 0
    study(tuning={**BOTH["tuning"], "space": {"learning_rate": [0.003, 0.02, 0.1]}})
    told = planned(call)
    assert any("tuning has another space" in text for text in told["changes"])
    assert [arm["n_ended"] for arm in told["tuning"]["arms"]] == [0, 0]
    assert call("status", "study.yaml").output.count("0 of 3") == 2
    assert call("run", "study.yaml", *INLINE).exit_code == 0
    found = results(call)
    assert any("recipes were tuned otherwise" in text for text in found["plan"]["deviations"])


def test_an_arm_that_no_trial_trains_is_reported_and_the_others_keep_their_verdicts(study, call):
    study(
        seeds=3,
        recipe={**BOTH["recipe"], "optimizer": "sgd"},
        factors={"activation": ["relu", "tanh"]},
        tuning={"sampler": "grid", "space": {"learning_rate": [1e18, 1e19]}, "validation": 50},
    )
    done = call("run", "study.yaml", *INLINE)
    assert done.exit_code == 0, done.output
    found = results(call)
    assert found["final"] is True
    assert all(one["n_completed"] == 2 for one in found["tuning"]["arms"])
    shared = [one for one in found["contrasts"] if one["comparison"] == "shared"]
    assert all(one["verdict"] for one in shared)


def test_a_trial_is_not_replayed_and_that_is_said(study, call, children_of):
    assert call("run", "study.yaml", *INLINE, "--no-report").exit_code == 0
    trial = children_of("both", kind="tuning")[0].data.tags
    done = call("replay", trial["run_key"])
    assert done.exit_code == 2
    told = " ".join(done.output.split())
    assert f"is a trial of arm {trial['arm']!r} in study 'both'; trials are not replayed" in told
