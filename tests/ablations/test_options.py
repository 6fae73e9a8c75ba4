"""How a study is run."""

from __future__ import annotations

import os

from ablations.options import RunOptions


def test_workers_are_those_asked_for_else_one_a_core(monkeypatch):
    assert RunOptions(workers=3).n_workers == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert RunOptions().n_workers == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert RunOptions().n_workers == 1
