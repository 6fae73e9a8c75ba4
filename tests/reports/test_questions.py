"""Families are settled by the plan alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablations.claims import Quantity, Statement
from reports.plan import ClaimSpec, ContrastSpec
from reports.questions import claimed_question, planned_questions, primary_comparison


def test_every_planned_contrast_shares_alpha(make_plan):
    questions = planned_questions(make_plan(["control", "a", "b", "c"]))
    assert [question.family_size for question in questions] == [3, 3, 3]
    assert questions[0].alpha_each == pytest.approx(0.05 / 3)


def test_a_claims_contrast_joins_the_primary_family_once(make_plan):
    claims = (
        ClaimSpec("new", "a - b", "greater"),
        ClaimSpec("said again", "a - b", "equivalent"),
        ClaimSpec("the other way round", "b - a", "less"),
        ClaimSpec("planned anyway", "a - control", "greater"),
    )
    questions = planned_questions(make_plan(["control", "a", "b"], claims=claims))
    assert [question.spec.name for question in questions] == ["a - control", "b - control", "a - b"]
    assert {question.family_size for question in questions} == {3}


def test_a_claim_on_another_metric_counts_and_is_not_listed(make_plan):
    claims = (ClaimSpec("lower loss", "a - control", "less", metric="test/loss"),)
    plan = make_plan(["control", "a"], claims=claims)
    questions = planned_questions(plan)
    assert [question.family_size for question in questions] == [2]
    claimed = claimed_question(claims[0], plan)
    assert (claimed.metric, claimed.direction, claimed.family_size) == ("test/loss", None, 2)


def test_a_claims_own_margin_is_used(make_plan):
    claim = ClaimSpec("far better", "a - control", "greater", margin=0.1)
    plan = make_plan(["control", "a"], claims=(claim,))
    assert claimed_question(claim, plan).margin == 0.1
    assert planned_questions(plan)[0].margin == 0.005


def test_tuned_contrasts_are_primary_where_there_are_any(make_plan):
    contrasts = (
        ContrastSpec("a - control", "a", "control", "shared"),
        ContrastSpec("b - control", "b", "control", "shared"),
        ContrastSpec("a - control", "a", "control", "tuned"),
    )
    plan = make_plan(["control", "a", "b"], contrasts=contrasts)
    assert primary_comparison(plan) == "tuned"
    assert [(q.family, q.family_size) for q in planned_questions(plan)] == [
        ("secondary", 2),
        ("secondary", 2),
        ("primary", 1),
    ]


def test_looks_and_planned_seeds_reach_their_question(make_plan):
    plan = make_plan(["control", "a"], looks=(3, 5))
    (question,) = planned_questions(plan)
    assert (question.looks, question.seeds) == ((3, 5), (0, 1, 2, 3, 4))
    assert question.alpha_each == 0.05


def test_shown_seeds_reach_their_contrast(make_plan):
    plan = make_plan(["control", "a", "b"], shown={"a - control": (0, 1)})
    first, second = planned_questions(plan)
    assert first.shown == frozenset({0, 1})
    assert second.shown is None


def test_a_claim_asked_the_other_way_round_was_shown_with_its_contrast(make_plan):
    claim = ClaimSpec("control is worse", "control - a", "less")
    plan = make_plan(["control", "a"], claims=(claim,), shown={"a - control": (0, 1, 2)})
    assert claimed_question(claim, plan).shown == frozenset({0, 1, 2})


def test_what_was_shown_at_the_shared_recipe_was_not_at_the_tuned_one(make_plan):
    contrasts = tuple(ContrastSpec("a - control", "a", "control", c) for c in ("shared", "tuned"))
    plan = make_plan(["control", "a"], contrasts=contrasts, shown={"a - control": (0, 1)})
    assert [one.shown for one in planned_questions(plan)] == [frozenset({0, 1}), None]
    other = make_plan(["control", "a"], contrasts=contrasts, shown={"a - control (tuned)": (0,)})
    assert [one.shown for one in planned_questions(other)] == [None, frozenset({0})]


def test_contrasts_that_were_shown_and_dropped_still_share_alpha(make_plan):
    (question,) = planned_questions(make_plan(["control", "a"], n_gone=3))
    assert question.family_size == 4


def test_a_late_claim_on_a_planned_contrast_is_judged_as_strictly(make_plan):
    late = ClaimSpec("late", "control - a", "less", written="after_results")
    plan = make_plan(["control", "a", "b", "c"], claims=(late,))
    found = claimed_question(late, plan)
    assert (found.family, found.family_size) == ("primary", 3)


def test_a_claim_written_after_results_narrows_nothing_that_was_planned(make_plan):
    late = [
        ClaimSpec(f"late {i}", contrast, "greater", written="after_results")
        for i, contrast in enumerate(("b - a", "c - a"))
    ]
    plan = make_plan(["control", "a", "b", "c"], claims=tuple(late))
    assert [q.family_size for q in planned_questions(plan)] == [3, 3, 3]
    found = claimed_question(late[0], plan)
    assert (found.family, found.family_size) == ("exploratory", 2)


def mean(arm, metric="test/accuracy"):
    return Quantity(f"mean({arm}, {metric})", arm=arm, metric=metric)


COUNTED = Quantity("n_parameters(a)", 100)


@pytest.mark.parametrize(
    ("statement", "family_size"),
    [
        (Statement(COUNTED, "less", COUNTED), 1),
        (Statement(mean("a"), "greater", mean("control")), 1),
        (Statement(mean("control"), "equal", mean("a")), 1),
        (Statement(mean("a"), "greater", mean("control"), times=2.0), 2),
        (Statement(mean("a"), "within", mean("control"), 2.0), 2),
        (Statement(mean("a"), "greater", COUNTED), 2),
        (Statement(mean("a", "test/loss"), "less", mean("control", "test/loss")), 2),
        (Statement(mean("a", "test/loss"), "less", mean("a")), 2),
    ],
)
def test_a_statement_shares_alpha_unless_it_asks_nothing_new_of_the_runs(
    make_plan, statement, family_size
):
    claim = ClaimSpec("so it is", statement=statement)
    plan = make_plan(["control", "a"], claims=(claim,))
    (planned,) = planned_questions(plan)
    assert planned.family_size == family_size
    if claim.name:
        found = claimed_question(claim, plan)
        assert (found.family_size, found.direction) == (family_size, None)


def test_a_late_statement_is_exploratory_unless_its_contrast_was_planned(make_plan):
    late = [
        ClaimSpec("own", statement=Statement(mean("a"), "greater", COUNTED)),
        ClaimSpec("planned", statement=Statement(mean("a"), "greater", mean("control"))),
    ]
    late = [replace(one, written="after_results") for one in late]
    plan = make_plan(["control", "a", "b"], claims=tuple(late))
    assert [claimed_question(one, plan).family for one in late] == ["exploratory", "primary"]
    assert [claimed_question(one, plan).family_size for one in late] == [1, 2]
