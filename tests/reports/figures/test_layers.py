import pytest

from reports.figures.canvas import house_style
from reports.figures.detail_tables import layer_table
from reports.figures.layers import draw_layers, layers_figure


def test_an_arm_is_a_line_over_the_layers_from_the_input_on(detailed, ax):
    table = layer_table(detailed).query("measure == 'saturation'")
    draw_layers(table, ax)
    measured = [one for one in detailed["probes"]["gradient_flow"] if "saturation" in one["metric"]]
    for line, arm in zip(ax.lines, detailed["arms"], strict=True):
        own = [one["mean"] for one in measured if one["arm"] == arm["name"]]
        assert list(line.get_xdata()) == [0, 1, 2, 3]
        assert line.get_ydata() == pytest.approx(own)
    bars = [segment[:, 1] for lines in ax.collections for segment in lines.get_segments()]
    assert [list(bar) for bar in bars] == [one["ci"] for one in measured]


@pytest.mark.parametrize("narrow", [False, True])
def test_a_panel_for_each_measure_with_the_layers_named(detailed, narrow):
    with house_style():
        figure = layers_figure(detailed, narrow=narrow)
    assert [ax.get_ylabel() for ax in figure.axes] == ["gradient norm", "saturation"]
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert names == ["conv1", "conv2", "fc1", "output"]


def test_only_norms_that_span_decades_are_on_a_logarithmic_axis(detailed):
    for one in detailed["probes"]["gradient_flow"]:
        if "saturation" in one["metric"]:
            one["mean"], one["ci"] = 0.5, [0.4, 0.6]
    with house_style():
        figure = layers_figure(detailed, narrow=False)
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "linear"]


def test_without_the_probe_there_is_nothing_to_draw(results):
    assert layer_table(results).empty
