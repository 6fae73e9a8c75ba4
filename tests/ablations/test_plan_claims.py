"""Claims in a plan: what moves with them, and what they were found to be."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ablations.errors import SpecError

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


EPOCH_2 = "probe/gradient_flow/epoch_2_dead/fc1"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"endpoint": {"metric": EPOCH_2, "margin": 0.1}}, "endpoint.metric"),
        ({"claims": [{**CLAIMS[0], "contrast": "large - control", "metric": EPOCH_2}]}, "claims.0"),
        (
            {
                "claims": [
                    {
                        "text": "?",
                        "statement": {
                            "left": f"mean(large, {EPOCH_2})",
                            "relation": "less",
                            "right": 0.1,
                        },
                    }
                ]
            },
            "claims.0",
        ),
    ],
)
def test_what_is_not_measured_of_a_large_arm_is_told_before_it_is_trained(plan, changes, told):
    large = {"name": "large", "variant": "mlp", "levels": {"hidden": [4000, 300]}}
    study = {"arms": [large], "probes": ["gradient_flow"], "recipe": {"epochs": 4}, **changes}
    with pytest.raises(SpecError) as caught:
        plan(**study)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{told}: {EPOCH_2} is not measured of arm 'large', which has 1,4")
    assert plan(**{**study, "arms": ["mlp"], "claims": []}).runs


def test_the_ends_of_training_are_measured_of_every_arm(plan):
    large = {"name": "large", "variant": "mlp", "levels": {"hidden": [4000, 300]}}
    claims = [
        {"text": name, "contrast": "large - control", "metric": metric, "expect": "less"}
        for name, metric in (
            ("before", "probe/gradient_flow/epoch_0_dead/fc1"),
            ("after", "probe/gradient_flow/dead/fc1"),
        )
    ]
    made = plan(arms=[large], probes=["gradient_flow"], recipe={"epochs": 4}, claims=claims)
    assert [claim.text for claim in made.claims] == ["before", "after"]
