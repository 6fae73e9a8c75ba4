"""The documents of one study: seven arms, five seeds, one diverged run, four claims."""

import copy
import json
from pathlib import Path

import pytest

from reports.render import html

HERE = Path(__file__).parent
RESULTS = json.loads((HERE.parent / "figures/example_results.json").read_text(encoding="utf-8"))
COSTS = json.loads((HERE / "example_costs.json").read_text(encoding="utf-8"))
PROVENANCE = {
    "software": {"python": "3.11.7", "torch": "2.9.1"},
    "commit": "0123abc",
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
