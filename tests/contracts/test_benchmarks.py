"""What benchmarks write beside their numbers; the benchmarks themselves are no tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("name", ["harness", "kills"])
def test_where_the_numbers_come_from_can_be_written(monkeypatch, name):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = __import__(name)
    found = json.loads(json.dumps(module.provenance()))
    assert set(found["commit"] or {"sha", "dirty"}) == {"sha", "dirty"}
    sys.modules.pop(name)
