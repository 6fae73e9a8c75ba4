"""Designs: which cells they have, and what the cells are called."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.designs import DESIGNS, arms, cell_name, grid, one_factor

LEVELS = st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True)
FACTORS = st.dictionaries(st.sampled_from("abcd"), LEVELS, max_size=4)


@st.composite
def designs(draw):
    """Factors, and a control that may or may not be among their levels."""
    factors = draw(FACTORS)
    return factors, {name: draw(st.integers(0, 6)) for name in factors}


@given(designs())
@pytest.mark.parametrize("design", [one_factor, grid])
def test_the_control_is_first_and_no_cell_comes_twice(design, drawn):
    cells = design(*drawn)
    assert cells[0] == {}
    assert all(cell not in cells[:number] for number, cell in enumerate(cells))


@given(designs())
@pytest.mark.parametrize("design", [one_factor, grid])
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
@pytest.mark.parametrize("design", [one_factor, grid])
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


def test_arms_has_the_control_alone():
    assert arms({}, {}) == [{}]


def test_designs_are_those_a_study_may_name():
    assert dict(DESIGNS) == {"one-factor": one_factor, "grid": grid, "arms": arms}


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
