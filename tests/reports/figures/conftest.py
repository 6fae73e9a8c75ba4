"""One study's `results.json`, as the analysis wrote it: seven arms, five seeds, one diverged."""

import copy
import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from reports.figures import pictures

EXAMPLE = json.loads(Path(__file__).with_name("example_results.json").read_text(encoding="utf-8"))


@pytest.fixture
def results():
    return copy.deepcopy(EXAMPLE)


@pytest.fixture(scope="session")
def gallery():
    """Every figure of the example, drawn once."""
    return pictures(EXAMPLE)


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture
def one_seed(results):
    """Values only: no interval, no verdict, as after a refusal."""
    for arm in results["arms"]:
        arm["values"] = {"0": arm["values"]["0"]} if "0" in arm["values"] else {}
        arm.update(dict.fromkeys(("ci", "sd", "iqm_ci")))
        arm["n_finished"] = len(arm["values"])
    for contrast in results["contrasts"]:
        contrast.update(dict.fromkeys(("ci", "ci_adjusted", "ci_equivalence", "verdict")))
        contrast["n_pairs"] = 1
    for probed in results["probes"]["shift"]:
        probed["ci"] = None
    return results


@pytest.fixture
def one_arm(results):
    """A study that describes: a single arm and no contrast."""
    results["arms"] = results["arms"][:1]
    results["curves"] = [c for c in results["curves"] if c["arm"] == "control"]
    results["contrasts"], results["claims"] = [], []
    results["probes"] = {
        name: [r for r in records if r["arm"] == "control"]
        for name, records in results["probes"].items()
    }
    return results


@pytest.fixture
def twenty_arms(results):
    """Twenty arms with long names."""
    arm, contrast = results["arms"][1], results["contrasts"][0]
    curves = [c for c in results["curves"] if c["arm"] == arm["name"]]
    names = [f"activation=relu,pooling=avg,channels=12x32,hidden={i}" for i in range(19)]
    results["arms"] = [results["arms"][0], *(arm | {"name": name} for name in names)]
    results["contrasts"] = [contrast | {"arm": n, "name": f"{n} - control"} for n in names]
    results["curves"] += [curve | {"arm": name} for name in names for curve in curves]
    return results


@pytest.fixture
def all_failed(results):
    """An arm none of whose runs finished."""
    arm, contrast = results["arms"][1], results["contrasts"][0]
    arm |= dict.fromkeys(("mean", "sd", "ci", "median", "min", "max", "iqm", "iqm_ci"))
    arm |= {"values": {}, "n_finished": 0, "n_failed": 5, "failures": {"DIVERGED": 5}}
    contrast |= dict.fromkeys(("estimate", "ci", "ci_adjusted", "ci_equivalence", "verdict"))
    contrast["n_pairs"] = 0
    return results
