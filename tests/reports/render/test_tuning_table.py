from __future__ import annotations

import pytest

from reports.render.tuning_table import tuning_table

MISSING = "\N{EN DASH}"


@pytest.fixture
def tuned(results):
    """A study that tuned two arms, the second cut short."""
    rate = {"low": 0.0001, "high": 0.1, "log": True, "step": None, "values": None}
    size = {"low": None, "high": None, "log": False, "step": None, "values": [32, 64]}
    counts = {"n_completed": 20, "n_diverged": 1, "n_repeats": 2}
    whole = {
        "arm": "control",
        **counts,
        "value": 0.8731,
        "trial": 4,
        "chosen": {"learning_rate": 0.0981234, "batch_size": 32},
        "edges": {"learning_rate": "high"},
        "importance": {"learning_rate": 0.914, "batch_size": 0.086},
    }
    part = {
        "arm": "relu",
        **counts,
        "n_completed": 7,
        "value": None,
        "trial": None,
        "chosen": None,
        "edges": {},
        "importance": None,
    }
    return results | {
        "tuning": {
            "metric": "validation/accuracy",
            "direction": "maximize",
            "sampler": "tpe",
            "n_trials": 20,
            "space": {"learning_rate": rate, "batch_size": size},
            "importance": {"evaluator": "fanova", "seed": 0},
            "arms": [whole, part],
        }
    }


def test_every_arm_has_its_trials_what_was_chosen_and_what_mattered(tuned):
    table = tuning_table(tuned)
    assert [head.text for head in table.heads] == [
        "arm",
        "trials",
        "diverged",
        "repeated",
        "best validation accuracy (%)",
        "learning_rate",
        "batch_size",
        "importance of learning_rate",
        "importance of batch_size",
    ]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["control", "20", "1", "2", "87.31", "0.0981 (upper end)", "32", "91 %", "9 %"],
        ["relu", "7", "1", "2", *[MISSING] * 5],
    ]


def test_the_caption_says_what_was_the_same_for_all(tuned):
    caption = tuning_table(tuned).caption
    assert "chosen by validation accuracy over 20 trials of the sampler tpe" in caption
    assert (
        "learning_rate from 0.0001 to 0.1, on a logarithmic scale; batch_size of 32, 64" in caption
    )
    assert "The test images were closed to them." in caption
    assert "(fanova, seed 0), within one arm" in caption


def test_importance_is_left_out_where_no_arm_has_any(tuned):
    tuned["tuning"]["arms"][0]["importance"] = None
    table = tuning_table(tuned)
    assert len(table.heads) == 7
    assert "Importance" not in table.caption


def test_a_study_that_did_not_tune_has_no_table(results):
    assert tuning_table(results | {"tuning": None}) is None
