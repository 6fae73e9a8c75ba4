"""Plans refuse what contradicts itself, and survive being stored."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ablations.claims import Quantity, Statement
from ablations.history import Deviation
from reports.errors import PlanError
from reports.plan import AnalysisPlan, ArmFacts, ClaimSpec, ContrastSpec, Endpoint

SIZE = Quantity("n_parameters(control)", 100)
FULL = AnalysisPlan(
    control="control",
    factors={"activation": ["sigmoid", "relu"]},
    endpoint=Endpoint("test/accuracy", "maximize", 0.005, 0.05),
    contrasts=(ContrastSpec("relu - control", "relu", "control"),),
    claims=(ClaimSpec("ReLU helps", "relu - control", "greater"),),
    seeds=(0, 1, 2, 3, 4),
    looks=(3, 5),
    study="made",
    arms=(
        ArmFacts("control", "lenet", {"name": "made", "n_classes": 10}),
        ArmFacts("relu", "lenet", n_parameters=61_706, growth=({"input": [1, 28, 28]},)),
    ),
    history=({"digest": "0", "seeds": [0, 1]},),
    shown={"relu - control": (0, 1)},
    deviations=(Deviation("endpoint_changed", "the margin was changed"),),
    accepted=("endpoint_changed",),
)


def test_a_plan_reads_back_equal_from_json():
    stored = json.loads(json.dumps(FULL.to_dict()))
    assert AnalysisPlan.from_dict(stored) == FULL


def test_a_plan_of_the_least_reads_back_equal():
    plan = AnalysisPlan("control", {}, Endpoint("test/accuracy", "maximize", 0.01), ())
    assert AnalysisPlan.from_dict(plan.to_dict()) == plan


@pytest.mark.parametrize("raw", [{}, {**FULL.to_dict(), "sedes": [1]}])
def test_a_stored_plan_with_wrong_keys_is_refused(raw):
    with pytest.raises(PlanError, match=r"a stored plan was expected, got .*(endpoint|sedes)"):
        AnalysisPlan.from_dict(raw)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (Endpoint("loss", "down", 0.1), r"endpoint.direction: .*got 'down'.*maximize, minimize"),  # type: ignore[arg-type]
        (Endpoint("loss", "minimize", 0.0), r"endpoint.margin: .*> 0 was expected, got 0.0"),
        (Endpoint("loss", "minimize", float("nan")), r"endpoint.margin: .*got nan"),
        (
            Endpoint("loss", "minimize", 0.1, alpha=0.5),
            r"endpoint.alpha: .*between 0 and 0.5 .*got 0.5",
        ),
    ],
)
def test_an_endpoint_that_decides_nothing_is_refused(endpoint, message):
    with pytest.raises(PlanError, match=message):
        AnalysisPlan("control", {}, endpoint, ())


def test_all_problems_are_told_at_once():
    with pytest.raises(PlanError) as caught:
        AnalysisPlan(
            control="contrl",
            factors={},
            endpoint=Endpoint("loss", "minimize", -1.0),
            contrasts=(
                ContrastSpec("a - a", "a", "a"),
                ContrastSpec("a - b", "a", "b"),
                ContrastSpec("a - b", "a", "b"),
            ),
            claims=(
                ClaimSpec("no sides", "a", "greater"),
                ClaimSpec("no relation", "a - b", "bigger"),  # type: ignore[arg-type]
            ),
            seeds=(0, 0),
            arms=(ArmFacts("a"), ArmFacts("b"), ArmFacts("control")),
        )
    text = str(caught.value)
    assert "got 'contrl'; did you mean 'control'? " in text
    assert "got -1.0" in text
    assert "got 'a' twice" in text
    assert "contrast 'a - b': one at the shared recipe was expected, got two" in text
    assert "claim 'no sides': a contrast of two arms was expected, got 'a'" in text
    assert "claim 'no relation': a relation was expected, got 'bigger'" in text
    assert "every seed once was expected, got [0, 0]" in text


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (ClaimSpec("t"), "claim 't': a contrast or a statement was expected"),
        (
            ClaimSpec("t", "relu - control", "less", statement=Statement(SIZE, "less", SIZE)),
            "claim 't': a contrast or a statement was expected",
        ),
        (
            ClaimSpec("t", statement=Statement(SIZE, "bigger", SIZE)),  # type: ignore[arg-type]
            r"got 'bigger'; name one \(allowed: equal, greater, less, within\)",
        ),
        (
            ClaimSpec("t", statement=Statement(SIZE, "within", SIZE)),
            "a factor was expected with the relation 'within' alone, got 'within' and None",
        ),
        (
            ClaimSpec("t", statement=Statement(SIZE, "less", Quantity("x", arm="relu"))),
            "a value, or an arm and a metric, were expected of 'x', got None, 'relu' and ''",
        ),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(claim, message):
    with pytest.raises(PlanError, match=message):
        replace(FULL, claims=(claim,))


def test_a_plan_with_a_statement_is_read_back_equal():
    claim = ClaimSpec("t", statement=Statement(SIZE, "within", SIZE, 2.0), former="u")
    plan = replace(FULL, claims=(claim,))
    assert AnalysisPlan.from_dict(plan.to_dict()) == plan


def test_a_claim_names_its_sides():
    claim = ClaimSpec("wide", "activation=relu,channels=12x32 - control", "greater")
    assert claim.sides == ("activation=relu,channels=12x32", "control")


def test_a_claims_digest_moves_with_what_is_claimed_only():
    claim = ClaimSpec("ReLU helps", "relu - control", "greater")
    assert claim.digest == ClaimSpec("ReLU helps", "relu - control", "greater").digest
    assert claim.digest != ClaimSpec("ReLU helps", "relu - control", "less").digest
    later = ClaimSpec("ReLU helps", "relu - control", "greater", written="after_results")
    assert claim.digest == later.digest


def test_facts_of_an_undescribed_arm_are_its_name():
    assert FULL.facts("mlp") == ArmFacts("mlp")


def test_chance_comes_from_the_classes_of_the_arms_data():
    assert FULL.chance("control", "test/accuracy") == 0.1
    assert FULL.chance("control", "test/loss") is None
    assert FULL.chance("relu", "test/accuracy") is None


def test_chance_of_the_endpoint_can_be_given():
    endpoint = Endpoint("test/loss", "minimize", 0.1, chance=2.3)
    plan = AnalysisPlan("control", {}, endpoint, ())
    assert plan.chance("control", "test/loss") == 2.3
    assert plan.chance("control", "test/accuracy") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"looks": (2, 5)}, r"looks: .*increase from 3 or more were expected, got \[2, 5\]"),
        ({"looks": (5, 5)}, "looks: .*increase"),
        ({"looks": (3, 20)}, "looks: the last was expected to be at all 5 seeds, got 20"),
        ({"seeds": ("0", "1", "2")}, "seeds: integers were expected"),
        (
            {"endpoint": Endpoint("test/accuracy", "maximize", 0.1, chance=float("nan"))},
            "endpoint.chance: a finite number was expected, got nan",
        ),
    ],
)
def test_looks_seeds_and_chance_that_cannot_be_are_refused(changes, message):
    with pytest.raises(PlanError, match=message):
        replace(FULL, **changes)
