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
    words = "norm of the loss's gradient\n"  # over each row
    again = words if n_rows > 1 else ""
    assert titles == [f"{words}conv1", "conv2", f"{again}fc1", "output"]
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


def test_epochs_that_fewer_seeds_were_measured_after_than_at_the_end_are_left_out(followed):
    for one in followed["probes"]["gradient_flow"]:
        if one["arm"] == "control" and one["metric"].startswith("epoch_0_"):
            one["values"] = one["values"] | {"2": None}
    table = epoch_table(followed)
    epochs = table.groupby("arm")["epoch"].unique().map(list)
    others = set(epochs.index) - {"control"}
    assert others
    assert 0 not in epochs["control"]
    assert all(0 in epochs[arm] for arm in others)


def test_a_measure_that_is_0_throughout_is_not_drawn(followed):
    probed = followed["probes"]["gradient_flow"]
    still = [
        one | {"metric": one["metric"].replace("gradient_norm", "dead"), "mean": 0.0}
        for one in probed
        if "gradient_norm" in one["metric"]
    ]
    before = epoch_table(followed)
    probed += still
    assert set(epoch_table(followed)["measure"]) == set(before["measure"]) == {"gradient_norm"}
    still[0]["mean"] = 0.5
    assert set(epoch_table(followed)["measure"]) == {"gradient_norm", "dead"}
