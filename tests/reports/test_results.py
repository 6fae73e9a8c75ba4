"""Results turn into JSON values and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from reports.results import ArmResult, ClaimResult, Code, ContrastResult, Message, Results
from reports.statistics.intervals import Interval

ROOT = Path(__file__).parents[2]


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
        "failures",
        "curves",
        "per_class",
        "probes",
        "tuning",
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
    about = {"kind": "study", "about": "", "comparison": ""}
    assert told["warnings"] == [{"code": "code", "text": "text", **about}]
    assert told["plan"] == {"nested": {"0": [1.0, 2.0], "1": None, "2": [True, None, 3]}}
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (
            ArmResult,
            "name control comparison dataset variant levels recipe changes n_finished n_failed "
            "failures failure_ci n_collapsed collapsed_ci values mean sd ci median min max iqm "
            "iqm_ci among_best n_parameters n_macs n_connections",
        ),
        (
            ContrastResult,
            "name arm control dataset family comparison method estimate ci ci_adjusted "
            "ci_equivalence p p_adjusted p_sign_flip p_equivalence margin sd_difference "
            "correlation hedges_dz win_probability win_probability_ci relative_error_reduction "
            "new_images_ci images_detectable estimate_with_failures verdict flags n_pairs "
            "missing_pairs minimum_detectable seeds_for_margin seeds_for_verdict matched "
            "sentence",
        ),
        (ClaimResult, "text verdict sentence numbers figure written former digest"),
    ],
)
def test_records_keep_to_the_contract(record, names):
    assert sorted(item.name for item in fields(record)) == sorted(names.split())


def test_every_code_is_in_the_protocol_and_nothing_else_is():
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    _, _, section = text.partition("## Warnings and refusals")
    tables = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", section.partition("\n## ")[0], flags=re.MULTILINE
    )
    told = {code for row in tables for code in re.findall(r"`(\w+)`", row)}
    assert told == set(get_args(Code))
