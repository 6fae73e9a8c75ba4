"""One study's `results.json`, as the analysis wrote it: seven arms, five seeds, one diverged."""

import base64
import copy
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.figures import pictures

HERE = Path(__file__).parent
EXAMPLE = json.loads((HERE / "example_results.json").read_text(encoding="utf-8"))
COSTS = json.loads((HERE.parent / "render/example_costs.json").read_text(encoding="utf-8"))
CLASSES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker")


@pytest.fixture
def results():
    return copy.deepcopy(EXAMPLE)


@pytest.fixture
def costs():
    return copy.deepcopy(COSTS)


@pytest.fixture(scope="session")
def gallery():
    """Every figure of the example, drawn once."""
    return pictures(EXAMPLE, COSTS)


def made_classes(results):
    """A `per_class` section of eight classes, drawn from a generator."""
    rng = np.random.default_rng(5)
    arms, contrasts = [], []
    for arm in results["arms"]:
        shares = rng.dirichlet(np.ones(len(CLASSES)), len(CLASSES)) * 0.3
        shares += 0.7 * np.eye(len(CLASSES))
        own = {"arm": arm["name"], "comparison": arm["comparison"]}
        arms.append({**own, "classes": list(CLASSES), "confusion": shares.tolist()})
    for contrast in results["contrasts"]:
        own = {name: contrast[name] for name in ("name", "arm", "control", "comparison")}
        differences = rng.normal(0, 0.03, len(CLASSES))
        classes = [
            {
                "class": name,
                "estimate": d,
                "ci": [d - 0.01, d + 0.01],
                "ci_adjusted": [d - 0.02, d + 0.02],
            }
            for name, d in zip(CLASSES, differences, strict=True)
        ]
        mcnemar = [{"seed": 0, "only_arm": 86, "only_control": 150, "p": 3.7e-5}]
        own |= {"n_pairs": 5, "mcnemar": mcnemar}
        contrasts.append({**own, "classes": classes, "images": made_images(rng)})
    return {"arms": arms, "contrasts": contrasts}


def made_images(rng, n=8):
    return [
        {
            "index": index,
            "label": "shirt",
            "arm_right": 1.0,
            "control_right": 0.2,
            "arm_predicted": "shirt",
            "control_predicted": "T-shirt/top",
            "pixels": {
                "shape": [1, 28, 28],
                "base64": base64.b64encode(rng.integers(0, 256, 784, dtype=np.uint8)).decode(),
            },
        }
        for index in range(n)
    ]


def made_looks(results):
    """A path of one to three looks for each contrast."""
    states = (
        ["different"],
        ["continue", "equivalent"],
        ["continue", "continue", "undecided-at-max"],
    )
    contrasts = []
    for number, contrast in enumerate(results["contrasts"]):
        path = [
            {
                "state": state,
                "look": look,
                "n_pairs": 5 * look,
                "interval": [0.01 - 0.03 / look, 0.01 + 0.03 / look],
                "estimate": 0.01,
                "estimate_at_first_look": 0.01,
            }
            for look, state in enumerate(states[number % 3], start=1)
        ]
        own = {"name": contrast["name"], "comparison": contrast["comparison"]}
        contrasts.append({**own, "nominal": 0.01, "path": path})
    return {"looks": [5, 10, 15], "contrasts": contrasts}


def made_budget(results):
    """Expected bests that rise with the budget."""
    arms = [
        {
            "arm": arm["name"],
            "expected_best": [0.9 - 0.05 * number / trials for trials in range(1, 21)],
        }
        for number, arm in enumerate(results["arms"], start=1)
    ]
    return {"metric": "validation/accuracy", "arms": arms}


def made_layers(results):
    """Two measures over four layers."""
    return [
        {
            "arm": arm["name"],
            "comparison": arm["comparison"],
            "metric": f"{measure}/{layer}",
            "values": {"0": 0.1, "1": 0.2, "2": 0.3},
            "mean": 0.1 * number + 0.05 * place + 0.02,
            "ci": [0.1 * number + 0.05 * place + 0.01, 0.1 * number + 0.05 * place + 0.03],
        }
        for number, arm in enumerate(results["arms"])
        for measure in ("gradient_norm", "saturation")
        for place, layer in enumerate(("conv1", "conv2", "fc1", "output"))
    ]


@pytest.fixture
def detailed(results):
    """The same study with everything that only some studies have."""
    results["per_class"] = made_classes(results)
    results["sequential"] = made_looks(results)
    results["budget"] = made_budget(results)
    results["probes"]["gradient_flow"] = made_layers(results)
    return results


@pytest.fixture
def followed(detailed):
    """Gradient norms before training and after an epoch as well; the last ones are as they were."""
    probed = detailed["probes"]["gradient_flow"]
    norms = [one for one in probed if "norm" in one["metric"]]
    detailed["probes"]["gradient_flow"] = [
        *probed,
        *(
            one | {"metric": f"epoch_{epoch}_{one['metric']}", "mean": one["mean"] * (epoch + 2)}
            for epoch in (0, 1)
            for one in norms
        ),
    ]
    return detailed


@pytest.fixture
def twins(detailed):
    """An arm called `mlp (tuned)` beside `mlp` at its own tuned recipe: two of one label."""
    here, tuned = {"arm": "mlp (tuned)"}, {"comparison": "tuned"}
    per_class, looks = detailed["per_class"], detailed["sequential"]
    for entries, name in (
        (detailed["arms"], "name"),
        *((held, "arm") for held in (detailed["curves"], per_class["arms"])),
        *((found, "arm") for probe, found in detailed["probes"].items() if probe != "image_size"),
    ):
        own = [one for one in entries if one[name] == "mlp"]
        entries.extend([one | {name: here["arm"]} for one in own] + [one | tuned for one in own])
    for entries in (detailed["contrasts"], per_class["contrasts"], looks["contrasts"]):
        own = [one for one in entries if one["name"] == "mlp - control"]
        entries.extend(one | here | {"name": "mlp (tuned) - control"} for one in own)
        entries.extend(one | tuned for one in own)
    return detailed


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
