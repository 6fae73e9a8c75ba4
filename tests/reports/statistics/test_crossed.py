"""What counts as a crossed design, and what is refused by name."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from reports.statistics.crossed import (
    DesignError,
    EmptyCellsError,
    TooFewBlocksError,
    crossed_values,
    level_key,
    level_size,
)

FACTORS = {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]}


def grid(n_seeds=3):
    """A row a run; each value tells its seed, activation and pooling by its digits."""
    return pd.DataFrame(
        {"activation": a, "pooling": b, "seed": seed, "value": 100.0 * seed + 10 * i + j}
        for seed in range(n_seeds)
        for (i, a), (j, b) in product(enumerate(["sigmoid", "relu"]), enumerate(["max", "avg"]))
    )


def test_every_value_finds_its_block_and_its_cell():
    crossed = crossed_values(grid(), "value", FACTORS, "seed")
    assert crossed.response.shape == (3, 2, 2)
    assert crossed.response[2].tolist() == [[200.0, 201.0], [210.0, 211.0]]
    assert crossed.factors == {"activation": ("sigmoid", "relu"), "pooling": ("max", "avg")}
    assert crossed.blocks == (0, 1, 2)
    assert crossed.dropped == {}


def test_row_order_does_not_matter():
    first = crossed_values(grid(), "value", ["activation", "pooling"], "seed")
    for draw in range(3):
        mixed = grid().sample(frac=1, random_state=draw)
        again = crossed_values(mixed, "value", ["activation", "pooling"], "seed")
        assert again.factors == first.factors
        assert again.blocks == first.blocks
        assert again.response.tolist() == first.response.tolist()


def test_levels_that_are_not_given_come_by_size_then_by_name():
    table = pd.DataFrame(
        {"width": width, "name": name, "seed": seed, "value": 0.0}
        for width in ([12, 32], [3, 8])
        for name in ("b", 10, 9, None)
        for seed in (0, 1)
    )
    crossed = crossed_values(table, "value", ["width", "name"], "seed")
    assert crossed.factors == {"width": ((3, 8), (12, 32)), "name": (9, 10, None, "b")}


def test_an_incomplete_block_is_dropped_as_a_whole_and_named():
    table = grid()
    table.loc[(table["seed"] == 1) & (table["pooling"] == "avg"), "value"] = np.nan
    table = table.drop(table.index[0])
    table = pd.concat([table, grid(5)[lambda t: t["seed"] > 2]])
    crossed = crossed_values(table, "value", FACTORS, "seed")
    assert crossed.blocks == (2, 3, 4)
    assert crossed.dropped == {
        0: (("sigmoid", "max"),),
        1: (("sigmoid", "avg"), ("relu", "avg")),
    }


def test_a_cell_without_any_value_is_refused_by_name():
    table = grid()
    table.loc[(table["activation"] == "relu") & (table["pooling"] == "avg"), "value"] = None
    with pytest.raises(EmptyCellsError, match=r"got none in \('relu', 'avg'\); run these") as told:
        crossed_values(table, "value", FACTORS, "seed")
    assert told.value.cells == (("relu", "avg"),)


def test_a_level_that_was_never_run_leaves_empty_cells():
    levels = {**FACTORS, "pooling": ["max", "avg", "min"]}
    with pytest.raises(EmptyCellsError) as told:
        crossed_values(grid(), "value", levels, "seed")
    assert told.value.cells == (("sigmoid", "min"), ("relu", "min"))


def test_many_empty_cells_are_told_in_few_words():
    levels = {"activation": ["sigmoid", "relu"], "pooling": ["max", *"abcdef"]}
    table = grid()[lambda t: t["pooling"] == "max"]
    with pytest.raises(EmptyCellsError, match="and 8 more; run these"):
        crossed_values(table, "value", levels, "seed")


def test_fewer_than_two_whole_blocks_are_refused():
    table = grid()
    table.loc[[0, 4], "value"] = np.nan  # one run each of seeds 0 and 1
    with pytest.raises(TooFewBlocksError, match=r"2 blocks \(seed\).* got 1 of 3; run") as told:
        crossed_values(table, "value", FACTORS, "seed")
    assert told.value.dropped == {0: (("sigmoid", "max"),), 1: (("sigmoid", "max"),)}


def test_a_repeated_run_is_refused_and_does_not_count_twice():
    table = pd.concat([grid(), grid()])
    with pytest.raises(DesignError, match=r"got two in \('sigmoid', 'max'\), seed 0; keep one"):
        crossed_values(table, "value", FACTORS, "seed")


@pytest.mark.parametrize(
    ("change", "factors", "message"),
    [
        ({}, ["activation", "poling"], "a column 'poling' was expected, got .*'pooling'.*; add it"),
        ({}, [], "one factor or more was expected, got none"),
        ({"pooling": "max"}, ["activation", "pooling"], "two levels of 'pooling' or more.*'max'"),
        ({"pooling": "min"}, FACTORS, r"level of 'pooling' was expected, got 'min'.*'max', 'avg'"),
        ({"value": float("inf")}, FACTORS, r"got inf in \('sigmoid', 'max'\), seed 0; leave it"),
    ],
)
def test_what_is_no_crossed_design_is_refused(change, factors, message):
    with pytest.raises(DesignError, match=message):
        crossed_values(grid().assign(**change), "value", factors, "seed")


@pytest.mark.parametrize(
    ("level", "key"),
    [
        ([3, [8]], (3, (8,))),
        (np.array([1, 2]), (1, 2)),
        (float("nan"), None),
        (None, None),
        ("relu", "relu"),
    ],
)
def test_any_level_can_be_looked_up(level, key):
    assert level_key(level) == key


@pytest.mark.parametrize(
    ("level", "size"),
    [(4, 4.0), ((3, 8), 11.0), ("4", None), (True, None), ((), None), ((3, "8"), None)],
)
def test_sizes_are_those_of_numbers_and_of_lists_of_numbers(level, size):
    assert level_size(level) == size
