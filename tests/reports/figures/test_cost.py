import numpy as np
import pytest

from reports.figures.canvas import house_style
from reports.figures.cost import cost_figure, draw_cost
from reports.figures.detail_tables import cost_table


def test_arms_stand_at_their_cost_and_mean(results, costs, ax):
    table = cost_table(results, costs).query("cost == 'train_seconds'")
    draw_cost(table, ax)
    seconds = {arm["arm"]: arm["train_seconds"]["mean"] for arm in costs["arms"]}
    expected = [(seconds[arm["name"]], 100 * arm["mean"]) for arm in results["arms"]]
    marks = [dots.get_offsets()[0] for dots in ax.collections if not hasattr(dots, "get_segments")]
    assert np.array(marks) == pytest.approx(np.array(expected))


def test_intervals_and_the_longest_and_shortest_run_are_drawn(results, costs, ax):
    table = cost_table(results, costs).query("cost == 'train_seconds'").head(1)
    draw_cost(table, ax)
    upright, level = (lines.get_segments()[0] for lines in ax.collections[:2])
    arm, spent = results["arms"][0], costs["arms"][0]["train_seconds"]
    assert upright[:, 1] == pytest.approx([100 * end for end in arm["ci"]])
    assert level[:, 0] == pytest.approx([spent["min"], spent["max"]])


def test_the_steps_go_through_the_front_and_its_marks_are_filled(results, costs, ax):
    table = cost_table(results, costs).query("cost == 'n_macs'")
    draw_cost(table, ax)
    (steps,) = ax.lines
    front = table[table["is_on_front"]].sort_values("at")
    assert list(steps.get_xdata()) == list(front["at"])
    assert 0 < len(front) < len(table)
    marks = [dots for dots in ax.collections if not hasattr(dots, "get_segments")]
    faces = {tuple(dots.get_facecolor()[0]) for dots in marks}
    assert len(faces) == len(front) + 1  # its own colours, and the paper's for all others


@pytest.mark.parametrize("narrow", [False, True])
def test_a_panel_for_each_cost_on_one_scale_and_every_arm_in_the_key(results, costs, narrow):
    with house_style():
        figure = cost_figure(results, costs, narrow=narrow)
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "parameters", "MACs an image", "seconds to train a run", "latency of one image (ms)",
    ]  # fmt: skip
    assert {ax.get_xscale() for ax in figure.axes} == {"log"}
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    keys = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    assert {arm["name"] for arm in results["arms"]} <= keys


def test_seconds_of_several_machines_are_not_compared(results, costs):
    costs["device"] = ["cpu", "cuda"]
    assert set(cost_table(results, costs)["cost"]) == {"n_parameters", "n_macs"}


def test_an_arm_without_a_cost_is_left_out_there(results, costs):
    costs["arms"][1] |= {"n_parameters": None, "latency_1_seconds": {"mean": None}}
    costs["arms"][1]["latency_1_seconds"] |= {"min": None, "max": None}
    table = cost_table(results, costs)
    held = set(table[table["arm"] == costs["arms"][1]["arm"]]["cost"])
    assert held == {"n_macs", "train_seconds"}


def test_an_arm_that_never_finished_has_no_mark(all_failed, costs, ax):
    table = cost_table(all_failed, costs).query("cost == 'n_macs'")
    draw_cost(table, ax)
    assert table.set_index("arm")["mean"].isna().sum() == 1
