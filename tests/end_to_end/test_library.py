"""The studies that come with the project, and the example reports of them in the docs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ablations.arms import DataFacts
from ablations.plan import Plan, make_plan
from ablations.study_file import load_study
from lenet_variants import measure

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))
EXAMPLES = sorted(path.parent for path in (ROOT / "docs/examples").glob("*/results.json"))
FACTS = DataFacts("made", 60_000, (1, 28, 28), 10, lambda _: [])


def planned(path: Path) -> Plan:
    spec = load_study(path)
    return make_plan(spec, {one.name: FACTS for one in spec.datasets}, measure)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_can_be_planned_and_is_called_like_its_file(path):
    plan = planned(path)
    assert plan.spec.study == path.stem
    assert len({run.run_key for run in plan.runs}) == len(plan.runs)


def test_four_studies_have_an_example():
    assert {one.name for one in EXAMPLES} == {"history", "lenet-notes", "mlp-vs-conv", "position"}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_the_report_of_the_study_as_it_stands(folder):
    plan = planned(ROOT / f"studies/{folder.name}.yaml")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["final"]
    assert results["question"] == plan.spec.question
    seeds = {str(seed) for seed in plan.spec.seeds}
    assert [(arm["name"], set(arm["values"])) for arm in results["arms"]] == [
        (arm.name, seeds) for arm in plan.arms
    ]
    for shown, arm in zip(results["arms"], (arm.to_dict() for arm in plan.arms), strict=True):
        assert {key: shown[key] for key in ("variant", "levels", "recipe")} == {
            key: arm[key] for key in ("variant", "levels", "recipe")
        }
        assert arm["dataset"].items() <= shown["dataset"].items()
    endpoint = plan.spec.endpoint.model_dump(mode="json")
    assert endpoint.items() <= results["endpoint"].items()
    assert [one["digest"] for one in results["claims"]] == [one.digest for one in plan.claims]
    assert {one["written"] for one in results["claims"]} == {"before"}
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["n_runs"] == len(plan.runs)
    (trained_from,) = provenance["commits"]
    assert (trained_from["n_runs"], trained_from["dirty"]) == (len(plan.runs), False)
    assert not provenance["report_commit"]["dirty"]
    assert (folder / "report.html").is_file()
    index = (folder.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"| {one.text} | " in index for one in plan.claims)
