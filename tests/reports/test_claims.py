"""Claims are judged by their contrast and show its numbers."""

from __future__ import annotations

import pytest

from reports.claims import judged_claim
from reports.errors import UnknownMetricError
from reports.gate import Gate
from reports.plan import ClaimSpec
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
