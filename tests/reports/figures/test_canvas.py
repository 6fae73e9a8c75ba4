import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from reports.figures.canvas import (
    axes_at,
    house_style,
    is_leftmost,
    is_lowest,
    log_counts,
    panel_grid,
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
    _, grid = panel_grid(7, narrow=False, title=0.3)
    assert [is_leftmost(ax, grid) for ax in grid] == [i in (0, 4) for i in range(7)]
    assert [is_lowest(ax, grid) for ax in grid] == [i >= 3 for i in range(7)]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("n_panels", [1, 2, 5, 20])
def test_panels_stay_on_the_page_and_apart(n_panels, narrow):
    _, grid = panel_grid(n_panels, narrow=narrow, title=0.3)
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
    log_counts(ax.xaxis, counts)
    ticks = [ax.xaxis.get_major_formatter()(tick, 0) for tick in ax.xaxis.get_majorticklocs()]
    assert label in ticks
