import numpy as np
import pytest

from reports.figures import tables
from reports.figures.canvas import house_style
from reports.figures.probes import draw_growth, draw_shift, growth_figure, shift_figure


def test_an_arm_is_a_line_of_its_means_by_shift(results, ax):
    draw_shift(tables.shift_table(results), ax)
    for line, arm in zip(ax.lines, results["arms"], strict=True):
        own = [one for one in results["probes"]["shift"] if one["arm"] == arm["name"]]
        means = [100 * one["mean"] for one in own if one["metric"].startswith("accuracy")]
        assert list(line.get_xdata()) == [0, 1, 2]
        np.testing.assert_allclose(line.get_ydata(), means)
    bars = [segment[:, 1] for lines in ax.collections for segment in lines.get_segments()]
    assert len(bars) == 3 * len(results["arms"])
    np.testing.assert_allclose(bars[0], [100 * end for end in results["probes"]["shift"][0]["ci"]])


@pytest.mark.parametrize("narrow", [False, True])
def test_the_shift_figure_names_its_arms_and_marks_every_shift(results, narrow):
    with house_style():
        figure = shift_figure(results, narrow=narrow)
    (ax,) = figure.axes
    (key,) = figure.legends
    assert len(key.get_texts()) == len(results["arms"])
    assert list(ax.get_xticks()) == [0, 1, 2]


def test_growth_lines_are_the_counts(results, ax):
    table = tables.growth_table(results).rename(columns={"n_parameters": "count"})
    draw_growth(table, ax)
    first = results["probes"]["image_size"][0]["growth"]
    assert list(ax.lines[0].get_ydata()) == [step["n_parameters"] for step in first]
    assert list(ax.lines[0].get_xdata()) == [step["input"][-1] for step in first]


@pytest.mark.parametrize("narrow", [False, True])
def test_growth_is_drawn_on_two_logarithmic_axes(results, narrow):
    with house_style():
        figure = growth_figure(results, narrow=narrow)
    assert {(ax.get_xscale(), ax.get_yscale()) for ax in figure.axes} == {("log", "log")}
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "parameters",
        "multiply-accumulates an image",
    ]
