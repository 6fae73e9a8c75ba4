"""Results turn into JSON values and nothing else."""

from __future__ import annotations

import json

from reports.results import Message, Results
from reports.statistics.intervals import Interval


def made(**settings) -> Results:
    defaults = {
        "study": "made",
        "question": "",
        "endpoint": {},
        "design": "arms",
        "plan": {},
        "final": True,
        "arms": (),
        "contrasts": (),
        "claims": (),
        "curves": (),
        "probes": {},
        "warnings": (),
        "refusals": (),
    }
    return Results(**{**defaults, **settings})


def test_every_key_of_the_contract_is_there():
    assert list(made().to_dict()) == [
        "schema",
        "study",
        "question",
        "endpoint",
        "design",
        "plan",
        "final",
        "arms",
        "contrasts",
        "effects",
        "claims",
        "curves",
        "per_class",
        "probes",
        "budget",
        "sequential",
        "variance_budget",
        "warnings",
        "refusals",
    ]


def test_values_are_json_values():
    results = made(
        warnings=(Message("code", "text"),),
        plan={"nested": {0: Interval(1.0, 2.0), 1: float("nan"), 2: (True, None, 3)}},
    )
    told = results.to_dict()
    assert told["warnings"] == [{"code": "code", "text": "text"}]
    assert told["plan"] == {"nested": {"0": [1.0, 2.0], "1": None, "2": [True, None, 3]}}
    assert json.loads(json.dumps(told, allow_nan=False)) == told
