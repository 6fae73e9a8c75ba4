"""Claims as a study file says them, and what identifies them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablations.claims import Claim, Quantity, Statement, statement_from
from ablations.errors import SpecError
from ablations.study_file import parse_study

SIZES = {"left": "n_parameters(conv2)", "relation": "greater", "right": 100}
CONV1, CONV2 = (Quantity(f"n_parameters(control, conv{n})", 100.0 * n) for n in (1, 2))
MEAN = Quantity("mean(a, test/accuracy)", arm="a", metric="test/accuracy")
OTHER = Quantity("mean(control, test/accuracy)", arm="control", metric="test/accuracy")


@pytest.fixture
def told(study):
    """What is said of one claim with some keys changed."""

    def problems(**keys):
        with pytest.raises(SpecError) as caught:
            study(claims=[{"text": "so it is", **keys}])
        return caught.value.problems

    return problems


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, "claims.0: must have a contrast or a statement, got neither"),
        (
            {"contrast": "a - b", "expect": "less", "statement": SIZES},
            "claims.0: must have a contrast or a statement, got both",
        ),
        (
            {"contrast": "a - b"},
            "claims.0: expect belongs to a contrast, which needs it "
            "(allowed: equivalent, greater, less)",
        ),
        (
            {"contrast": "a - b", "expect": "grater"},
            "claims.0.expect: must be one of 'greater', 'less' or 'equivalent', got 'grater'; "
            "did you mean 'greater'?",
        ),
        (
            {"contrast": "a - b", "expect": "less", "margin": 0},
            "claims.0.margin: must be > 0.0, got 0",
        ),
        (
            {"statement": SIZES, "metric": "test/loss"},
            "claims.0: metric belongs to a contrast; a statement says mean(ARM, METRIC)",
        ),
        (
            {"statement": SIZES, "margin": 3},
            "claims.0: margin belongs to the relation 'equal', got 'greater'",
        ),
        (
            {"statement": {**SIZES, "relation": "within"}},
            "claims.0.statement: factor belongs to the relation 'within', which needs it; got "
            "relation 'within' and factor None",
        ),
        (
            {"statement": {**SIZES, "factor": 2}},
            "claims.0.statement: factor belongs to the relation 'within', which needs it; got "
            "relation 'greater' and factor 2.0",
        ),
        (
            {"statement": {**SIZES, "left": "conv2"}},
            "claims.0.statement.left: must be a number, NAME(ARGUMENTS) or a mapping, got 'conv2'",
        ),
        (
            {"statement": {**SIZES, "left": "n_parameters(mlp"}},
            "claims.0.statement.left: must be a number, NAME(ARGUMENTS) or a mapping, got "
            "'n_parameters(mlp'; between { and } a text with a comma needs quotes",
        ),
        (
            {"statement": {**SIZES, "left": "n_parametres(conv2)"}},
            "claims.0.statement.left.quantity: must be one of 'n_parameters', 'n_macs', "
            "'n_connections', 'n_activations', 'n_bytes', 'growth', 'mean' or 'number', got "
            "'n_parametres'; did you mean 'n_parameters'?",
        ),
        (
            {"statement": {**SIZES, "left": {"quantity": "mean", "metric": "a", "layer": "fc1"}}},
            "claims.0.statement.left: mean takes no 'layer' (it takes: arm, metric)",
        ),
        (
            {"statement": {**SIZES, "left": {"quantity": "growth"}}},
            "claims.0.statement.left: growth must be given its 'of'",
        ),
        (
            {"statement": {**SIZES, "left": {"quantity": "n_macs", "arm": "a", "variant": "mlp"}}},
            "claims.0.statement.left: must name an arm or a variant, not both",
        ),
        (
            {"statement": {**SIZES, "left": {"quantity": "n_macs", "levels": {"hidden": [9]}}}},
            "claims.0.statement.left: must name the variant whose levels these are",
        ),
        (
            {"statement": {**SIZES, "left": {"quantity": "n_macs", "args": "a", "arm": "b"}}},
            "claims.0.statement.left: must give its arguments in brackets, or by name, not both",
        ),
        (
            {"statement": {**SIZES, "left": {"quantity": "n_macs", "input": "1000x1000x3"}}},
            "claims.0.statement.left.input: must begin with the channels: write 3x1000x1000, got "
            "1000x1000x3",
        ),
        (
            {"statement": {**SIZES, "left": {"quantity": "n_macs", "input": "3x1000"}}},
            "claims.0.statement.left.input: must be CHANNELSxHEIGHTxWIDTH such as 3x1000x1000, got "
            "'3x1000'",
        ),
        ({"statement": {**SIZES, "times": 0}}, "claims.0.statement.times: must be > 0.0, got 0"),
        (
            {"statement": {**SIZES, "right": True}},
            "claims.0.statement.right: must not be true or false, got True",
        ),
    ],
)
def test_bad_claim_is_told_by_path_value_and_what_is_allowed(told, keys, problem):
    assert told(**keys) == (problem,)


def test_a_claim_without_words_or_with_too_many_is_refused(told):
    assert told(text="", statement=SIZES) == ("claims.0.text: must not be empty, got ''",)
    (problem,) = told(text="w" * 2001, statement=SIZES)
    assert problem.startswith("claims.0.text: must have at most 2000 characters")


def test_two_claims_of_the_same_words_are_refused(study):
    claim = {"text": "so it is", "statement": SIZES}
    with pytest.raises(SpecError, match="claims: says 'so it is' twice; give each claim its own"):
        study(claims=[claim, claim])


def test_the_short_form_of_a_quantity_is_written_out(study):
    (short,) = study(
        claims=[{"text": "t", "statement": {**SIZES, "left": " n_macs( a, b ) "}}]
    ).claims
    written = {"quantity": "n_macs", "args": "a, b"}
    (long,) = study(claims=[{"text": "t", "statement": {**SIZES, "left": written}}]).claims
    assert short == long


def test_claims_are_read_back_from_the_stored_study(study):
    photo = {"quantity": "n_bytes", "variant": "mlp", "input": "3x1000x1000", "layer": "fc1"}
    spec = study(
        claims=[
            {"text": "a", "statement": {**SIZES, "left": photo, "times": 2}},
            {"text": "b", "contrast": "a - b", "expect": "less", "margin": 0.1},
        ]
    )
    stored = spec.model_dump(mode="json", exclude_unset=True)
    assert parse_study(stored) == spec


def test_a_claim_knows_the_runs_that_it_needs():
    assert Claim("t", "a=1,b=2 - control", "greater").sides == ("a=1,b=2", "control")
    number = Quantity("0.5", 0.5)
    assert Claim("t", statement=Statement(MEAN, "greater", number)).sides == ("a", "a")
    assert Claim("t", statement=Statement(MEAN, "less", OTHER)).name == "a - control"
    counted = Claim("t", statement=Statement(CONV2, "less", CONV1))
    assert (counted.name, counted.statement.is_counted) == ("", True)


def test_a_statement_on_two_arms_asks_what_their_contrast_asks():
    contrast = Claim("t", "control - a", "greater").asks("test/accuracy")
    assert Claim("t", statement=Statement(MEAN, "less", OTHER)).asks("test/loss") == contrast
    for own in (Statement(MEAN, "less", OTHER, times=2.0), Statement(MEAN, "within", OTHER, 2.0)):
        assert Claim("t", statement=own).asks("test/accuracy") != contrast


def test_a_claims_digest_moves_with_all_that_is_claimed_and_with_no_value():
    statement = Statement(CONV2, "within", CONV1, 2.0)
    claim = Claim("t", statement=statement)
    recounted = replace(statement, left=replace(CONV2, value=7.0))
    assert claim.digest == replace(claim, statement=recounted).digest
    others = [
        replace(claim, text="u"),
        replace(claim, margin=0.5),
        *(
            replace(claim, statement=replace(statement, **change))
            for change in ({"factor": 3.0}, {"times": 2.0}, {"left": CONV1}, {"relation": "less"})
        ),
    ]
    assert len({claim.digest, *(other.digest for other in others)}) == len(others) + 1


def test_what_a_claim_says_is_words():
    statement = Statement(CONV2, "within", CONV1, 2.0, times=3.0)
    assert Claim("t", statement=statement).said == (
        "n_parameters(control, conv2) within a factor of 2 of 3 x n_parameters(control, conv1)"
    )
    claim = Claim("t", "a - b", "less", metric="test/loss", margin=0.1)
    assert claim.said == "a - b: less in test/loss, margin 0.1"


def test_a_statement_is_read_back_as_it_was_written():
    plain = Claim("t", statement=Statement(CONV2, "within", MEAN, 2.0)).to_dict()
    assert statement_from(plain["statement"]) == Statement(CONV2, "within", MEAN, 2.0)
    assert statement_from(None) is None
