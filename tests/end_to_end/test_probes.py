"""Every probe of a study, from its file to the report: nothing is trained for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ablations.cli.commands import app
from ablations.probe_cards import CARDS

pytestmark = pytest.mark.end_to_end
FACTORS = {"dataset.permutation": ["none", "blocks-2", "fixed"]}
PROBES = ["filters", "gradient_flow", "flatten_distance", "image_size", {"shift": {"n_images": 50}}]


def run(study: Path, *words: object) -> tuple[dict, dict]:
    said = ["run", study, "--executor", "inline", "--device", "cpu", "--out", "out", *words]
    result = CliRunner().invoke(app, [str(word) for word in said])
    assert result.exit_code == 0, result.output
    return tuple(
        json.loads(Path("out", f"{name}.json").read_text()) for name in ("results", "costs")
    )


@pytest.fixture
def probed(tiny_file, store_uri, steps):
    """The documents of a study that was trained before it asked for probes."""
    run(tiny_file(factors=FACTORS, seeds=2))
    n_steps = len(steps)
    metric = "probe/gradient_flow/gradient_norm/conv1"
    endpoint = {"metric": metric, "margin": 0.1, "direction": "minimize"}
    found = run(tiny_file(factors=FACTORS, seeds=2, probes=PROBES, endpoint=endpoint))
    assert len(steps) == n_steps
    return found


def test_probes_are_in_the_report_and_may_be_its_endpoint(probed):
    results, costs = probed
    held = results["probes"]
    assert {name for name, found in held.items() if found} == {
        *("filters", "gradient_flow", "flatten_distance", "image_size", "shift")
    }
    for name in ("shift", "flatten_distance"):
        measured = {one["metric"] for one in held[name] if one["arm"] == "control"}
        assert set(CARDS[name].metrics) <= measured
    by_arm = {
        one["arm"]: one["mean"]
        for one in held["flatten_distance"]
        if one["metric"] == "row_correlation_1"
    }
    names = ["control", "dataset.permutation=blocks-2", "dataset.permutation=fixed"]
    assert list(by_arm) == names
    assert sorted(by_arm.values(), reverse=True) == list(by_arm.values())
    norms = {
        one["arm"]: one["values"]
        for one in held["gradient_flow"]
        if one["metric"] == "gradient_norm/conv1"
    }
    assert {arm["name"]: arm["values"] for arm in results["arms"]} == norms
    assert [(one["arm"], one["seed"]) for one in held["filters"]] == [(name, 0) for name in names]
    # Costs are of one run an arm, and in no result.
    assert all(arm["image_size"][0]["size"] == [8, 8] for arm in costs["arms"])
    assert "step_seconds" not in json.dumps(results)


def test_each_probe_has_its_figure_and_the_numbers_it_draws(probed):
    page = Path("out", "report.html").read_text()
    for title in ("Accuracy on shifted images", "By layer", "What flattening does to neighbours"):
        assert title in page
    for name in ("shift", "layers", "neighbours", "filters", "growth"):
        assert len(Path("out", "figures", f"{name}.csv").read_text().splitlines()) > 2


def test_a_sample_of_another_size_is_measured_anew(tiny_file, store_uri, steps):
    factors = {"pooling": ["max", "avg"]}
    first, _ = run(tiny_file(factors=factors, seeds=1, probes=["shift"]))
    n_steps = len(steps)
    few = [{"shift": {"n_images": 20}}]
    second, _ = run(tiny_file(factors=factors, seeds=1, probes=few))
    assert len(steps) == n_steps
    one, other = (
        {p["metric"]: p["mean"] for p in results["probes"]["shift"] if p["arm"] == "control"}
        for results in (first, second)
    )
    assert set(one) == set(other)
    assert all(other[f"accuracy_{n}"] * 20 * (8 if n else 1) % 1 < 1e-9 for n in range(9))
