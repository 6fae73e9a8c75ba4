import numpy as np
import pytest

from reports.figures import tables
from reports.figures.canvas import house_style
from reports.figures.probes import draw_growth, draw_shift, growth_figure, shift_figure


def test_marks_of_a_shift_stand_at_the_means(results, ax):
    draw_shift(tables.shift_table(results), ax)
    for shift, marks in enumerate(ax.collections[1::2]):
        expected = [
            100 * probed["mean"]
            for probed in results["probes"]["shift"]
            if probed["metric"] == f"accuracy_{shift}"
        ]
        np.testing.assert_allclose(sorted(marks.get_offsets()[:, 0]), sorted(expected))


@pytest.mark.parametrize("narrow", [False, True])
def test_the_shift_figure_names_its_arms_and_shifts(results, narrow):
    with house_style():
        figure = shift_figure(results, narrow=narrow)
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == [arm["name"] for arm in results["arms"]]
    key = [text.get_text() for text in ax.get_legend().get_texts()]
    assert key == ["in place", "1 pixel", "2 pixels"]


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
