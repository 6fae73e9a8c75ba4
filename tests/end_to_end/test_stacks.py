"""`run --stack`: the same study in stacks and one by one, through a pool of real workers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ablations.cli.commands import app
from ablations.record import RunRecord

pytestmark = pytest.mark.end_to_end
SMALL = {"kernel_size": 3, "padding": 1}
STUDY = {
    "seeds": 3,
    "dataset": {"name": "digits", "subset": 200},
    "factors": {"recipe.learning_rate": [0.003, 0.03], "activation": ["sigmoid", "relu"]},
    "arms": [
        {"name": "normed", "variant": "lenet-bn", "levels": SMALL},
        {"name": "dropping", "variant": "lenet", "levels": {**SMALL, "dropout": 0.3}},
    ],
    "recipe": {"epochs": 3, "batch_size": 32, "learning_rate": 0.003},
    "probes": ["shift"],
}


def _call(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def _records(folder: Path) -> dict[tuple[str, int], RunRecord]:
    found = [RunRecord.from_json(path.read_text()) for path in folder.rglob("record.json")]
    return {(record.arm, record.seed): record for record in found}


@pytest.fixture
def trained(tiny_file, tmp_path, new_store, monkeypatch):
    """The study run with these options in a folder of its own: its results and its records."""

    def run(
        name: str, size: int, parts: Sequence[str] = ("0..2",)
    ) -> tuple[dict, dict[tuple[str, int], RunRecord]]:
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        new_store(folder)
        study = tiny_file(**STUDY)
        options = ("--device", "cpu", "--workers", 2, "--stack", size, "--out", "out")
        for seeds in parts:
            _call("run", study, *options, "--seeds", seeds)
        return json.loads(Path("out/results.json").read_text()), _records(folder)

    return run


def test_a_report_in_stacks_of_8_agrees_with_one_by_one(trained):
    alone, alone_records = trained("alone", 1)
    stacked, records = trained("stacked", 8)
    sizes = {arm: records[arm, 0].stack_size for arm, _ in records}
    # The control and the arm of another learning rate have one shape, and with it one program.
    assert sizes == {
        "control": 6,
        "recipe.learning_rate=0.03": 6,
        "activation=relu": 3,
        "normed": 3,
        "dropping": 1,
    }
    assert {record.stack_size for record in alone_records.values()} == {1}
    reasons = {arm: records[arm, 0].alone_because for arm, _ in records}
    assert reasons.pop("dropping") == "drop1, drop2 would draw other numbers in a stack"
    assert set(reasons.values()) == {""}
    assert {one.state for one in records.values()} == {"FINISHED"}
    assert records.keys() == alone_records.keys()
    for key, record in records.items():
        theirs = alone_records[key]
        assert record.run_key == theirs.run_key
        assert record.metrics["train/loss"] == pytest.approx(theirs.metrics["train/loss"], rel=1e-3)
        assert len(record.epoch_seconds) == 3
    for mine, theirs in zip(stacked["contrasts"], alone["contrasts"], strict=True):
        assert mine["verdict"] == theirs["verdict"]
        # Two of the 359 test images; rounding may move one that stands on the edge.
        assert mine["estimate"] == pytest.approx(theirs["estimate"], abs=0.006)


def test_a_study_that_was_stopped_goes_on_in_stacks_with_the_same_bits(trained):
    _, whole = trained("whole", 8)
    _, parts = trained("parts", 8, ("0", "1..2"))
    assert parts.keys() == whole.keys()
    for key, record in parts.items():
        assert record.stack_size == whole[key].stack_size
        assert record.curves == whole[key].curves
        assert record.metrics["test/loss"] == whole[key].metrics["test/loss"]


def test_graphs_are_refused_where_there_is_no_card(tiny_file):
    words = ["run", str(tiny_file()), "--device", "cpu", "--cuda-graphs"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "--cuda-graphs needs a cuda device, got 'cpu'; leave it out" in result.output
