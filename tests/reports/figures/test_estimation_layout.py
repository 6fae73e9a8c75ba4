import pytest

from reports.figures.canvas import house_style
from reports.figures.estimation_layout import estimation_figure


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


@pytest.mark.parametrize("narrow", [False, True])
def test_every_arm_is_named_with_its_n_and_failures(results, narrow):
    with house_style():
        shown = texts(estimation_figure(results, narrow=narrow))
    for arm in results["arms"]:
        assert arm["name"] in shown
    assert shown.count("n = 5") == 6
    assert "n = 4, 1 failed" in shown


@pytest.mark.parametrize("narrow", [False, True])
def test_numbers_stand_beside_the_marks(results, narrow):
    with house_style():
        shown = texts(estimation_figure(results, narrow=narrow))
    assert "+1.94 [+1.56, +2.32]" in shown


def test_verdicts_are_worded_on_a_wide_page(results):
    with house_style():
        shown = texts(estimation_figure(results, narrow=False))
    assert shown.count("worse") == 3


@pytest.mark.parametrize("narrow", [False, True])
def test_one_seed_shows_its_difference_without_brackets(one_seed, narrow):
    with house_style():
        shown = texts(estimation_figure(one_seed, narrow=narrow))
    assert "+1.94" in shown
    assert not any("[" in text for text in shown)


@pytest.mark.parametrize("narrow", [False, True])
def test_without_contrasts_there_is_one_panel(one_arm, narrow):
    with house_style():
        assert len(estimation_figure(one_arm, narrow=narrow).axes) == 1


@pytest.mark.parametrize("narrow", [False, True])
def test_texts_of_twenty_long_names_do_not_overlap(twenty_arms, narrow):
    with house_style():
        figure = estimation_figure(twenty_arms, narrow=narrow)
        boxes = [text.get_window_extent() for ax in figure.axes for text in ax.texts]
    # A shared edge is no overlap; the paper behind a text may touch its neighbour's.
    boxes = [box.padded(-1) for box in boxes]
    overlapping = [
        (one, other)
        for i, one in enumerate(boxes)
        for other in boxes[i + 1 :]
        if one.overlaps(other)
    ]
    assert overlapping == []


@pytest.mark.parametrize("narrow", [False, True])
def test_one_huge_interval_does_not_squash_the_others(results, narrow):
    results["contrasts"][1] |= {"estimate": -0.16, "ci_adjusted": [-0.9, 0.6]}
    with house_style():
        figure = estimation_figure(results, narrow=narrow)
    low, high = figure.axes[1].get_xlim()
    assert -19 < low < -16
    assert 2 < high < 6
    assert "\N{MINUS SIGN}16.00 [\N{MINUS SIGN}90.00, +60.00]" in texts(figure)
