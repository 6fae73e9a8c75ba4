"""What benchmarks write beside their numbers; the benchmarks themselves are no tests."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from ablations.commits import Commit

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("name", ["harness", "kills"])
def test_where_the_numbers_come_from_can_be_written(monkeypatch, name):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module(name)
    here = Commit("0123abc", dirty=True)
    monkeypatch.setattr(module, "commit", lambda _: here)
    found = json.loads(json.dumps(module.provenance()))
    assert found["commit"] == {"sha": "0123abc", "dirty": True}
