"""Aliases of known designs: fractions, one factor at a time, factors that are one."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from reports.statistics.confounding import confounding

# R's `npk` (Yates 1937): half of the eight cells in each block of four plots.
HALVES = {1: "011 110 000 101", 2: "100 111 001 010"}


def design(cells, names="ABC"):
    return pd.DataFrame([list(cell) for cell in cells], columns=list(names))


def test_a_full_grid_tells_every_term_from_every_other():
    found = confounding(design(product("012", "01", "01")), list("ABC"))
    assert found.estimable == ("A", "B", "C", "A:B", "A:C", "B:C", "A:B:C")
    assert found.confounded == {}


def test_the_half_fraction_has_its_textbook_aliases():
    # 2^(3-1) with I = ABC: Box, Hunter and Hunter 2005, chapter 6.
    found = confounding(design(["100", "010", "001", "111"]), list("ABC"))
    assert found.estimable == ()
    assert found.confounded == {
        "A": ("B:C",),
        "B": ("A:C",),
        "C": ("A:B",),
        "A:B": ("C",),
        "A:C": ("B",),
        "B:C": ("A",),
        "A:B:C": ("mean",),
    }


def test_the_resolution_four_fraction_keeps_main_effects_from_interactions_of_two():
    cells = [cell for cell in product("01", repeat=4) if cell.count("1") % 2 == 0]  # I = ABCD
    found = confounding(design(cells, "ABCD"), list("ABCD"), order=2)
    assert found.estimable == ("A", "B", "C", "D")
    assert found.confounded["A:B"] == ("C:D",)
    assert confounding(design(cells, "ABCD"), list("ABCD")).confounded["A"] == ("B:C:D",)


def test_npk_confounds_its_interaction_of_three_with_blocks_and_nothing_else():
    cells = [(*cell, half) for half, held in HALVES.items() for cell in held.split()]
    found = confounding(design(cells, ["N", "P", "K", "block"]), ["N", "P", "K"], block="block")
    assert found.confounded == {"N:P:K": ("block",), "block": ("N:P:K",)}
    assert found.estimable == ("N", "P", "K", "N:P", "N:K", "P:K")


def test_one_factor_at_a_time_tells_main_effects_only_if_nothing_interacts():
    cells = design(["00", "10", "01"], "AB")
    assert confounding(cells, ["A", "B"]).estimable == ()
    assert "A:B" in confounding(cells, ["A", "B"]).confounded["A"]
    assert confounding(cells, ["A", "B"], order=1).estimable == ("A", "B")


def test_factors_that_change_together_are_each_other():
    found = confounding(design(["00", "11"], "AB"), ["A", "B"], order=1)
    assert found.confounded == {"A": ("B",), "B": ("A",)}


def test_a_factor_that_never_changes_is_the_mean():
    found = confounding(design(["00", "10"], "AB"), ["A", "B"], order=1)
    assert found.estimable == ("A",)
    assert found.confounded == {"B": ("mean",)}


@pytest.mark.parametrize("draw", range(3))
def test_neither_rows_nor_repeats_nor_names_of_levels_matter(draw):
    cells = design(["100", "010", "001", "111"])
    mixed = pd.concat([cells, cells]).sample(frac=1, random_state=draw)
    renamed = mixed.replace({"0": "relu", "1": "C(Q('x'))"})
    found = confounding(renamed, list("ABC"))
    assert found.confounded["A"] == ("B:C",)


def test_levels_can_be_lists():
    table = pd.DataFrame({"recipe.lr": [0.1, 0.2] * 2, "w": [[3, 8], [3, 8], [6, 16], [6, 16]]})
    assert confounding(table, ["recipe.lr", "w"]).estimable == ("recipe.lr", "w", "recipe.lr:w")
