import numpy as np
import pytest

from reports.figures import tables
from reports.figures.canvas import house_style
from reports.figures.capacity import capacity_figure, draw_capacity


def test_arms_stand_at_their_count_and_mean(results, ax):
    table = tables.capacity_table(results).rename(columns={"n_parameters": "count"})
    draw_capacity(table, ax)
    bars, marks = ax.collections[::2], ax.collections[1::2]
    for bar, mark, arm in zip(bars, marks, results["arms"], strict=True):
        np.testing.assert_allclose(mark.get_offsets()[0], (arm["n_parameters"], 100 * arm["mean"]))
        np.testing.assert_allclose(bar.get_segments()[0][:, 1], np.multiply(100, arm["ci"]))


@pytest.mark.parametrize("narrow", [False, True])
def test_both_axes_of_counts_are_logarithmic_and_every_arm_is_in_the_key(results, narrow):
    with house_style():
        figure = capacity_figure(results, narrow=narrow)
    assert [ax.get_xscale() for ax in figure.axes] == ["log", "log"]
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert key == [arm["name"] for arm in results["arms"]]


def test_an_arm_that_never_finished_is_in_the_key_but_not_in_the_picture(all_failed, ax):
    table = tables.capacity_table(all_failed).rename(columns={"n_parameters": "count"})
    draw_capacity(table, ax)
    assert np.isnan(np.asarray(ax.collections[3].get_offsets().filled(np.nan))[0, 1])
