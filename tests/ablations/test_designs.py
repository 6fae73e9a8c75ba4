"""Designs: which cells they have, and what the cells are called."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.designs import (
    DESIGNS,
    arms,
    cell_name,
    grid,
    ladder,
    matches,
    one_factor,
    paired_levels,
    pairs,
    switches,
)
from ablations.spec import Design

LEVELS = st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True)
FACTORS = st.dictionaries(st.sampled_from("abcd"), LEVELS, max_size=4)


@st.composite
def designs(draw):
    """Factors, and a control that may or may not be among their levels."""
    factors = draw(FACTORS)
    return factors, {name: draw(st.integers(0, 6)) for name in factors}


@st.composite
def switched(draw):
    """Factors of one level each, and a control that has another of every one."""
    names = draw(st.lists(st.sampled_from("abcd"), unique=True))
    control = {name: draw(st.integers(0, 5)) for name in names}
    factors = {name: [level + draw(st.integers(1, 3))] for name, level in control.items()}
    if draw(st.booleans()):  # the control's own level may be listed too
        factors = {name: [control[name], *levels] for name, levels in factors.items()}
    return factors, control


@given(designs())
@pytest.mark.parametrize("design", [one_factor, grid, pairs])
def test_the_control_is_first_and_no_cell_comes_twice(design, drawn):
    cells = design(*drawn)
    assert cells[0] == {}
    assert all(cell not in cells[:number] for number, cell in enumerate(cells))


@given(designs())
@pytest.mark.parametrize("design", [one_factor, grid, pairs])
def test_cells_name_only_what_differs_from_the_control(design, drawn):
    _, control = drawn
    for cell in design(*drawn):
        assert all(level != control[name] for name, level in cell.items())


@given(designs())
def test_one_factor_arms_differ_from_the_control_in_exactly_one_factor(drawn):
    factors, control = drawn
    cells = one_factor(factors, control)
    assert all(len(cell) == 1 for cell in cells[1:])
    expected = sum(level != control[name] for name, levels in factors.items() for level in levels)
    assert len(cells) == 1 + expected


@given(designs())
def test_grid_has_every_combination_and_the_control(drawn):
    factors, control = drawn
    lists_control = all(control[name] in levels for name, levels in factors.items())
    size = math.prod(map(len, factors.values()))
    assert len(grid(factors, control)) == size + (not lists_control)


@given(designs())
def test_every_one_factor_cell_with_listed_controls_is_in_the_grid(drawn):
    factors, control = drawn
    factors = {name: sorted({*levels, control[name]}) for name, levels in factors.items()}
    cells = grid(factors, control)
    assert all(cell in cells for cell in one_factor(factors, control))


@given(designs())
@pytest.mark.parametrize("design", [one_factor, grid, pairs])
def test_order_of_factors_moves_no_cell_in_or_out(design, drawn):
    factors, control = drawn
    turned = dict(reversed(factors.items()))
    cells, again = design(factors, control), design(turned, control)
    assert len(cells) == len(again)
    assert all(cell in again for cell in cells)


@given(designs())
def test_names_tell_cells_apart(drawn):
    names = [cell_name(cell) for cell in grid(*drawn)]
    assert len(set(names)) == len(names)


def test_grid_by_hand_is_in_the_files_order():
    factors = {"activation": ["sigmoid", "relu"], "channels": [(3, 8), (6, 16)]}
    cells = grid(factors, {"activation": "sigmoid", "channels": (6, 16)})
    assert cells == [
        {},
        {"channels": (3, 8)},
        {"activation": "relu", "channels": (3, 8)},
        {"activation": "relu"},
    ]


def test_one_factor_by_hand_is_in_the_files_order():
    factors = {"activation": ["sigmoid", "relu"], "pooling": ["avg", "max"]}
    cells = one_factor(factors, {"activation": "sigmoid", "pooling": "max"})
    assert cells == [{}, {"activation": "relu"}, {"pooling": "avg"}]


@given(designs())
def test_pairs_are_all_changes_of_one_and_of_two_factors(drawn):
    factors, control = drawn
    n_changes = [
        sum(level != control[name] for level in levels) for name, levels in factors.items()
    ]
    n_pairs = (sum(n_changes) ** 2 - sum(n**2 for n in n_changes)) // 2
    cells = pairs(factors, control)
    assert all(len(cell) <= 2 for cell in cells)
    assert len(cells) == 1 + sum(n_changes) + n_pairs
    listed = {name: sorted({*levels, control[name]}) for name, levels in factors.items()}
    everything = grid(listed, control)
    assert all(cell in everything for cell in cells)


@given(st.data(), st.integers(1, 5))
def test_zip_takes_every_row_once(data, length):
    rows = st.lists(st.integers(0, 3), min_size=length, max_size=length)
    factors = {name: data.draw(rows) for name in "abc"}
    control = {name: data.draw(st.integers(0, 4)) for name in "abc"}
    whole = [{**control, **cell} for cell in paired_levels(factors, control)]
    expected = {tuple(control.values()), *zip(*factors.values(), strict=True)}
    assert {tuple(cell.values()) for cell in whole} == expected
    assert len(whole) == len(expected)


def test_zip_of_lists_of_different_length_is_refused():
    with pytest.raises(ValueError, match="every factor must list as many, got a 2, b 1"):
        paired_levels({"a": [1, 2], "b": [3]}, {"a": 0, "b": 0})


@given(switched())
def test_switches_change_every_factor_once(drawn):
    factors, control = drawn
    cells = switches(factors, control)
    assert [list(cell) for cell in cells[1:]] == [[name] for name in factors]
    assert all(cell[name] != control[name] for cell in cells[1:] for name in cell)


@pytest.mark.parametrize("levels", [["relu", "tanh"], ["sigmoid"]])
def test_a_switch_has_one_other_level(levels):
    with pytest.raises(ValueError, match=r"activation lists (2|none) beside the control's sigmoid"):
        switches({"activation": levels}, {"activation": "sigmoid"})


@given(switched(), st.randoms())
def test_the_rungs_of_a_ladder_grow_by_one_switch_each(drawn, random):
    factors, control = drawn
    order = random.sample(list(factors), k=random.randint(0, len(factors)))
    rungs = ladder(switches(factors, control), order)
    assert [set(rung) for rung in rungs] == [
        set(order[:number]) for number in range(1, len(order) + 1)
    ]
    for rung in rungs:
        assert list(rung) == [name for name in factors if name in rung]  # names in the file's order


@given(designs(), st.data())
def test_a_rule_matches_the_cells_with_its_levels(drawn, data):
    factors, control = drawn
    rule = {name: data.draw(st.sampled_from([control[name], *factors[name]])) for name in factors}
    found = [cell for cell in grid(factors, control) if matches(rule, cell, control)]
    assert len(found) <= 1
    assert all({**control, **cell} == rule for cell in found)
    assert all(matches({}, cell, control) for cell in grid(factors, control))


def test_arms_has_the_control_alone():
    assert arms({}, {}) == [{}]


def test_designs_are_those_a_study_may_name():
    assert set(DESIGNS) == set(get_args(Design))


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ({}, "control"),
        ({"activation": "relu", "channels": (12, 32)}, "activation=relu,channels=12x32"),
        ({"hidden": ()}, "hidden=none"),
        ({"recipe.gradient_clip": None}, "recipe.gradient_clip=none"),
        ({"recipe.deterministic": False}, "recipe.deterministic=false"),
        ({"recipe.learning_rate": 0.01}, "recipe.learning_rate=0.01"),
        ({"dataset.image_size": (14, 28)}, "dataset.image_size=14x28"),
        ({"weights": ("shared", "local")}, "weights=shared+local"),
    ],
)
def test_cell_names_by_hand(cell, name):
    assert cell_name(cell) == name
