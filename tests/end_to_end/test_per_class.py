"""From a study file to its numbers by class: the same as by hand from what its runs stored."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ablations import data
from ablations.cli.commands import app
from ablations.data import SAMPLE_SIZE
from ablations.spec import DataSpec
from ablations.tracking.store import MlflowStore
from reports.statistics.noise import mcnemar

pytestmark = pytest.mark.end_to_end
FIXED = {"dataset.permutation": ["none", "fixed"]}


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits")


def _run(study: Path, *words: object) -> dict:
    said = ["run", study, "--executor", "inline", "--device", "cpu", "--out", "out", *words]
    result = CliRunner().invoke(app, [str(word) for word in said])
    assert result.exit_code == 0, result.output
    return json.loads(Path("out", "results.json").read_text())


def _predicted(home: Path) -> dict[str, np.ndarray]:
    """What each run predicted, by its run key."""
    found = {}
    for path in home.glob("mlartifacts/**/examples.npz"):
        key = json.loads(path.with_name("record.json").read_text())["run_key"]
        with np.load(path, allow_pickle=False) as stored:
            found[key] = stored["predicted"]
    return found


def _by_arm(home: Path) -> dict[str, np.ndarray]:
    """Predictions of each arm, a row a seed."""
    (plan,) = home.glob("mlartifacts/**/plan.json")
    predicted, arms = _predicted(home), {}
    for run in sorted(json.loads(plan.read_text())["runs"], key=lambda run: run["seed"]):
        arms.setdefault(run["arm"], []).append(predicted[run["run_key"]])
    return {arm: np.stack(rows) for arm, rows in arms.items()}


def test_numbers_by_class_are_those_that_the_stored_predictions_give(
    tiny_file, store_uri, home, digits
):
    section = _run(tiny_file(), "--set", "seeds=3", "--set", "probes=[images]")["per_class"]
    labels, predicted = digits.test_labels.numpy(), _by_arm(home)
    assert [arm["arm"] for arm in section["arms"]] == ["control", "activation=relu"]
    for arm in section["arms"]:
        rows = predicted[arm["arm"]]
        assert arm["n_images"] == np.bincount(labels).tolist()
        for label in range(10):
            said = rows[:, labels == label]
            shares = [float((said == other).mean()) for other in range(10)]
            assert arm["confusion"][label] == pytest.approx(shares)
            assert arm["accuracy"][label]["mean"] == pytest.approx(shares[label])
    (contrast,) = section["contrasts"]
    right, right_control = (predicted[contrast[key]] == labels for key in ("arm", "control"))
    for label, found in enumerate(contrast["classes"]):
        gaps = (right[:, labels == label] * 1.0 - right_control[:, labels == label]).mean(axis=1)
        assert found["estimate"] == pytest.approx(gaps.mean())
    for seed, found in enumerate(contrast["mcnemar"]):
        expected = mcnemar(right[seed], right_control[seed])
        assert (found["only_arm"], found["only_control"], found["p"]) == (
            expected.n_arm_only,
            expected.n_control_only,
            expected.p_exact,
        )
    assert contrast["images"]
    for found in contrast["images"]:
        index = found["index"]
        assert found["label"] == str(labels[index])
        assert found["arm_right"] == pytest.approx(right[:, index].mean())
        assert found["control_right"] == pytest.approx(right_control[:, index].mean())
        pixels = base64.b64decode(found["pixels"]["base64"])
        assert pixels == digits.test_images[index].numpy().tobytes()


def test_asking_for_images_later_trains_nothing_and_measures_nothing(
    tiny_file, store_uri, home, steps
):
    study = tiny_file(seeds=1)
    before = _run(study)
    stored = MlflowStore(store_uri).stored_runs()
    n_steps = len(steps)
    assert before["per_class"]["contrasts"][0]["images"] == []
    after = _run(study, "--set", "probes=[images]")
    assert len(steps) == n_steps
    assert MlflowStore(store_uri).stored_runs() == stored
    assert after["per_class"]["contrasts"][0].pop("images")
    assert before["per_class"]["contrasts"][0].pop("images") == []
    assert after["per_class"] == before["per_class"]


def test_a_store_that_has_the_runs_and_no_labels_gets_them_without_training(
    tiny_file, store_uri, home, steps
):
    study = tiny_file(seeds=1)
    first, n_steps = _run(study), len(steps)
    (path,) = home.glob("mlartifacts/**/labels-*.npz")
    path.unlink()
    assert _run(study) == first
    assert len(steps) == n_steps
    assert path.is_file()


def test_an_arm_on_other_pixels_has_its_own_and_the_controls_are_shown(
    tiny_file, store_uri, home, digits
):
    study = tiny_file(seeds=1, factors=FIXED, probes=["images"])
    (contrast,) = _run(study)["per_class"]["contrasts"]
    spec = DataSpec(name="digits", permutation="fixed")
    moved = data.prepare(digits, spec).test_images.numpy()
    kept = []
    for path in home.glob("mlartifacts/**/labels-*.npz"):
        with np.load(path, allow_pickle=False) as stored:
            kept.append(stored["pixels"].tobytes())
    assert len(digits.test_labels) < SAMPLE_SIZE  # so the sample is all of them
    assert sorted(kept) == sorted([digits.test_images.numpy().tobytes(), moved.tobytes()])
    for found in contrast["images"]:
        pixels = base64.b64decode(found["pixels"]["base64"])
        assert pixels == digits.test_images[found["index"]].numpy().tobytes()
