import math

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from reports.figures import tables
from reports.figures.estimation import (
    CONTROL_LANE,
    MEAN_LANE,
    SEED_LANE,
    draw_cut_ends,
    draw_differences,
    draw_margin,
    draw_means,
    draw_values,
)
from reports.figures.palette import PAPER, VERDICTS


def by_kind(ax):
    bars = [c for c in ax.collections if isinstance(c, LineCollection)]
    return bars, [c for c in ax.collections if c not in bars]


def lines_of(ax, row):
    """From which point to which the lines of a row go."""
    (lines,), _ = by_kind(ax)
    segments = [segment.tolist() for segment in lines.get_segments()]
    return [segment for segment in segments if segment[0][1] == row + CONTROL_LANE]


def test_the_dots_stand_at_the_seeds_values(results, ax):
    draw_values(tables.value_table(results), ax)
    _, (_, dots) = by_kind(ax)
    drawn = dots.get_offsets()
    expected = [
        (100 * value, row + SEED_LANE)
        for row, arm in enumerate(results["arms"])
        for value in arm["values"].values()
    ]
    np.testing.assert_allclose(sorted(drawn.tolist()), sorted(expected))


def test_every_pair_is_joined_from_the_controls_value_to_the_arms(results, ax):
    draw_values(tables.value_table(results), ax)
    control, arm = results["arms"][0]["values"], results["arms"][1]["values"]
    joined = {(start[0], end[0]) for start, end in lines_of(ax, row=1)}
    assert joined == {(100 * control[seed], 100 * arm[seed]) for seed in arm}
    assert {end[1] for _, end in lines_of(ax, row=1)} == {1 + SEED_LANE}


def test_a_seed_whose_run_failed_is_not_joined(results, ax):
    draw_values(tables.value_table(results), ax)
    assert len(lines_of(ax, row=4)) == 4


def test_means_and_their_bars_are_the_documents(results, ax):
    draw_means(tables.mean_table(results), ax)
    bars, diamonds = ax.collections
    for row, arm in enumerate(results["arms"]):
        np.testing.assert_allclose(
            diamonds.get_offsets()[row], (100 * arm["mean"], row + MEAN_LANE)
        )
        np.testing.assert_allclose(bars.get_segments()[row][:, 0], np.multiply(100, arm["ci"]))


def test_a_difference_is_drawn_at_its_estimate_with_its_simultaneous_interval(results, ax):
    table = tables.difference_table(results)
    draw_differences(table, ax)
    bars, marks = by_kind(ax)
    order = [row.contrast for row in tables.estimation_rows(results) if row.contrast]
    for bar, mark, contrast in zip(bars, marks, order, strict=True):
        assert mark.get_offsets()[0, 0] == 100 * contrast["estimate"]
        np.testing.assert_allclose(
            bar.get_segments()[0][:, 0], np.multiply(100, contrast["ci_adjusted"])
        )
        assert to_hex(mark.get_edgecolor()[0]) == VERDICTS[contrast["verdict"]].paint


def test_no_bar_is_drawn_for_one_pair_and_the_mark_is_open(one_seed, ax):
    draw_differences(tables.difference_table(one_seed), ax)
    bars, marks = by_kind(ax)
    assert bars == []
    assert [to_hex(mark.get_facecolor()[0]) for mark in marks] == 7 * [PAPER]


def test_the_band_reaches_from_minus_to_plus_the_margin(ax):
    draw_margin(0.5, ax)
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    np.testing.assert_allclose((band.x0, band.x1), (-0.5, 0.5))
    assert list(ax.lines[0].get_xdata()) == [0, 0]


def test_without_a_margin_only_the_zero_line_is_drawn(ax):
    draw_margin(math.nan, ax)
    assert not ax.patches
    assert len(ax.lines) == 1


def test_an_empty_table_draws_nothing(ax):
    draw_values(pd.DataFrame(columns=["row", "seed", "value", "control"], dtype=float), ax)
    assert not ax.lines


def test_an_interval_that_leaves_the_axes_ends_in_an_arrowhead(ax):
    table = pd.DataFrame({"row": [0, 1], "low": [-9, -1], "high": [1, 1]})
    ax.set_xlim(-2, 2)
    draw_cut_ends(table.assign(verdict="undecided"), ax)
    (arrow,) = ax.lines
    assert (arrow.get_marker(), *arrow.get_xdata(), *arrow.get_ydata()) == ("<", -2, 0)


def test_the_mean_of_one_seed_is_not_drawn_again(one_seed, ax):
    draw_means(tables.mean_table(one_seed), ax)
    assert len(ax.collections[1].get_offsets()) == 0
