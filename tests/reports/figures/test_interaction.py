"""The interaction plot shows the arms' own means and intervals, where their levels are."""

from __future__ import annotations

import numpy as np
import pytest

from reports.figures import captions, pictures, tables
from reports.figures.canvas import house_style
from reports.figures.interaction import DODGE, draw_interaction, interaction_figure

FACTORS = [
    {"name": "activation", "levels": ["sigmoid", "relu"]},
    {"name": "channels", "levels": [[6, 16], [3, 8], [12, 32]]},
]
CELLS = [("sigmoid", [6, 16]), ("sigmoid", [3, 8]), ("sigmoid", [12, 32])]
CELLS += [("relu", levels) for _, levels in CELLS]


@pytest.fixture
def crossed(results):
    """The example, its first six arms taken for a grid."""
    arms = results["arms"][:6]
    cells = [
        {"arm": arm["name"], "levels": {"activation": activation, "channels": channels}}
        for arm, (activation, channels) in zip(arms, CELLS, strict=True)
    ]
    entry = {"comparison": "shared", "control": "control", "factors": FACTORS, "cells": cells}
    return results | {"effects": [entry], "arms": arms, "curves": [], "probes": {}}


def test_every_arm_stands_at_its_levels_with_its_mean_and_interval(crossed, ax):
    table = tables.interaction_table(crossed)
    assert set(table["over"]) == {"channels"}
    draw_interaction(table, ax)
    bars, marks = ax.collections[::2], ax.collections[1::2]
    for line, (bar, mark) in enumerate(zip(bars, marks, strict=True)):
        reference, smaller, larger = crossed["arms"][3 * line : 3 * line + 3]
        for position, arm in enumerate((smaller, reference, larger)):
            x = position + DODGE * (line - 0.5)
            np.testing.assert_allclose(mark.get_offsets()[position], (x, 100 * arm["mean"]))
            segment = bar.get_segments()[position]
            np.testing.assert_allclose(segment[:, 1], np.multiply(100, arm["ci"]))


@pytest.mark.parametrize("narrow", [False, True])
def test_levels_are_named_along_the_axis_and_in_the_key(crossed, narrow):
    with house_style():
        figure = interaction_figure(crossed, narrow=narrow)
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_xticklabels()] == ["3x8", "6x16", "12x32"]  # by size
    assert ax.get_xlabel() == "channels"
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert key == ["activation=sigmoid", "activation=relu"]


def test_a_third_factor_has_a_panel_for_each_of_its_levels(crossed):
    (entry,) = crossed["effects"]
    for number, cell in enumerate(entry["cells"]):
        cell["levels"]["pooling"] = "max" if number < 3 else "avg"
    entry["factors"] = [*FACTORS, {"name": "pooling", "levels": ["max", "avg"]}]
    with house_style():
        figure = interaction_figure(crossed, narrow=False)
    assert [ax.get_title("left") for ax in figure.axes] == ["pooling=max", "pooling=avg"]


def test_an_arm_that_never_finished_leaves_a_gap(crossed, ax):
    crossed["arms"][1] |= {"mean": None, "ci": None}
    draw_interaction(tables.interaction_table(crossed), ax)
    drawn = np.asarray(ax.collections[1].get_offsets().filled(np.nan))
    assert np.isnan(drawn[0, 1])  # of the smallest width
    assert not np.isnan(drawn[1:, 1]).any()


def test_it_is_in_the_gallery_where_two_factors_cross(crossed, results, costs):
    assert "interaction" in pictures(crossed, costs)
    (entry,) = crossed["effects"]
    alone = entry | {"factors": FACTORS[:1]}
    assert "interaction" not in pictures(crossed | {"effects": [alone]}, costs)
    assert "n = 4 to 5 seeds an arm" in captions.interaction(results)
