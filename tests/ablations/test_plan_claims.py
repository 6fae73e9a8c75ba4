"""Claims in a plan: what moves with them, and what they were found to be."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

CLAIMS = [
    {"text": "ReLU helps", "contrast": "activation=relu - control", "expect": "greater"},
    {
        "text": "The two convolutions are of similar size",
        "statement": {
            "left": "n_parameters(conv2)",
            "relation": "within",
            "factor": 2,
            "right": "n_parameters(conv1)",
        },
    },
]


def test_claims_move_the_plans_digest_and_no_run(plan):
    without, held = plan(), plan(claims=CLAIMS)
    assert "claims" not in without.to_dict()
    assert [run.run_key for run in without.runs] == [run.run_key for run in held.runs]
    digests = {without.digest, held.digest, plan(claims=CLAIMS[:1]).digest}
    edited = {**CLAIMS[0], "expect": "less"}
    assert len(digests | {plan(claims=[edited, CLAIMS[1]]).digest}) == 4


def test_claims_stand_in_the_plan_with_digests_and_what_was_counted(plan):
    first, second = plan(claims=CLAIMS).to_dict()["claims"]
    assert (first["name"], first["sides"]) == (
        "activation=relu - control",
        ["activation=relu", "control"],
    )
    assert (second["name"], second["sides"]) == ("", ["", ""])
    assert second["statement"]["left"]["value"] == 880
    assert second["statement"]["right"]["value"] == 60
    assert len(first["digest"]) == len(second["digest"]) == 64


def test_layers_of_every_arm_add_up_and_are_in_no_digest(plan):
    made = plan(arms=["mlp"])
    for arm in made.to_dict()["arms"]:
        for count in ("n_parameters", "n_macs", "n_connections"):
            assert sum(layer[count] for layer in arm["layers"]) == arm[count]
    conv1 = made.to_dict()["arms"][0]["layers"][0]
    assert (conv1["name"], conv1["output_shape"]) == ("conv1", [6, 8, 8])
    bare = replace(made, arms=tuple(replace(arm, layers=()) for arm in made.arms))
    assert bare.digest == made.digest


def test_the_claims_of_the_documentation_are_what_it_says(plan):
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/claims.md").read_text(), re.DOTALL)
    made = plan(arms=["mlp"], probes=["shift"], **yaml.safe_load(block))
    relu, sizes, photo, growth, moved = made.claims
    assert relu.said == "activation=relu - control: greater"
    assert (sizes.statement.left.value, sizes.statement.right.value) == (880, 60)
    assert photo.statement.left.value == 4 * (768_000_000 + 256)
    assert growth.statement.left.value == pytest.approx(0.97, abs=0.03)
    assert moved.statement.left.value is None
