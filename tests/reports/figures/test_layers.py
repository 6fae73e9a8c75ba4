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
    assert [ax.get_ylabel().replace("\n", " ") for ax in figure.axes] == [
        "norm of the loss's gradient",
        "share of outputs that are saturated",
    ]
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


@pytest.mark.parametrize(("narrow", "n_columns"), [(False, 2), (True, 1)])
def test_what_was_taken_before_training_stands_beside_its_end(detailed, narrow, n_columns):
    probed = detailed["probes"]["gradient_flow"]
    start = [
        one | {"metric": f"epoch_0_{one['metric']}"} for one in probed if "norm" in one["metric"]
    ]
    detailed["probes"]["gradient_flow"] = [*probed, *start]
    with house_style():
        figure = layers_figure(detailed, narrow=narrow)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["before training", "", ""]
    first, second = figure.axes[:2]
    assert (first.get_position().y0 == second.get_position().y0) == (n_columns == 2)
    assert first.get_ylim() == second.get_ylim()


def test_changes_under_a_shift_are_by_layer_too(detailed):
    one = {"arm": "control", "comparison": "shared", "values": {"0": 0.4}}
    one |= {"mean": 0.4, "ci": [0.3, 0.5]}
    detailed["probes"]["shift"] += [one | {"metric": f"change/{n}"} for n in ("conv1", "pool1")]
    table = layer_table(detailed)
    own = table[table["measure"] == "change"]
    assert list(own["layer"]) == ["conv1", "pool1"]
    names = table.drop_duplicates("layer").sort_values("place")["layer"]
    assert list(names) == ["conv1", "pool1", "conv2", "fc1", "output"]
