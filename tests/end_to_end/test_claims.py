"""Claims from a study file to the report: judged by what was trained and counted, and dated."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ablations.cli.commands import app
from ablations.tracking.store import MlflowStore
from reports.analysis import analyse
from reports.collect import collect_study

pytestmark = pytest.mark.end_to_end

HELPS = {
    "text": "ReLU trains this LeNet to a higher accuracy than sigmoid",
    "contrast": "activation=relu - control",
    "expect": "greater",
}
LEARNS = {
    "text": "ReLU learns the digits",
    "statement": {
        "left": "mean(activation=relu, test/accuracy)",
        "relation": "greater",
        "right": 0.4,
    },
}
LARGER = {
    "text": "The notes' LeNet on larger images is less accurate than ReLU on small ones",
    "contrast": "lenet - activation=relu",
    "expect": "less",
}
ALIKE = {
    "text": "The two convolutions are of similar size",
    "statement": {
        "left": "n_parameters(lenet, conv2)",
        "relation": "within",
        "factor": 2,
        "right": "n_parameters(lenet, conv1)",
    },
}
TURNED = {
    "text": "The second convolution is smaller than the first",
    "statement": {
        "left": "n_parameters(lenet, conv2)",
        "relation": "less",
        "right": "n_parameters(lenet, conv1)",
    },
}
DATA = {"name": "digits", "subset": 400}
KEYS = {
    "seeds": 3,
    "recipe": {"epochs": 4, "batch_size": 32, "learning_rate": 0.005},
    "arms": [{"name": "lenet", "variant": "lenet", "dataset": {"image_size": [28, 28]}}],
}


@pytest.fixture
def ablations():
    """Calls the command line; gives what it printed."""

    def call(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.fixture
def reported(ablations, tiny_file, store_uri):
    """Runs the study with these claims; the claims of its report, by their words."""

    def run(*claims, out="out", **changes):
        study = tiny_file(**{"dataset": DATA, **KEYS, "claims": list(claims), **changes})
        printed = ablations("run", study, "--executor", "inline", "--device", "cpu", "--out", out)
        results = json.loads(Path(out, "results.json").read_text())
        return {one["text"]: one for one in results["claims"]}, results, printed

    return run


def test_every_claim_of_a_study_file_is_judged_stored_and_shown(
    reported, ablations, store_uri, home
):
    claims, results, printed = reported(HELPS, LEARNS, LARGER, ALIKE, TURNED)
    assert {text: one["verdict"] for text, one in claims.items()} == {
        HELPS["text"]: "supported",
        LEARNS["text"]: "supported",
        LARGER["text"]: "supported",
        ALIKE["text"]: "refuted",
        TURNED["text"]: "refuted",
    }
    assert {one["written"] for one in claims.values()} == {"before"}
    numbers = claims[ALIKE["text"]]["numbers"]
    assert (numbers["left"]["value"], numbers["right"]["value"]) == (2416, 156)
    planned = ["activation=relu - control", "lenet - control"]
    assert [one["name"] for one in results["contrasts"]] == [*planned, LARGER["contrast"]]
    assert f"refuted  claim: {ALIKE['text']}" in printed
    page = Path("out/report.html").read_text()
    assert 'id="figure-claims"' in page
    assert claims[ALIKE["text"]]["figure"] == "claims"
    store = MlflowStore(store_uri)
    _, parent = store.parent("tiny")
    (entry,) = store.read_json(parent, "history.json", [])
    assert set(entry["claims"]) == {one["digest"] for one in claims.values()}
    alone = "activation=relu - activation=relu"  # beside a number
    assert set(entry["shown"]) == {*planned, LARGER["contrast"], alone}
    assert 0 < entry["stored_ms"] < entry["seen_ms"]
    stored = store.read_json(parent, "plan.json", {})["claims"]
    assert [one["text"] for one in stored] == list(claims)
    times = json.loads(Path("out/provenance.json").read_text())["claims_stored"]
    assert set(times) == {one["digest"] for one in claims.values()}
    listed = json.loads(ablations("plan", "study.yaml", "--json"))["claims"]
    assert listed[0]["said"] == "activation=relu - control: greater"


def test_claims_of_later_days_train_nothing_and_are_shown_as_such(
    reported, ablations, store_uri, home, steps, tiny_file
):
    reported(HELPS, LEARNS)
    n_steps = len(steps)
    edited = {**HELPS, "expect": "less"}
    study = tiny_file(dataset=DATA, **KEYS, claims=[edited, LEARNS, ALIKE])
    told = ablations("plan", study)
    assert "said activation=relu - control: greater, now activation=relu - control: less" in told
    assert f"claim added: '{ALIKE['text']}'" in told
    claims, results, _ = reported(edited, LEARNS, ALIKE, out="later")
    assert len(steps) == n_steps
    assert {text: (one["written"], one["former"]) for text, one in claims.items()} == {
        HELPS["text"]: ("after_results", "activation=relu - control: greater"),
        LEARNS["text"]: ("before", None),
        ALIKE["text"]: ("after_results", None),
    }
    assert claims[HELPS["text"]]["verdict"] == "refuted"
    assert any("was edited after results were shown" in t for t in results["plan"]["deviations"])
    for name in ("report.html", "report.md", "report.tex"):
        text = Path("later", name).read_text()
        assert "edited after results had been seen" in text
        assert "written after results had been seen" in text
    again, same, _ = reported(edited, LEARNS, ALIKE, out="again")
    assert same == results
    assert again == claims


def test_labels_that_say_nothing_unsettle_claims_on_trained_networks(reported):
    noise = {**DATA, "label_noise": 1.0}
    claims, _, _ = reported(HELPS, LEARNS, ALIKE, dataset=noise)
    assert claims[HELPS["text"]]["verdict"] != "supported"
    assert claims[LEARNS["text"]]["verdict"] == "refuted"
    assert claims[ALIKE["text"]]["verdict"] == "refuted"  # sizes need no labels


def test_arms_that_trade_their_runs_turn_claims_round(reported, store_uri):
    reported(HELPS, LEARNS, TURNED)
    tables = collect_study("tiny", store_uri)
    trade = {"control": "activation=relu", "activation=relu": "control"}
    runs = tables.runs.assign(arm=[trade.get(arm, arm) for arm in tables.runs["arm"]])
    swapped = replace(tables.plan, factors={})
    found = {one.text: one.verdict for one in analyse(runs, swapped).claims}
    assert found == {
        HELPS["text"]: "refuted",
        LEARNS["text"]: "refuted",
        TURNED["text"]: "refuted",  # sizes are of networks, not of runs
    }
