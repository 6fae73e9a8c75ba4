"""The figure of what probes measured in the course of training."""

import pytest

from reports.figures.canvas import house_style
from reports.figures.detail_tables import epoch_table
from reports.figures.epochs import draw_epochs, epochs_figure


def test_an_arm_is_a_line_from_before_training_to_its_last_epoch(followed, ax):
    table = epoch_table(followed)
    draw_epochs(table[table["layer"] == "fc1"], ax)
    for line, arm in zip(ax.lines, followed["arms"], strict=True):
        (end,) = (
            one["mean"]
            for one in followed["probes"]["gradient_flow"]
            if (one["arm"], one["metric"]) == (arm["name"], "gradient_norm/fc1")
        )
        assert list(line.get_xdata()) == [0, 1, arm["recipe"]["epochs"]]
        assert list(line.get_ydata()) == pytest.approx([2 * end, 3 * end, end])


@pytest.mark.parametrize(("narrow", "n_rows"), [(False, 1), (True, 2)])
def test_layers_stand_side_by_side_on_one_scale(followed, narrow, n_rows):
    with house_style():
        figure = epochs_figure(followed, narrow=narrow)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["norm of the loss's gradient\nconv1", "conv2", "fc1", "output"]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert len({round(ax.get_position().y0, 6) for ax in figure.axes}) == n_rows


def test_an_arm_of_which_both_ends_alone_were_measured_is_left_out(followed):
    probed = followed["probes"]["gradient_flow"]
    followed["probes"]["gradient_flow"] = [
        one for one in probed if not (one["arm"] == "control" and "epoch_1_" in one["metric"])
    ]
    arms = {arm["name"] for arm in followed["arms"]}
    assert set(epoch_table(followed)["arm"]) == arms - {"control"}


def test_measures_of_both_ends_alone_have_no_course(detailed):
    probed = detailed["probes"]["gradient_flow"]
    probed += [one | {"metric": f"epoch_0_{one['metric']}"} for one in probed]
    assert epoch_table(detailed).empty
