import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.figures.canvas import house_style
from reports.figures.looks import draw_lines, foot_key, key_room, look_keys
from reports.figures.palette import CONTROL, look_of


@pytest.fixture
def table():
    rows = [(0, "relu", 2, 5.0), (0, "relu", 1, 4.0), (CONTROL, "control", 1, 3.0)]
    return pd.DataFrame(rows, columns=["look", "arm", "x", "y"])


def test_a_line_goes_through_its_points_from_the_least_on(table, ax):
    control, relu = draw_lines(table, "x", "y", ax)
    assert list(relu.get_xdata()) == [1, 2]
    assert list(relu.get_ydata()) == [4.0, 5.0]
    assert list(control.get_ydata()) == [3.0]


def test_a_key_looks_as_the_line_it_names(table, ax):
    _, line = draw_lines(table, "x", "y", ax)
    key, _ = look_keys(table.drop_duplicates("arm"), "arm", 32)
    assert key.get_label() == "relu"
    assert (key.get_color(), key.get_marker(), key.get_linestyle()) == (
        line.get_color(), line.get_marker(), line.get_linestyle(),
    )  # fmt: skip
    assert key.get_color() == look_of(0).colour


def test_marks_that_nothing_joins_have_keys_without_lines_and_long_names_are_cut(table):
    key = look_keys(table.assign(arm="a" * 50), "arm", 9, has_lines=False)[0]
    assert key.get_linestyle() == "None"
    assert len(key.get_label()) == 9


def test_keys_at_the_foot_stand_in_their_room_one_above_the_other(table):
    with house_style():
        keys = look_keys(table, "arm", 32)
        figure = Figure(figsize=(3.5, 3))
        foot_key(figure, keys, 1)
        foot_key(figure, keys[:1], 1, above=len(keys))
        figure.canvas.draw()
    low, high = (legend.get_window_extent() for legend in figure.legends)
    assert low.y1 <= high.y0
    assert high.y1 <= figure.dpi * key_room(len(keys) + 1, 1)
