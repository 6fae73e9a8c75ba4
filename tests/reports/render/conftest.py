"""The documents of one study: seven arms, five seeds, one diverged run, five claims."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.analysis import analyse
from reports.costs import COSTS as COST_NAMES
from reports.costs import costs as costs_of
from reports.plan import AnalysisPlan, ArmFacts, ClaimSpec, ContrastSpec, Endpoint
from reports.render import html

HERE = Path(__file__).parent
RESULTS = json.loads((HERE.parent / "figures/example_results.json").read_text(encoding="utf-8"))
COSTS = json.loads((HERE / "example_costs.json").read_text(encoding="utf-8"))
PROVENANCE = {
    "software": {"python": "3.11.7", "torch": "2.9.1"},
    "commits": [{"sha": "0123abc", "dirty": False, "n_runs": 8}],
    "dirty": False,
}


@pytest.fixture
def results():
    return copy.deepcopy(RESULTS)


@pytest.fixture
def costs():
    return copy.deepcopy(COSTS)


@pytest.fixture
def provenance():
    return copy.deepcopy(PROVENANCE)


@pytest.fixture
def small(results):
    """The study without its curves and probes, whose figures take the longest to draw."""
    return results | {"curves": [], "probes": {}}


@pytest.fixture(scope="session")
def whole_page():
    """The page of the whole study, drawn once."""
    return html(RESULTS, COSTS, PROVENANCE)


@pytest.fixture
def partial(small):
    """A report on runs that are still going: values and intervals, no verdict."""
    small["final"] = False
    for item in (*small["contrasts"], *small["claims"]):
        item["verdict"] = None
    return small


@pytest.fixture
def hostile(results, costs):
    """The same study under names that try to leave their place."""
    name = """"><b onmouseover='x'>&amp; $a$ | *b* {{ 7 * 7 }}"""
    old = "activation=relu"
    text = json.dumps([results, costs]).replace(old, json.dumps(name)[1:-1])
    results, costs = json.loads(text)
    results["study"] = "<script>alert(1)</script>"
    results["question"] = "</title><img src=x onerror=alert(1)>"
    return results, costs, name


CHANNELS = ([3, 8], [6, 16], [12, 32])
SEEDS = range(5)


def facts_of_all() -> Iterator[ArmFacts]:
    for relu in (False, True):
        for place, channels in enumerate(CHANNELS):
            changes = {"activation": "relu"} if relu else {}
            changes |= {} if place == 1 else {"channels": channels}
            levels = {"activation": "relu" if relu else "sigmoid", "channels": channels}
            name = ",".join(
                f"{key}={value if isinstance(value, str) else 'x'.join(map(str, value))}"
                for key, value in changes.items()
            )
            yield made_facts(name or "control", 61_706 + 7_919 * place, levels, changes)
    yield made_facts("mlp", 266_610, {"hidden": [300, 100]}, {"variant": "mlp"})


def made_facts(name: str, size: int, levels: dict, changes: dict) -> ArmFacts:
    growth = tuple(
        {"input": [1, side, side], "n_parameters": size + 17 * side, "n_macs": 7 * size + side**3}
        for side in (28, 32)
    )
    return ArmFacts(
        name, "lenet", {"name": "made", "n_classes": 10}, levels, {"epochs": 3}, changes,
        n_parameters=size, n_macs=7 * size, n_connections=8 * size, growth=growth,
    )  # fmt: skip


def study_with_everything() -> tuple[dict, dict]:
    """Crossed factors, answers to images, probes, claims, curves, costs and failures."""
    rng = np.random.default_rng(20260)
    facts = list(facts_of_all())
    rows, examples, epochs = [], {}, []
    easy = rng.normal(0.9, 0.6, 400)  # how easy each test image is
    for place, one in enumerate(facts):
        for seed in SEEDS:
            key = f"{one.name}/{seed}"
            lost = {("mlp", 1): "DIVERGED", ("mlp", 3): "OOM"}.get((one.name, seed))
            examples[key] = easy + 0.15 * place + 0.02 * seed + rng.normal(0, 0.5, 400) > 0
            reached = float(np.mean(examples[key]))
            costly = rng.uniform(1.0, 90.0, len(COST_NAMES))
            rows.append(
                {"run_key": key, "arm": one.name, "seed": seed, "state": lost or "FINISHED",
                 "device": "cpu: a processor", "test/accuracy": None if lost else reached}
                | {f"probe/shift/accuracy_{n}": reached - 0.07 * n for n in (0, 1, 2)}
                | {f"probe/shift/consistency_{n}": 1 - 0.06 * n * reached for n in (1, 2)}
                | {f"cost/{name}": spent for name, spent in zip(COST_NAMES, costly, strict=True)}
            )  # fmt: skip
            epochs += [
                {"arm": one.name, "seed": seed, "epoch": epoch, "train/loss": 1 / (epoch + place)}
                for epoch in (1, 2, 3)
            ]
    others = [one.name for one in facts if one.name != "control"]
    plan = AnalysisPlan(
        control="control",
        factors={"activation": ["sigmoid", "relu"], "channels": list(CHANNELS)},
        endpoint=Endpoint("test/accuracy", "maximize", margin=0.0125),
        contrasts=tuple(ContrastSpec(f"{arm} - control", arm, "control") for arm in others),
        claims=(
            ClaimSpec("ReLU is better", "activation=relu - control", "greater"),
            ClaimSpec("An MLP does as well", "mlp - control", "equivalent"),
        ),
        seeds=tuple(SEEDS),
        arms=tuple(facts),
        design="grid",
        study="everything",
        question="Which of 2 things matters?",
    )
    runs = pd.DataFrame(rows)
    results = analyse(runs, plan, examples=examples, curves=pd.DataFrame(epochs))
    return results.to_dict(), costs_of(runs, plan)


@pytest.fixture(scope="session")
def everything():
    """The documents of a made study that has every section; not to be changed."""
    return json.loads(json.dumps(study_with_everything()))
