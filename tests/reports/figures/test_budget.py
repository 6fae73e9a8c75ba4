import pytest

from reports.figures.budget import budget_figure, draw_budget
from reports.figures.canvas import house_style
from reports.figures.detail_tables import budget_table


def test_every_arm_has_its_expected_best_at_each_budget(detailed, ax):
    draw_budget(budget_table(detailed), ax)
    for line, arm in zip(ax.lines, detailed["budget"]["arms"], strict=True):
        assert list(line.get_xdata()) == list(range(1, 21))
        assert line.get_ydata() == pytest.approx([100 * best for best in arm["expected_best"]])
        assert line.get_markevery() == [-1]


def test_arms_look_as_in_the_other_figures_whatever_their_order(detailed):
    usual = budget_table(detailed).drop_duplicates("arm").set_index("arm")["look"]
    detailed["budget"]["arms"].reverse()
    assert budget_table(detailed).drop_duplicates("arm").set_index("arm")["look"].equals(usual)


@pytest.mark.parametrize("narrow", [False, True])
def test_axes_and_arms_are_named(detailed, narrow):
    with house_style():
        figure = budget_figure(detailed, narrow=narrow)
    assert figure.axes[0].get_ylabel() == "best validation accuracy (%)"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        arm["name"] for arm in detailed["arms"]
    ]


def test_without_tuning_there_is_nothing_to_draw(results):
    assert budget_table(results).empty
