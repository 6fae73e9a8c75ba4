"""Tables are checked where they come in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports.errors import DuplicateRunError, TableError, UnknownMetricError
from reports.table import Outcome, as_number, metrics, outcomes, validated_curves, validated_runs


def test_a_table_of_arms_seeds_and_numbers_will_do():
    table = validated_runs(
        pd.DataFrame({"arm": ["b", "a"], "seed": [1, 0], "test/loss": [0.2, 0.1]})
    )
    assert table["arm"].tolist() == ["a", "b"]
    assert table["state"].tolist() == ["FINISHED", "FINISHED"]
    assert table["comparison"].tolist() == ["shared", "shared"]
    assert table["run_key"].tolist() == ["a/shared/0", "b/shared/1"]


def test_the_callers_table_is_left_alone(make_runs):
    runs = make_runs({"a": [0.9]}).drop(columns="comparison")
    before = runs.copy()
    validated_runs(runs)
    pd.testing.assert_frame_equal(runs, before)


def test_a_repeated_seed_is_refused_naming_both_runs(make_runs):
    runs = make_runs({"a": [0.9, 0.8]})
    runs["seed"] = 3
    with pytest.raises(
        DuplicateRunError,
        match=r"arm 'a', shared, seed 3: runs 'key-a-shared-0' and 'key-a-shared-1'",
    ) as caught:
        validated_runs(runs)
    assert caught.value.run_keys == ("key-a-shared-0", "key-a-shared-1")


def test_doubling_every_row_is_refused(make_runs):
    runs = make_runs({"a": [0.9, 0.8]})
    with pytest.raises(DuplicateRunError, match="seed 0"):
        validated_runs(pd.concat([runs, runs]))


def test_one_seed_at_two_recipes_is_no_repetition(make_runs):
    both = pd.concat([make_runs({"a": [0.9]}), make_runs({"a": [0.9]}, comparison="tuned")])
    assert len(validated_runs(both)) == 2


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("state", "DONE", r"state must be .*got 'DONE'.*allowed: DIVERGED, FAILED, FINISHED"),
        ("comparison", "fair", r"comparison must be .*got 'fair'.*allowed: shared, tuned"),
        ("seed", 0.5, r"seed must be an integer, got 0.5"),
        ("seed", "0", r"seed must be an integer, got '0'"),
        ("seed", float("nan"), r"seed must be an integer, got nan"),
        ("arm", 3, r"arm must be a name, got 3"),
    ],
)
def test_a_wrong_value_is_named(make_runs, column, value, message):
    runs = make_runs({"a": [0.9]})
    runs[column] = [value]
    with pytest.raises(TableError, match=message):
        validated_runs(runs)


def test_a_missing_column_is_named_with_its_likeness():
    with pytest.raises(TableError, match=r"a column 'seed' was expected, .*did you mean 'seeds'"):
        validated_runs(pd.DataFrame({"arm": ["a"], "seeds": [0]}))


def test_whole_floats_count_as_seeds():
    table = validated_runs(pd.DataFrame({"arm": ["a"], "seed": [2.0]}))
    assert table["seed"].tolist() == [2]


def test_an_empty_table_stays_empty():
    table = validated_runs(pd.DataFrame(columns=["arm", "seed"]))
    assert len(table) == 0
    assert outcomes(table, "test/accuracy") == {}


def test_outcomes_keep_values_of_finished_runs_only(make_runs):
    runs = make_runs({"a": [0.9, "DIVERGED", float("nan")]})
    runs.loc[1, "test/accuracy"] = 0.1
    assert outcomes(validated_runs(runs), "test/accuracy") == {
        ("a", "shared"): {
            0: Outcome("key-a-shared-0", "FINISHED", 0.9),
            1: Outcome("key-a-shared-1", "DIVERGED", None),
            2: Outcome("key-a-shared-2", "FINISHED", None),
        }
    }


def test_an_unknown_metric_is_named_with_its_likeness(make_runs):
    table = validated_runs(make_runs({"a": [0.9]}))
    with pytest.raises(
        UnknownMetricError,
        match=r"'test/acuracy' was expected, got none; did you mean 'test/accuracy'\?",
    ):
        outcomes(table, "test/acuracy")


def test_runs_that_all_failed_need_no_metric_column(make_runs):
    table = validated_runs(make_runs({"a": ["OOM"]}).drop(columns="test/accuracy"))
    assert outcomes(table, "test/accuracy")["a", "shared"][0].state == "OOM"


def test_metric_columns_are_those_with_a_slash(make_runs):
    assert metrics(make_runs({"a": [0.9]}, metric="probe/shift/accuracy_1")) == [
        "probe/shift/accuracy_1"
    ]


@pytest.mark.parametrize(
    ("raw", "number"),
    [(1, 1.0), (np.float32(0.5), 0.5), (None, None), (pd.NA, None), (float("inf"), None)],
)
def test_numbers_are_floats_or_missing(raw, number):
    assert as_number(raw, "made") == number


def test_text_is_no_number():
    with pytest.raises(TableError, match=r"made: a number was expected, got '0.9'"):
        as_number("0.9", "made")


def test_a_repeated_epoch_is_refused():
    curves = pd.DataFrame({"arm": ["a", "a"], "seed": [0, 0], "epoch": [1, 1]})
    with pytest.raises(TableError, match="two for arm 'a', shared, seed 0, epoch 1"):
        validated_curves(curves)


def test_curves_are_put_in_order():
    curves = pd.DataFrame({"arm": ["a", "a"], "seed": [0, 0], "epoch": [2, 1]})
    assert validated_curves(curves)["epoch"].tolist() == [1, 2]


@pytest.mark.parametrize("seed", [float("inf"), 2**70, 1e300])
def test_a_seed_that_no_integer_holds_is_refused(make_runs, seed):
    runs = make_runs({"a": [0.1, 0.2]}).astype({"seed": object})
    runs.loc[1, "seed"] = seed
    with pytest.raises(TableError, match="seed must be an integer"):
        validated_runs(runs)


def test_one_run_under_two_seeds_is_refused(make_runs):
    runs = make_runs({"a": [0.1, 0.2]}).assign(run_key="same")
    with pytest.raises(DuplicateRunError, match="got two with the key 'same'"):
        validated_runs(runs)


@pytest.mark.parametrize("value", [90.02, -0.1])
def test_an_accuracy_that_is_no_fraction_is_refused(make_runs, value):
    table = validated_runs(make_runs({"a": [0.9, value]}))
    with pytest.raises(TableError, match="must be a fraction between 0 and 1, got"):
        outcomes(table, "test/accuracy")


def test_epochs_are_numbered_from_one():
    curves = pd.DataFrame({"arm": ["a"], "seed": [0], "epoch": [0], "train/loss": [1.0]})
    with pytest.raises(TableError, match="epochs must be numbered from 1, got 0"):
        validated_curves(curves)
