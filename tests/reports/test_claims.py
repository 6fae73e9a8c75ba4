"""Claims are judged by their contrast and show its numbers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.claims import Quantity, Statement
from reports.analysis import analyse
from reports.claims import judged_claim
from reports.errors import UnknownMetricError
from reports.gate import Gate
from reports.plan import AnalysisPlan, ClaimSpec, ContrastSpec, Endpoint
from reports.table import validated_runs

CONTROL = [0.900, 0.902, 0.898, 0.901, 0.899]
BETTER = [0.920, 0.921, 0.919, 0.922, 0.918]


@pytest.fixture
def judge(make_runs, make_plan):
    def judge_it(claim, *, is_final=True, **settings):
        metric = settings.get("metric", "test/accuracy")
        plan = make_plan(["control", "a"], claims=(claim,), **settings)
        table = validated_runs(make_runs({"control": CONTROL, "a": BETTER}, metric=metric))
        return judged_claim(claim, plan, table, Gate(plan, {}, {}), is_final=is_final)

    return judge_it


@pytest.mark.parametrize(
    ("contrast", "expect", "verdict"),
    [
        ("a - control", "greater", "supported"),
        ("a - control", "less", "refuted"),
        ("a - control", "equivalent", "refuted"),
        ("control - a", "less", "supported"),
    ],
)
def test_a_claim_is_judged_in_the_direction_it_is_written(judge, contrast, expect, verdict):
    assert judge(ClaimSpec("as written", contrast, expect)).verdict == verdict


def test_a_claims_numbers_are_those_of_the_raw_metric(judge):
    claim = ClaimSpec("less loss", "a - control", "greater")
    result = judge(claim, metric="test/loss", direction="minimize")
    assert result.verdict == "supported"
    assert result.numbers["estimate"] == pytest.approx(0.02)
    low, high = result.numbers["ci_adjusted"]
    assert 0 < low < 0.02 < high
    assert result.numbers["contrast_verdict"] == "worse"


def test_a_claims_margin_changes_its_verdict_and_not_its_interval(judge):
    near = judge(ClaimSpec("near", "a - control", "equivalent", margin=0.05))
    far = judge(ClaimSpec("near", "a - control", "equivalent"))
    assert (near.verdict, far.verdict) == ("supported", "refuted")
    assert near.numbers["ci_adjusted"] == far.numbers["ci_adjusted"]


def test_no_claim_is_judged_before_the_study_is_final(judge):
    result = judge(ClaimSpec("early", "a - control", "greater"), is_final=False)
    assert result.verdict is None
    assert result.sentence.startswith("not final: a changes test accuracy by +2.00 points")


def test_the_sentence_opens_with_the_verdict(judge):
    result = judge(ClaimSpec("ReLU helps", "a - control", "greater"))
    assert result.sentence.startswith("supported: a raises test accuracy by 2.00 points over")


def test_when_a_claim_was_written_is_kept(judge):
    claim = ClaimSpec("late", "a - control", "greater", written="after_results")
    result = judge(claim)
    assert result.written == "after_results"
    assert result.digest == claim.digest


def test_a_claim_on_a_metric_nobody_measured_is_refused(judge):
    claim = ClaimSpec("odd", "a - control", "greater", metric="test/acuracy")
    with pytest.raises(UnknownMetricError, match="did you mean 'test/accuracy'"):
        judge(claim)


@pytest.mark.parametrize(
    ("left", "relation", "right", "figure"),
    [
        (156.0, "equal", 156.0, None),
        (156.0, "equal", 2416.0, "claims"),
        (156.0, "less", 2416.0, "claims"),
        (156.0, "within", 156.0, "claims"),
    ],
)
def test_a_count_that_is_just_what_was_claimed_is_in_no_figure(
    judge, left, relation, right, figure
):
    sides = (Quantity("left", left), Quantity("right", right))
    factor = 2.0 if relation == "within" else None
    claim = ClaimSpec("count", statement=Statement(sides[0], relation, sides[1], factor))
    assert judge(claim).figure == figure
    near = ClaimSpec("count", statement=claim.statement, margin=1.0)
    assert judge(near).figure == "claims"


def test_what_has_no_estimate_is_in_no_figure(make_runs, make_plan):
    claim = ClaimSpec("a", "a - control", "greater")
    plan = make_plan(["control", "a"], claims=(claim,))
    alone = validated_runs(make_runs({"control": CONTROL}))
    assert judged_claim(claim, plan, alone, Gate(plan, {}, {}), is_final=True).figure is None


def verdict_from(numbers):
    """The verdict that the numbers of a claim in `results.json` give, by the rules of the docs."""
    if numbers.get("judged") is False or "failures_decide" in numbers.get("flags", ()):
        return "undecided"
    if "conditions" in numbers:
        held = [
            (*(one["ci_adjusted"] or [one["estimate"]] * 2), one["strict"])
            for one in numbers["conditions"]
        ]
        if any(high < 0 or (strict and high == 0) for _, high, strict in held):
            return "refuted"
        holds = all(low > 0 or (low == 0 and not strict) for low, _, strict in held)
        return "supported" if holds else "undecided"
    (low, high), (e, f), margin = (
        numbers[key] for key in ("ci_adjusted", "ci_equivalence", "margin")
    )
    is_within = -margin < e and f < margin
    if numbers["expect"] == "equivalent":
        is_far = low >= margin or high <= -margin
        return "supported" if is_within else "refuted" if is_far else "undecided"
    if numbers["expect"] == "less":
        low, high = -high, -low
    if low > 0:
        return "supported"
    return "refuted" if high < 0 or is_within else "undecided"


def mean(arm):
    return Quantity(f"mean({arm}, test/loss)", arm=arm, metric="test/loss")


SIDES = st.sampled_from([mean("a"), mean("control"), Quantity("1", 1.0), Quantity("n()", 2.0)])


@st.composite
def statements(draw):
    relation = draw(st.sampled_from(["less", "greater", "equal", "within"]))
    factor = draw(st.sampled_from([1.0, 1.1, 3.0])) if relation == "within" else None
    times = draw(st.sampled_from([0.5, 1.0, 1.05]))
    claim = Statement(draw(SIDES), relation, draw(SIDES), factor, times)
    return ClaimSpec("statement", statement=claim)


@st.composite
def contrasts(draw):
    contrast = draw(st.sampled_from(["a - control", "control - a"]))
    expect = draw(st.sampled_from(["less", "greater", "equivalent"]))
    margin = draw(st.sampled_from([None, 0.01, 0.5]))
    return ClaimSpec("contrast", contrast, expect, margin=margin)


@settings(max_examples=150, deadline=None)
@given(
    claim=st.one_of(statements(), contrasts()),
    seed=st.integers(0, 2**32 - 1),
    shift=st.sampled_from([0.0, 0.02, -0.3, 1.0]),
    n_seeds=st.sampled_from([2, 3, 5]),
    lost=st.sampled_from([None, 0, 1]),
    direction=st.sampled_from(["minimize", "maximize"]),
)
def test_a_verdict_follows_from_the_numbers_beside_it(
    made_study, claim, seed, shift, n_seeds, lost, direction
):
    rng = np.random.default_rng(seed)
    control = (1 + rng.normal(0, 0.05, n_seeds)).tolist()
    a = (1 + shift + rng.normal(0, 0.05, n_seeds)).tolist()
    if lost is not None:
        a[lost] = "DIVERGED"
    results = made_study({"control": control, "a": a}, claim, direction)
    (found,) = json.loads(json.dumps(results.to_dict()))["claims"]
    assert found["verdict"] == verdict_from(found["numbers"])
    assert found["sentence"].startswith(f"{found['verdict']}: ")


@pytest.fixture(scope="module")
def made_study():
    """Results of a study of losses with one claim."""

    def make(values, claim, direction):
        rows = [
            {
                "arm": arm,
                "seed": seed,
                "state": value if isinstance(value, str) else "FINISHED",
                "test/loss": None if isinstance(value, str) else value,
            }
            for arm, by_seed in values.items()
            for seed, value in enumerate(by_seed)
        ]
        plan = AnalysisPlan(
            control="control",
            factors={},
            endpoint=Endpoint("test/loss", direction, 0.1),
            contrasts=(ContrastSpec("a - control", "a", "control"),),
            claims=(claim,),
        )
        return analyse(pd.DataFrame(rows), plan)

    return make
