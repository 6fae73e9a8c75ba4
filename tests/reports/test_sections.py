"""Learning curves and probes, described."""

from __future__ import annotations

import pandas as pd
import pytest

from reports.plan import ArmFacts
from reports.sections import curve_section, failure_section, growth_exponent, probe_section
from reports.table import validated_curves, validated_runs

CELLS = [("control", "shared")]


def curves_of(by_seed, metric="train/loss"):
    rows = [
        {"arm": "control", "comparison": "shared", "seed": seed, "epoch": epoch, metric: value}
        for seed, values in by_seed.items()
        for epoch, value in enumerate(values, start=1)
    ]
    return validated_curves(pd.DataFrame(rows))


def test_the_band_is_median_minimum_and_maximum_at_each_epoch(make_runs):
    table = validated_runs(make_runs({"control": [0.9, 0.9, 0.9]}))
    (entry,) = curve_section(curves_of({0: [3.0, 1.0], 1: [2.0, 0.5], 2: [4.0, 0.0]}), table, CELLS)
    assert entry["metric"] == "train/loss"
    assert entry["values"] == {0: [3.0, 1.0], 1: [2.0, 0.5], 2: [4.0, 0.0]}
    assert (entry["median"], entry["low"], entry["high"]) == ([3.0, 0.5], [2.0, 0.0], [4.0, 1.0])


def test_a_diverged_curve_is_shown_and_kept_out_of_the_band(make_runs):
    table = validated_runs(make_runs({"control": [0.9, "DIVERGED", "OOM"]}))
    curves = curves_of({0: [3.0, 1.0], 1: [9.0, float("nan")], 2: [5.0]})
    (entry,) = curve_section(curves, table, CELLS)
    assert entry["values"] == {0: [3.0, 1.0], 1: [9.0, None]}
    assert entry["high"] == [3.0, 1.0]


def test_only_diverged_curves_leave_an_empty_band(make_runs):
    table = validated_runs(make_runs({"control": ["DIVERGED"]}))
    (entry,) = curve_section(curves_of({0: [9.0]}), table, CELLS)
    assert entry["median"] == []


def test_a_gap_in_a_curve_is_none_and_not_zero(make_runs):
    table = validated_runs(make_runs({"control": [0.9, 0.9]}))
    curves = curves_of({0: [3.0, 2.0, 1.0]})
    (entry,) = curve_section(curves[curves["epoch"] != 2], table, CELLS)
    assert entry["values"] == {0: [3.0, None, 1.0]}
    assert entry["median"] == [3.0, None, 1.0]


def test_a_curve_that_was_never_measured_is_left_out(make_runs):
    table = validated_runs(make_runs({"control": [0.9, 0.9]}))
    (entry,) = curve_section(curves_of({0: [3.0], 1: [float("nan")]}), table, CELLS)
    assert entry["values"] == {0: [3.0]}


def test_curves_of_unplanned_arms_are_left_out(make_runs):
    table = validated_runs(make_runs({"control": [0.9]}))
    assert curve_section(curves_of({0: [1.0]}), table, [("other", "shared")]) == []


def test_any_probe_is_described_by_arm_and_metric(make_runs, make_plan):
    table = make_runs({"control": [0.8, 0.9, 0.7]}, metric="probe/rotation/accuracy_15")
    section = probe_section(validated_runs(table), make_plan(["control"]), CELLS)
    (entry,) = section["rotation"]
    assert (entry["arm"], entry["metric"]) == ("control", "accuracy_15")
    assert entry["values"] == {0: 0.8, 1: 0.9, 2: 0.7}
    assert entry["mean"] == pytest.approx(0.8)
    assert entry["ci"].low < 0.8 < entry["ci"].high
    assert section["shift"] == []


def test_an_arm_that_was_not_probed_has_no_entry(make_runs, make_plan):
    table = make_runs({"control": ["DIVERGED"]}, metric="probe/shift/accuracy_1")
    section = probe_section(validated_runs(table), make_plan(["control"]), CELLS)
    assert section["shift"] == []


def test_growth_comes_from_the_plan(make_runs, make_plan):
    growth = ({"input": [1, 28, 28], "n_parameters": 10, "n_macs": 20},)
    plan = make_plan(["control", "a"], arms=(ArmFacts("control", growth=growth), ArmFacts("a")))
    section = probe_section(validated_runs(make_runs({"control": [0.9]})), plan, CELLS)
    exponents = dict.fromkeys(("n_parameters", "n_macs", "activation_bytes"))
    held = {"arm": "control", "growth": [growth[0]], "exponents": exponents, "megapixel": None}
    assert section["image_size"] == [held]


def test_the_exponent_is_the_slope_between_the_ends_by_pixels():
    growth = [
        {"input": [1, 28, 28], "linear": 100, "constant": 7, "none": 0},
        {"input": [1, 56, 56], "linear": 1, "constant": 1, "none": 1},
        {"input": [1, 112, 112], "linear": 1600, "constant": 7, "none": 9},
    ]
    assert growth_exponent(growth, "linear") == pytest.approx(1)
    assert growth_exponent(growth, "constant") == 0
    assert growth_exponent(growth, "none") is None
    assert growth_exponent(growth, "not counted") is None


def failures_of(make_runs, make_plan, values, **columns):
    runs = make_runs(values).assign(**columns)
    return failure_section(validated_runs(runs), make_plan(list(values)), CELLS)


def test_runs_that_failed_diverged_or_collapsed_are_listed_with_their_words(make_runs, make_plan):
    found = failures_of(
        make_runs,
        make_plan,
        {"control": [0.9, "DIVERGED", 0.11, "FAILED", "INTERRUPTED"]},
        message=[
            "",
            "the loss was not finite in epoch 2",
            "",
            "OSError: /home/me/net.py is gone",
            "",
        ],
        diverged_epoch=[None, 2, None, None, None],
    )
    told = [
        (one["seed"], one["state"], one["epoch"], one["value"], one["message"]) for one in found
    ]
    assert told == [
        (1, "DIVERGED", 2, None, "the loss was not finite in epoch 2"),
        (2, "COLLAPSED", None, 0.11, ""),
        (3, "FAILED", None, None, "OSError: net.py is gone"),
    ]


def test_a_finished_run_is_listed_where_a_probe_failed_or_the_endpoint_is_missing(
    make_runs, make_plan
):
    found = failures_of(
        make_runs,
        make_plan,
        {"control": [0.9, float("nan"), 0.9]},
        message=["", "", "probe shift: ValueError: no"],
    )
    assert [(one["seed"], one["state"]) for one in found] == [(1, "FINISHED"), (2, "FINISHED")]


def test_a_table_that_says_nothing_of_failures_has_none(make_runs, make_plan):
    assert failures_of(make_runs, make_plan, {"control": [0.9, 0.9]}) == []


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("its log: /work/logs/worker-1.log", "its log: worker-1.log"),
        (r"C:\Users\me\net.py failed", "net.py failed"),
        ("images/s fell to 3/4 of it", "images/s fell to 3/4 of it"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
    ],
)
def test_folders_are_cut_and_words_are_not(make_runs, make_plan, message, left):
    (one,) = failures_of(make_runs, make_plan, {"control": ["FAILED"]}, message=[message])
    assert one["message"] == left
