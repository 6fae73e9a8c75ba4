"""Effects of factors and the variance budget, as rows."""

from __future__ import annotations

import pytest

from reports.render import html, markdown
from reports.render.factor_tables import effect_tables, variance_table

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
ESTIMATE = {"estimate": 0.0213, "ci": [0.01, 0.03], "ci_adjusted": [-0.005, 0.04], "p": 0.012}
ENTRY = {
    "comparison": "shared",
    "dataset": "digits",
    "control": "control",
    "n_seeds": 5,
    "factors": [{"name": "activation", "levels": ["sigmoid", "relu"]}],
    "cells": [],
    "anova": [
        {"term": "activation:channels", "df": 2, "sum_sq": 0.1, "f": 12.34567, "p": 0.0001,
         "omega_sq": 0.614},
        {"term": "residual", "df": 20, "sum_sq": 0.1, "f": None, "p": None, "omega_sq": None},
    ],
    "interactions": [
        {"factors": ["activation", "channels"], "levels": ["relu", [12, 32]],
         "references": ["sigmoid", [6, 16]], "matters": True, **ESTIMATE},
    ],
    "simple": [
        {"factor": "activation", "level": "relu", "reference": "sigmoid",
         "given": {"channels": [12, 32]}, **ESTIMATE},
    ],
    "marginal": [
        {"factor": "activation", "level": "relu", "reference": "sigmoid", "given": {},
         "depends_on": ["channels"], **ESTIMATE, "estimate": -0.0213},
    ],
    "trends": [{"factor": "channels", "degree": "linear", **ESTIMATE}],
}  # fmt: skip
BUDGET = {
    "metric": "test/accuracy",
    "arms": [
        {"arm": "control", "comparison": "shared", "n_seeds": 5, "n_images": 10_000, "seed": 1e-6,
         "image": 8e-6, "interaction": 7e-6, "sd": 0.004, "shares": [0.0625, 0.5, 0.4375]},
        {"arm": "still", "comparison": "shared", "n_seeds": 3, "n_images": 10_000, "seed": 0.0,
         "image": 0.0, "interaction": 0.0, "sd": 0.0, "shares": None},
    ],
}  # fmt: skip


@pytest.fixture
def crossed(small):
    return small | {"effects": [ENTRY], "variance_budget": BUDGET}


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_effects_stand_in_the_order_in_which_to_read_them(crossed):
    effects, _ = effect_tables(crossed)
    rows = texts(effects)
    assert [row[:3] for row in rows] == [
        [f"activation=relu {TIMES} channels=12x32", "interaction", "+2.13"],
        ["activation=relu at channels=12x32", "simple", "+2.13"],
        ["activation=relu", "average", f"{MINUS}2.13"],
        ["channels", "linear trend", "+2.13"],
    ]
    assert rows[0][3:] == ["[+1.00, +3.00]", f"[{MINUS}0.50, +4.00]", "0.012", "matters"]
    assert rows[2][-1] == "minus sigmoid; depends on channels"
    assert "over 5 seeds that have every arm" in effects.caption


def test_a_term_that_has_no_test_has_dashes(crossed):
    _, anova = effect_tables(crossed)
    assert texts(anova) == [
        [f"activation {TIMES} channels", "2", "12.35", "< 0.001", "0.61"],
        ["residual", "20", DASH, DASH, DASH],
    ]


def test_designs_are_named_where_there_are_several(crossed):
    both = crossed | {"effects": [ENTRY, ENTRY | {"comparison": "tuned", "dataset": None}]}
    captions = [table.caption for table in effect_tables(both)]
    assert "(shared recipe on digits)" in captions[0]
    assert "(tuned recipe)" in captions[3]


def test_shares_of_variance_are_per_cents_of_one_run(crossed):
    assert texts(variance_table(crossed)) == [
        ["control", "5", "0.40", "6 %", "50 %", "44 %"],
        ["still", "3", "0.00", DASH, DASH, DASH],
    ]


def test_both_are_in_the_page_and_in_the_text_where_there_are_any(
    crossed, small, costs, provenance
):
    page, text = html(crossed, costs, provenance), markdown(crossed, costs)
    for whole in (page, text):
        assert f"activation=relu {TIMES} channels=12x32" in whole
        assert "44 %" in whole
    assert 'href="#factors"' in page
    bare = small | {"effects": [], "variance_budget": None}
    assert 'id="factors"' not in html(bare, costs, provenance)
    assert "## Factors" not in markdown(bare, costs)
