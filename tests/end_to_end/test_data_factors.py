"""What the data are as a factor: permuted pixels, fewer images, wrong labels, another size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from ablations import data
from ablations.cli.commands import app
from ablations.data import permuted_order, prepare
from ablations.spec import DataSpec
from lenet_variants.registry import create

pytestmark = pytest.mark.end_to_end
LEVELS = {
    "dataset.permutation": ["none", "blocks-2", "fixed"],
    "dataset.subset": [100, 400],
    "dataset.label_noise": [0.0, 1.0],
    "dataset.image_size": [[12, 12]],
}


def test_each_is_a_factor_with_arms_pairs_and_verdicts(tiny_file, store_uri):
    recipe = {"epochs": 8, "batch_size": 32, "learning_rate": 0.01}
    study = tiny_file(control="mlp", factors=LEVELS, seeds=3, recipe=recipe)
    said = ["run", str(study), "--executor", "inline", "--device", "cpu", "--out", "out"]
    result = CliRunner().invoke(app, said)
    assert result.exit_code == 0, result.output
    results = json.loads(Path("out", "results.json").read_text())
    found = {arm["name"]: arm for arm in results["arms"]}
    assert set(found) == {
        "control",
        *("dataset.permutation=blocks-2", "dataset.permutation=fixed"),
        *("dataset.subset=400", "dataset.label_noise=1.0", "dataset.image_size=12x12"),
    }
    assert all(one["verdict"] and one["n_pairs"] == 3 for one in results["contrasts"])
    mean = {name: arm["mean"] for name, arm in found.items()}
    assert mean["dataset.subset=400"] > mean["control"] > 0.5
    assert mean["dataset.label_noise=1.0"] < 0.1  # every label is wrong, and that was learnt
    # An MLP does not know which pixels are neighbours.
    assert abs(mean["dataset.permutation=fixed"] - mean["control"]) < 0.03
    sizes = {name: arm["n_parameters"] for name, arm in found.items()}
    assert sizes["dataset.image_size=12x12"] - sizes["control"] == 256 * (144 - 64)


def test_an_mlp_with_its_columns_permuted_as_the_pixels_has_the_same_logits():
    raw = data.load("digits")
    permuted = prepare(raw, DataSpec(name="digits", permutation="fixed"))
    order = torch.from_numpy(permuted_order(raw.digest, "fixed", raw.input_shape[1:]))
    torch.manual_seed(0)
    plain = create("mlp", raw.input_shape, raw.n_classes).eval()
    moved = create("mlp", raw.input_shape, raw.n_classes).eval()
    moved.load_state_dict(plain.state_dict())
    with torch.no_grad():
        moved.fc1.weight.copy_(plain.fc1.weight[:, order])
        logits = plain(raw.test_images / 255)
        assert (moved(permuted.test_images / 255) - logits).abs().max() < 1e-5
        assert (plain(permuted.test_images / 255) - logits).abs().max() > 0.01
