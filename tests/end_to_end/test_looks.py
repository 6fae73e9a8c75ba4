"""A real study whose seeds are added look by look, from its file to its report."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import pytest
import yaml
from kills import Subject

from ablations.tracking.store import MlflowStore
from ablations.tracking.tracker import Tracker

pytestmark = pytest.mark.end_to_end

INLINE = ("--executor", "inline", "--device", "cpu")
RELU, AVG = "activation=relu", "pooling=avg"
# With so few images the control learns nothing, whatever its pooling; with ReLU it sometimes does.
FACTORS = {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]}
RECIPE = {"epochs": 4, "batch_size": 32, "learning_rate": 0.01}
CHANGES = {"factors": FACTORS, "recipe": RECIPE, "seeds": {"looks": [3, 6]}}


@pytest.fixture
def looked_at(tiny_file, store_uri):
    """The file of a study of which one arm is decided at once, and one is not."""
    return tiny_file(**CHANGES)


@pytest.fixture
def run(call):
    def go(study, *words):
        result = call("run", study, *INLINE, *words)
        assert result.exit_code == 0, result.output
        return result.output

    return go


def _results(folder: str) -> dict:
    return json.loads(Path(folder, "results.json").read_text())


def _n_seeds(children) -> Counter:
    return Counter(run.data.tags["arm"] for run in children)


def test_an_arm_that_is_decided_leaves_and_another_goes_on(
    looked_at, run, call, children_of, store_uri, home
):
    output = run(looked_at, "--out", "out")
    assert "3 arms x 6 seeds = 18 runs at the most, 9 to train, up to 9 later" in output
    assert f"decided: {AVG}; 6 runs more, to 6 seeds: control, {RELU}" in output
    assert "[15/15]" in output
    assert _n_seeds(children_of("tiny")) == {"control": 6, RELU: 6, AVG: 3}

    results = _results("out")
    assert results["final"]
    assert "unplanned_runs" not in [one["code"] for one in results["warnings"]]
    by_arm = {one["arm"]: one for one in results["contrasts"]}
    assert {one["method"] for one in by_arm.values()} == {"sequential"}
    assert (by_arm[AVG]["verdict"], by_arm[AVG]["n_pairs"]) == ("equivalent", 3)
    assert by_arm[RELU]["n_pairs"] == 6
    paths = {one["name"]: one["path"] for one in results["sequential"]["contrasts"]}
    assert [step["state"] for step in paths[f"{AVG} - control"]] == ["equivalent"]
    assert [step["look"] for step in paths[f"{RELU} - control"]] == [3, 6]
    page = Path("out/report.html").read_text()
    assert 'id="figure-looks"' in page
    assert "3, 6 pairs" in page

    status = call("status", looked_at).output
    assert f"{AVG} 3 done, 3 spared" in " ".join(status.split())
    assert "decided at 3: equivalent" in status
    assert call("status", "tiny").output == status
    assert Tracker(store_uri, home / ".ablations").is_whole("tiny")
    again = run(looked_at, "--no-report")
    assert "15 kept as they are, nothing to train, 3 spared" in again


def test_the_plan_says_the_most_runs_and_the_expected_ones(looked_at, run, call):
    (text,) = [line for line in call("plan", looked_at).output.splitlines() if "looks at" in line]
    assert text.startswith("looks at 3, 6 seeds: 18 runs at the most; to be expected, if every arm")
    content = json.loads(call("plan", looked_at, "--json").output)
    assert content["looks"]["seeds"] == [3, 6]
    assert content["looks"]["n_runs_at_most"] == 18
    expected = [one["runs"] for one in content["looks"]["expected"]]
    assert 18 >= expected[0] > expected[1] > expected[2] >= 9
    assert content["spec"]["seeds"] == {"looks": [3, 6]}
    run(looked_at, "--no-report")
    states = Counter(
        one["state"] for one in json.loads(call("plan", looked_at, "--json").output)["runs"]
    )
    assert states == {"done": 15, "spared": 3}
    assert "nothing to train" in call("plan", looked_at).output


def test_a_driver_killed_between_two_looks_goes_on_as_if_it_was_not(home, tiny, new_store):
    results = []
    for name in ("whole", "killed"):
        folder = home / name
        folder.mkdir()
        new_store(folder)
        subject = Subject(folder, tiny(**CHANGES))
        if name == "killed":
            driver = subject.drive("round_ended", reports=False)
            assert driver.wait(120) == -signal.SIGKILL
            assert subject.landed("round_ended"), subject.log.read_text()
            assert len(MlflowStore(subject.uri).stored_runs()) == 9
        results.append(subject.finish())
        assert subject.violations() == []
        assert len(MlflowStore(subject.uri).stored_runs()) == 15
    assert results[0] == results[1]


def test_what_another_study_has_trained_is_linked_as_far_as_the_looks_ask(
    looked_at, run, tiny, children_of, steps
):
    Path("full.yaml").write_text(yaml.safe_dump(tiny(**{**CHANGES, "study": "full", "seeds": 6})))
    run("full.yaml", "--no-report")
    n_steps = len(steps)
    output = run(looked_at, "--no-report")
    assert "nothing to train" in output
    assert len(steps) == n_steps
    assert _n_seeds(children_of("tiny")) == {"control": 6, RELU: 6, AVG: 3}


def test_looks_added_after_verdicts_were_shown_are_no_planned_ones(looked_at, run, children_of):
    first = ("--set", "seeds={looks: [3, 4]}")
    run(looked_at, *first, "--out", "first")
    before = {one["arm"]: one for one in _results("first")["contrasts"]}
    assert before[RELU]["verdict"] == "undecided"
    output = run(looked_at, "--set", "seeds={looks: [3, 4, 5, 7]}", "--out", "later")
    assert "looks were 3, 4, now 3, 4, 5, 7" in output
    assert "looks were planned at 3, 4 seeds when results were first shown" in output
    assert _n_seeds(children_of("tiny")) == {"control": 7, RELU: 7, AVG: 3}
    results = _results("later")
    after = {one["arm"]: one for one in results["contrasts"]}
    assert results["final"]
    assert after[AVG] == before[AVG]
    assert (after[RELU]["method"], after[RELU]["n_pairs"]) == ("anytime", 7)
    assert "extended_after_results" in after[RELU]["flags"]


def test_a_report_at_a_look_changes_nothing_in_how_the_next_is_judged(looked_at, run, children_of):
    run(looked_at, "--seeds", "0..2", "--out", "early")
    assert _n_seeds(children_of("tiny")) == {"control": 3, RELU: 3, AVG: 3}
    early = {one["arm"]: one for one in _results("early")["contrasts"]}
    assert early[RELU]["verdict"] == "undecided"
    assert early[RELU]["sentence"].endswith("undecided so far; the next look is at 6 seeds")
    run(looked_at, "--out", "late")
    late = {one["arm"]: one for one in _results("late")["contrasts"]}
    assert (late[RELU]["method"], late[RELU]["n_pairs"]) == ("sequential", 6)
    assert late[AVG] == early[AVG]
