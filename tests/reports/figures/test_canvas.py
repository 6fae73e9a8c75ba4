import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.figures.canvas import (
    Room,
    axes_at,
    common_values,
    house_style,
    is_leftmost,
    is_lowest,
    log_axis,
    panel_grid,
    span,
)


def test_the_callers_settings_come_back():
    before = dict(mpl.rcParams)
    with house_style():
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


def test_axes_are_placed_in_inches_from_the_upper_left():
    ax = axes_at(Figure(figsize=(8, 4)), 2, 1, 4, 2)
    assert ax.get_position().bounds == pytest.approx((0.25, 0.25, 0.5, 0.5))


def test_a_grid_knows_its_outer_panels():
    _, grid = panel_grid(7, Room(title=0.3), narrow=False)
    assert [is_leftmost(ax, grid) for ax in grid] == [i in (0, 4) for i in range(7)]
    assert [is_lowest(ax, grid) for ax in grid] == [i >= 3 for i in range(7)]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("n_panels", [1, 2, 5, 20])
def test_panels_stay_on_the_page_and_apart(n_panels, narrow):
    _, grid = panel_grid(n_panels, Room(title=0.3), narrow=narrow)
    boxes = [ax.get_position() for ax in grid]
    assert len(boxes) == n_panels
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


@pytest.mark.parametrize(
    ("counts", "label"),
    [([61706, 36358], "50k"), ([2e6, 9e6], "5M"), ([800, 900], "1k"), ([61706], "50k")],
)
def test_counts_are_labelled_short(counts, label):
    ax = Figure().add_subplot()
    log_axis(ax.xaxis, counts)
    ticks = [ax.xaxis.get_major_formatter()(tick, 0) for tick in ax.xaxis.get_majorticklocs()]
    assert label in ticks


def test_what_is_below_one_has_labels_too_and_few_where_there_is_little_room():
    ax = Figure().add_subplot()
    log_axis(ax.xaxis, [0.012, 0.4, float("nan")])
    assert 0.05 in ax.get_xticks()
    log_axis(ax.xaxis, [0.012, 0.4], is_sparse=True)
    assert list(ax.get_xticks()) == pytest.approx([0.1, 0.01])
    log_axis(ax.xaxis, [1e-13, 4e-11], is_sparse=True)  # gradients of a network that has learnt
    assert list(ax.get_xticks()) == pytest.approx([1e-11, 1e-12, 1e-13])
    log_axis(ax.xaxis, [1e-9, 0.4], is_sparse=True)
    assert list(ax.get_xticks()) == pytest.approx([1e-1, 1e-4, 1e-7])


def test_panels_share_a_scale_that_holds_every_number():
    grid = [Figure().add_subplot() for _ in range(2)]
    table = pd.DataFrame({"low": [1.0, float("nan")], "high": [2.0, 3.0]})
    common_values(grid, table)
    assert [ax.get_ylim() for ax in grid] == [pytest.approx((0.88, 3.12))] * 2
    assert span(pd.DataFrame({"low": [float("nan")]})) is None
    assert span(pd.DataFrame({"low": [2.0]})) == (1.5, 2.5)


def test_square_panels_and_their_foot_stay_on_the_page():
    figure, grid = panel_grid(3, Room(title=0.3, height=None, foot=0.5), narrow=True)
    sizes = {tuple(round(x, 6) for x in ax.get_window_extent().size) for ax in grid}
    assert len(sizes) == 1
    width, height = sizes.pop()
    assert width == pytest.approx(height)
    assert min(ax.get_position().y0 for ax in grid) * figure.get_figheight() >= 0.5
