"""The studies that come with the project, and the example reports of them in the docs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ablations.arms import DataFacts
from ablations.plan import Plan, make_plan
from ablations.record import run_name
from ablations.study_file import load_study
from lenet_variants import measure

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))
EXAMPLES = sorted(path.parent for path in (ROOT / "docs/examples").glob("*/results.json"))


def planned(path: Path, digest: str = "made") -> Plan:
    spec = load_study(path)
    facts = DataFacts(digest, 60_000, (1, 28, 28), 10, lambda _: [])
    return make_plan(spec, {one.name: facts for one in spec.datasets}, measure)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_can_be_planned_and_is_called_like_its_file(path):
    plan = planned(path)
    assert plan.spec.study == path.stem
    assert len({run.run_key for run in plan.runs}) == len(plan.runs)


def test_four_studies_have_an_example():
    assert {one.name for one in EXAMPLES} == {"history", "lenet-notes", "mlp-vs-conv", "position"}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_the_report_of_the_study_as_it_stands(folder):
    """By the keys of its runs: every network, recipe, seed, and all of the data's content."""
    results, provenance = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("results", "provenance")
    )
    plan = planned(ROOT / f"studies/{folder.name}.yaml", provenance["data"]["fashion-mnist"])
    if plan.spec.tuning:
        plan = plan.tuned_to({one["arm"]: one["chosen"] for one in results["tuning"]["arms"]})
    named = {run_name(run.arm, run.seed, comparison=run.comparison): run for run in plan.runs}
    assert provenance["run_keys"] == {name: run.run_key for name, run in named.items()}
    n_runs = len(set(provenance["run_keys"].values()))
    (trained_from,) = provenance["commits"]
    assert (trained_from["n_runs"], trained_from["dirty"]) == (n_runs, False)
    assert (provenance["n_runs"], provenance["report_commit"]["dirty"]) == (n_runs, False)
    assert results["final"]
    assert results["question"] == plan.spec.question
    endpoint = plan.spec.endpoint.model_dump(mode="json")
    assert endpoint.items() <= results["endpoint"].items()
    assert [one["digest"] for one in results["claims"]] == [one.digest for one in plan.claims]
    assert {one["written"] for one in results["claims"]} == {"before"}
    assert (folder / "report.html").is_file()
    index = (folder.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"| {one.text} | " in index for one in plan.claims)


def test_examples_were_trained_from_one_commit():
    found = [
        json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["commits"]
        for folder in EXAMPLES
    ]
    assert len({one["sha"] for commits in found for one in commits}) == 1


def test_the_worked_example_of_the_protocol_is_that_of_the_notes_study():
    results = json.loads((ROOT / "docs/examples/lenet-notes/results.json").read_text())
    protocol = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    for one in results["contrasts"][: len(results["arms"]) - 1]:
        low, high = (f"{100 * bound:+.2f}" for bound in one["ci_adjusted"])
        row = f"| `{one['arm']}` | {100 * one['estimate']:+.2f} | {low} to {high} | "
        assert f"{row}`{one['verdict']}`" in protocol
    by_name = {arm["name"]: arm["values"] for arm in results["arms"]}
    for name, arm in (("ReLU", "activation=relu"), ("sigmoid", "control")):
        values = " | ".join(f"{100 * value:.2f}" for value in by_name[arm].values())
        assert f"| {name}, % | {values} |" in protocol
