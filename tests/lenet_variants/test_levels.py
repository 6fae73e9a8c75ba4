"""How levels read raw values."""

from __future__ import annotations

import pytest

from lenet_variants.errors import VariantError
from lenet_variants.levels import (
    Choice,
    ChoicePerBlock,
    Flag,
    Integer,
    Integers,
    Number,
    PerBlock,
    Text,
    each_block,
)

POOLING = Choice("max", words=("max", "avg", "none"))
CHANNELS = Integers((6, 16), low=1, shortest=1)
WEIGHTS = ChoicePerBlock("shared", words=("shared", "local"))
RATE = Number(0.0, low=0.0, below=1.0)


@pytest.mark.parametrize(
    ("level", "raw", "value"),
    [
        (POOLING, "avg", "avg"),
        (Text("a"), "b", "b"),
        (Flag(default=False), True, True),
        (Number(0.5), 1, 1.0),
        (Number(0.5), "1e-3", 0.001),
        (Integer(1), 6.0, 6),
        (Integer(1), -2, -2),
        (CHANNELS, [6, 16.0], (6, 16)),
        (Integers(()), [], ()),
        (PerBlock(0), 2, 2),
        (PerBlock(0), [2, 0], (2, 0)),
        (WEIGHTS, "local", "local"),
        (WEIGHTS, ["shared", "local"], ("shared", "local")),
        (RATE, 0, 0.0),
    ],
)
def test_reads_what_yaml_gives(level, raw, value):
    parsed = level.parse(raw)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("level", "raw", "message"),
    [
        (POOLING, "average", r"got 'average'; did you mean 'avg'\? \(allowed: avg, max, none\)"),
        (POOLING, "MAX", "got 'MAX'; did you mean 'max'"),
        (POOLING, None, "expected one of 3 words, got None"),
        (Text("a"), 3, "expected text, got 3; put it in quotes"),
        (Flag(default=True), 1, "expected true or false, got 1"),
        (Number(0.5), True, "expected a finite number, got True"),
        (Number(0.5), "fast", "expected a finite number, got 'fast'"),
        (Number(0.5), float("inf"), "expected a finite number, got inf"),
        (Integer(1, low=0), -1, "expected an integer >= 0, got -1"),
        (Integer(1), True, "expected an integer, got True"),
        (Integer(1), 6.5, "expected an integer, got 6.5"),
        (Integer(1), "6", "expected an integer, got '6'"),
        (CHANNELS, [], r"at least 1 of them, got \[\]"),
        (CHANNELS, 6, r"got 6; write one value as \[6, 16\], and a factor as a list of such lists"),
        (CHANNELS, [6, 0], r"each an integer >= 1, at least 1 of them, got \[6, 0\]"),
        (CHANNELS, "6x16", "got '6x16'"),
        (PerBlock(0), [], r"one for each of channels, got \[\]"),
        (PerBlock(5, low=1), 0, "expected an integer >= 1, or a list"),
        (WEIGHTS, "tied", r"or a list of one of these for each of channels, got 'tied'"),
        (WEIGHTS, ["shared", "locl"], r"got \['shared', 'locl'\]; did you mean 'local'\? write it"),
        (WEIGHTS, [], r"got \[\]; write it like shared or \[shared, local\]"),
        (RATE, 1.0, "expected a finite number >= 0 and < 1, got 1.0"),
        (RATE, -0.1, "expected a finite number >= 0 and < 1, got -0.1"),
    ],
)
def test_refuses_and_says_what_came(level, raw, message):
    with pytest.raises(VariantError, match=message):
        level.parse(raw)


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (POOLING, "avg, max, none"),
        (Text("a"), "any text"),
        (Flag(default=True), "false, true"),
        (Integer(1), "an integer"),
        (Integers((1,)), "a list of integers, each an integer, possibly empty"),
        (PerBlock(0), "an integer >= 0, or a list of one for each of channels"),
        (WEIGHTS, "local, shared, or a list of one of these for each of channels"),
        (RATE, "a finite number >= 0 and < 1"),
        (Number(1.0, low=1e-3), "a finite number >= 0.001"),
        (Number(1.0), "a finite number"),
    ],
)
def test_says_what_it_takes(level, words):
    assert level.allowed == words


def test_equal_entries_for_all_blocks_are_spelled_as_one():
    padding = PerBlock(0)
    assert padding.canonical((2, 2)) == padding.canonical(2) == 2
    assert padding.canonical((2, 0)) == (2, 0)


def test_one_entry_for_each_block():
    padding = PerBlock(0)
    assert padding.conflict((2, 0), {"channels": (6, 16)}) is None
    problem = padding.conflict((2, 0, 0), {"channels": (6, 16)})
    assert problem is not None
    assert "each of the 2 blocks (channels [6, 16]), got [2, 0, 0]; give 2 of them" in problem


def test_number_zero_and_false_are_different_defaults():
    assert Integer(0).parse(0) == 0
    with pytest.raises(VariantError, match="got False"):
        Integer(0).parse(raw=False)


@pytest.mark.parametrize(
    ("level", "value", "neighbours"),
    [
        (POOLING, "avg", ("max", "none")),
        (Text("a"), "a", ()),
        (Flag(default=True), True, (False,)),
        (Number(2.0), 2.0, (1.0, 2.25, 2.5)),
        (Number(0.0), 0.0, (0.25, 0.5)),
        (RATE, 0.5, (0.25, 0.625, 0.75)),
        (RATE, 0.0, (0.25, 0.5)),
        (Integer(1, low=1), 1, (2,)),
        (Integer(0), 0, (1, -1)),
        (CHANNELS, (6, 16), ((7, 16), (6, 17), (6, 15), (6, 16, 16), (6,))),
        (CHANNELS, (1,), ((2,), (1, 1))),
        (Integers(()), (), ((9,), (7,), (8,))),
        (PerBlock(0), 0, (1,)),
        (PerBlock(0), (2, 0), ((3, 0), (1, 0), (2, 1))),
        (WEIGHTS, "local", ("shared",)),
        (WEIGHTS, ("shared", "local"), (("local", "local"), ("shared", "shared"))),
    ],
)
def test_has_neighbours_that_it_takes_itself(level, value, neighbours):
    assert level.neighbours(value) == neighbours
    assert all(level.parse(other) == other != value for other in neighbours)


def test_one_value_stands_for_all_blocks():
    assert each_block(5, 3) == (5, 5, 5)
    assert each_block((5, 3), 2) == (5, 3)
    assert WEIGHTS.canonical(("local", "local")) == "local"
    assert WEIGHTS.conflict(("local",), {"channels": (6, 16)}) is not None
