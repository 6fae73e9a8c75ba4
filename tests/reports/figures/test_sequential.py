import numpy as np
import pytest
from matplotlib.text import Text

from reports.figures.canvas import house_style
from reports.figures.detail_tables import sequential_table
from reports.figures.sequential import draw_path, sequential_figure


def test_a_path_stands_at_its_looks_with_its_intervals_and_the_margin(detailed, ax):
    contrast = detailed["sequential"]["contrasts"][2]
    table = sequential_table(detailed)
    draw_path(table[table["contrast"] == contrast["name"]], 0.5, ax)
    path, marks, bars = contrast["path"], [], []
    for drawn in ax.collections:
        if hasattr(drawn, "get_segments"):
            bars += [list(segment[:, 1]) for segment in drawn.get_segments()]
        else:
            marks += [tuple(point) for point in drawn.get_offsets()]
    expected = [(one["n_pairs"], 100 * one["estimate"]) for one in path]
    assert np.array(marks) == pytest.approx(np.array(expected))
    for bar, one in zip(bars, path, strict=True):
        assert bar == pytest.approx([100 * end for end in one["interval"]])
    band = ax.patches[0].get_window_extent().transformed(ax.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((-0.5, 0.5))


def test_without_a_margin_there_is_no_band(detailed, ax):
    draw_path(sequential_table(detailed).head(1), float("nan"), ax)
    assert not ax.patches


@pytest.mark.parametrize("narrow", [False, True])
def test_every_contrast_has_a_panel_named_by_its_arm(detailed, narrow):
    with house_style():
        figure = sequential_figure(detailed, narrow=narrow)
    assert len(figure.axes) == len(detailed["contrasts"])
    assert figure.axes[0].get_title(loc="left").replace("\n", "") == "activation=relu"
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == [
        "a difference", "not decided, more seeds", "equivalent", "undecided at the last look",
        "within the margin",
    ]  # fmt: skip


def test_a_key_of_two_lines_does_not_touch_the_titles(detailed):
    with house_style():
        figure = sequential_figure(detailed, narrow=True)
        figure.canvas.draw()
    key = figure.legends[0].get_window_extent()
    titles = {ax.get_title(loc="left") for ax in figure.axes}
    drawn = [text for text in figure.findobj(Text) if text.get_text() in titles - {""}]
    assert len(drawn) == len(figure.axes)
    assert all(key.y0 >= text.get_window_extent().y1 for text in drawn)


def test_a_study_without_looks_has_none(results):
    assert sequential_table(results).empty
