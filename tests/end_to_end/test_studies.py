"""From a study file to a report, and what a later report may still say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from ablations.cli.commands import app
from ablations.tracking.store import MlflowStore

pytestmark = pytest.mark.end_to_end
REPOSITORY = Path(__file__).parents[2]


def _call(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def _run(study: Path, *words: object) -> None:
    _call("run", study, "--executor", "inline", "--device", "cpu", *words)


def _results(folder: str) -> dict:
    return json.loads(Path(folder, "results.json").read_text())


def test_the_same_runs_give_the_same_bytes_wherever_they_are_trained(
    tiny, tmp_path, new_store, monkeypatch
):
    study = tiny(seeds=3, probes=["shift", "image_size"], arms=["mlp-matched"])
    found = []
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        new_store(folder)
        Path("study.yaml").write_text(yaml.safe_dump(study))
        _run(Path("study.yaml"), "--no-report")
        _call("report", "tiny", "--out", "out", "--formats", "json")
        found.append(Path("out/results.json").read_bytes())
    assert found[0] == found[1]


def test_too_few_seeds_added_after_verdicts_were_shown_leave_them_open(tiny_file, store_uri):
    study = tiny_file()
    _run(study, "--set", "seeds=3", "--out", "three")
    (first,) = _results("three")["contrasts"]
    assert first["verdict"]
    assert "extended_after_results" not in first["flags"]
    _run(study, "--set", "seeds=4", "--out", "four")
    results = _results("four")
    (later,) = results["contrasts"]
    assert later["verdict"] is None
    assert "extended_after_results" in later["flags"]
    assert later["n_pairs"] == 4
    assert any("seeds [3] were added" in text for text in results["plan"]["deviations"])
    # Building it again changes nothing: what was shown first is what counts.
    _call("report", "tiny", "--out", "again", "--formats", "json")
    assert _results("again") == results


def test_seeds_added_before_any_verdict_was_shown_change_nothing_in_how_it_is_reached(
    tiny_file, store_uri
):
    study = tiny_file()
    _run(study, "--set", "seeds=3", "--no-report")
    _run(study, "--set", "seeds=4", "--out", "four")
    (contrast,) = _results("four")["contrasts"]
    assert "extended_after_results" not in contrast["flags"]


def test_a_study_of_two_data_sets_gives_verdicts_on_each_and_trains_nothing_twice(
    tiny_file, store_uri, home
):
    digits = load_digits()
    # As unlike the digits as eight by eight pixels of the same classes can be.
    images = (255 - digits.images * 15).astype(np.uint8)
    np.savez("dark.npz", x_train=images[:400], y_train=digits.target[:400],
             x_test=images[400:], y_test=digits.target[400:])  # fmt: skip
    one, other = {"name": "digits", "subset": 100}, {"name": "npz:dark.npz", "subset": 100}
    _run(tiny_file(dataset=one), "--set", "seeds=3", "--no-report")
    _run(tiny_file(dataset=[one, other]), "--set", "seeds=3", "--out", "both")
    results = _results("both")
    assert [(c["name"], c["dataset"]) for c in results["contrasts"]] == [
        ("activation=relu on digits - control on digits", "digits"),
        ("activation=relu on npz:dark.npz - control on npz:dark.npz", "npz:dark.npz"),
    ]
    assert all(contrast["verdict"] for contrast in results["contrasts"])
    assert len(MlflowStore(store_uri).stored_runs()) == 12
    page = Path("both/report.html").read_text()
    assert 'id="figure-estimation"' in page
    assert 'id="figure-estimation-2"' in page


@pytest.mark.slow
def test_the_quick_study_runs_as_it_is_shipped(home, start):
    driver = start("run", REPOSITORY / "studies" / "quick.yaml")
    output = driver.stdout.read()
    assert driver.wait() == 0, output
    (folder,) = (home / "ablation-reports").iterdir()
    assert (folder / "report.html").stat().st_size > 50_000
    results = _results(str(folder))
    assert results["final"]
    assert all(item["verdict"] for item in results["contrasts"])
