"""Numbers by class and image, against the same sums done one at a time."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from reports.analysis import analyse
from reports.errors import TableError
from reports.per_class import MOST_CLASSES, MOST_IMAGES, Labels, Predictions
from reports.plan import ContrastSpec
from reports.statistics.intervals import t_interval
from reports.statistics.noise import mcnemar

NAMES = ("shirt", "coat", "boot")
RIGHT = np.repeat(np.arange(3), [20, 30, 50]).astype(np.int16)
SEEDS = 4
INDICES = np.arange(0, 100, 2)
PIXELS = np.random.default_rng(1).integers(0, 256, (50, 1, 3, 3)).astype(np.uint8)


def said(accuracy: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(100) < accuracy, RIGHT, (RIGHT + 1) % 3).astype(np.int16)


@pytest.fixture
def predictions() -> Predictions:
    """Of an arm `a` and its control `c` on three classes, with pixels of every second image."""
    rng = np.random.default_rng(3)
    predicted = {
        f"key-{arm}-shared-{seed}": said(accuracy, rng)
        for arm, accuracy in (("c", 0.6), ("a", 0.8))
        for seed in range(SEEDS)
    }
    arms = {arm: Labels(RIGHT, NAMES, INDICES, PIXELS) for arm in "ca"}
    return Predictions(predicted, arms)


@pytest.fixture
def report(make_runs, make_plan):
    """The results of a study whose accuracies are those of its predictions."""

    def made(predictions, *, changed=None, **more):
        values = {
            arm: [
                float((predictions.predicted[f"key-{arm}-shared-{s}"] == RIGHT).mean())
                for s in range(SEEDS)
            ]
            for arm in "ca"
        }
        values |= changed or {}
        plan = make_plan(list("ca"), seeds=tuple(range(SEEDS)), **more)
        results = analyse(make_runs(values), plan, predictions=predictions)
        return results.to_dict() | {"codes": {note.code for note in results.warnings}}

    return made


def rows(predictions, arm):
    return np.stack([predictions.predicted[f"key-{arm}-shared-{seed}"] for seed in range(SEEDS)])


def test_an_arm_has_the_mean_share_of_each_class_predicted_as_each(report, predictions):
    _, arm = report(predictions)["per_class"]["arms"]
    assert (arm["arm"], arm["comparison"], arm["n_seeds"]) == ("a", "shared", SEEDS)
    assert (arm["classes"], arm["n_images"]) == (list(NAMES), [20, 30, 50])
    said = rows(predictions, "a")
    for i in range(3):
        for j in range(3):
            assert arm["confusion"][i][j] == pytest.approx((said[:, i == RIGHT] == j).mean())
        shares = (said[:, i == RIGHT] == i).mean(axis=1)
        error = shares.std(ddof=1) / np.sqrt(SEEDS)
        assert arm["accuracy"][i]["mean"] == pytest.approx(shares.mean())
        interval = t_interval(shares.mean(), error, df=SEEDS - 1, level=0.95)
        assert arm["accuracy"][i]["ci"] == pytest.approx(list(interval))


def test_a_contrast_has_differences_by_class_at_both_levels(report, predictions):
    (contrast,) = report(predictions)["per_class"]["contrasts"]
    assert (contrast["name"], contrast["arm"], contrast["control"]) == ("a - c", "a", "c")
    assert (contrast["family"], contrast["n_pairs"]) == ("exploratory", SEEDS)
    for label, found in enumerate(contrast["classes"]):
        assert found["class"] == NAMES[label]
        right = [rows(predictions, arm)[:, label == RIGHT] == label for arm in "ac"]
        d = right[0].mean(axis=1) - right[1].mean(axis=1)
        error = d.std(ddof=1) / np.sqrt(SEEDS)
        assert found["estimate"] == pytest.approx(d.mean())
        for key, level in (("ci", 0.95), ("ci_adjusted", 1 - 0.05 / 3)):
            interval = t_interval(d.mean(), error, df=SEEDS - 1, level=level)
            assert found[key] == pytest.approx(list(interval))


def test_a_contrast_counts_what_only_one_of_each_pair_got_right(report, predictions):
    (contrast,) = report(predictions)["per_class"]["contrasts"]
    right = [rows(predictions, arm) == RIGHT for arm in "ac"]
    for seed, found in enumerate(contrast["mcnemar"]):
        expected = mcnemar(right[0][seed], right[1][seed])
        assert found == {
            "seed": seed,
            "only_arm": int((right[0][seed] & ~right[1][seed]).sum()),
            "only_control": int((right[1][seed] & ~right[0][seed]).sum()),
            "p": expected.p_exact,
        }


def test_the_direction_of_the_endpoint_turns_no_difference_of_accuracies(report, predictions):
    there = report(predictions)["per_class"]
    assert report(predictions, direction="minimize")["per_class"] == there


def test_images_are_those_on_which_the_shares_differ_most(report, predictions):
    (contrast,) = report(predictions)["per_class"]["contrasts"]
    right = [(rows(predictions, arm) == RIGHT).mean(axis=0) for arm in "ac"]
    shown = contrast["images"]
    assert len(shown) == MOST_IMAGES
    assert all(found["index"] in INDICES for found in shown)
    gaps = [found["arm_right"] - found["control_right"] for found in shown]
    assert sorted(gaps, key=lambda gap: -abs(gap)) == gaps
    assert {np.sign(gap) for gap in gaps} == {-1, 1}
    for found, gap in zip(shown, gaps, strict=True):
        index = found["index"]
        assert found["label"] == NAMES[RIGHT[index]]
        assert found["arm_right"] == pytest.approx(right[0][index])
        assert gap == pytest.approx(right[0][index] - right[1][index])
        assert gap != 0
    known = right[0][INDICES] - right[1][INDICES]
    assert max(gaps) == pytest.approx(known.max())
    assert min(gaps) == pytest.approx(known.min())


def test_an_image_comes_with_its_pixels_and_what_most_seeds_called_it(report, predictions):
    (contrast,) = report(predictions)["per_class"]["contrasts"]
    for found in contrast["images"]:
        place = INDICES.tolist().index(found["index"])
        assert found["pixels"]["shape"] == [1, 3, 3]
        content = base64.b64decode(found["pixels"]["base64"], validate=True)
        assert content == PIXELS[place].tobytes()
        for arm, key in (("a", "arm_predicted"), ("c", "control_predicted")):
            votes = np.bincount(rows(predictions, arm)[:, found["index"]], minlength=3)
            assert votes[NAMES.index(found[key])] == votes.max()


def test_of_two_kinds_of_pixels_the_controls_are_shown(report, predictions):
    other = replace(predictions.labels["a"], pixels=255 - PIXELS)
    arms = {**predictions.labels, "a": other}
    expected = report(predictions)["per_class"]
    assert report(replace(predictions, labels=arms))["per_class"] == expected


def test_without_pixels_there_are_all_numbers_and_no_images(report, predictions):
    bare = replace(predictions, labels={arm: Labels(RIGHT, NAMES) for arm in "ca"})
    there, (contrast,) = report(predictions)["per_class"], report(bare)["per_class"]["contrasts"]
    assert contrast == {**there["contrasts"][0], "images": []}


def test_arms_that_never_disagree_show_no_image(report, predictions):
    same = {key: said(0.7, np.random.default_rng(9)) for key in predictions.predicted}
    (contrast,) = report(replace(predictions, predicted=same))["per_class"]["contrasts"]
    assert contrast["images"] == []
    assert {found["p"] for found in contrast["mcnemar"]} == {1.0}


def test_only_pairs_are_compared_and_all_runs_of_an_arm_described(report, predictions):
    changed = {"c": ["OOM"]}
    found = report(predictions, changed=_lost(predictions, changed))["per_class"]
    assert [arm["n_seeds"] for arm in found["arms"]] == [SEEDS - 1, SEEDS]
    (contrast,) = found["contrasts"]
    assert contrast["n_pairs"] == SEEDS - 1
    assert [one["seed"] for one in contrast["mcnemar"]] == [1, 2, 3]


def _lost(predictions, states):
    """The accuracies of some arms, the first of them replaced by states."""
    values = {}
    for arm, first in states.items():
        shares = (rows(predictions, arm) == RIGHT).mean(axis=1).tolist()
        values[arm] = [*first, *shares[len(first) :]]
    return values


def test_two_pairs_have_estimates_without_intervals(report, predictions):
    changed = _lost(predictions, {"a": ["OOM", "DIVERGED"]})
    (contrast,) = report(predictions, changed=changed)["per_class"]["contrasts"]
    assert contrast["classes"][0]["estimate"] is not None
    assert [one["ci_adjusted"] for one in contrast["classes"]] == [None] * 3


def test_an_arm_without_a_finished_run_has_no_entry_and_no_note(report, predictions):
    found = report(predictions, changed={"a": ["OOM"] * SEEDS})
    assert [arm["arm"] for arm in found["per_class"]["arms"]] == ["c"]
    assert found["per_class"]["contrasts"] == []
    assert "predictions_unusable" not in found["codes"]


def drop(predictions):
    del predictions.predicted["key-a-shared-0"]


def shorten(predictions):
    predictions.predicted["key-a-shared-0"] = RIGHT[:50]


def turn(predictions):
    row = predictions.predicted["key-a-shared-0"]
    predictions.predicted["key-a-shared-0"] = (row + 1) % 3


def invent(predictions):
    row = predictions.predicted["key-a-shared-0"]
    predictions.predicted["key-a-shared-0"] = np.where(row == RIGHT, row, 7)


def unlabel(predictions):
    del predictions.labels["a"]


@pytest.mark.parametrize("spoil", [drop, shorten, turn, invent, unlabel])
def test_an_arm_whose_predictions_do_not_fit_is_left_out_and_told(
    report, make_runs, make_plan, predictions, spoil
):
    values = _lost(predictions, {"c": [], "a": []})
    spoil(predictions)
    plan = make_plan(list("ca"), seeds=tuple(range(SEEDS)))
    results = analyse(make_runs(values), plan, predictions=predictions)
    assert [arm["arm"] for arm in results.per_class["arms"]] == ["c"]
    assert results.per_class["contrasts"] == []
    (note,) = (one for one in results.warnings if one.code == "predictions_unusable")
    assert note.text.startswith("runs of 'a' kept no predicted classes, or others")


@pytest.mark.parametrize("names", [NAMES[::-1], ("shirt", "coat", "shoe")])
def test_arms_with_other_test_images_are_described_and_not_compared(report, predictions, names):
    arms = {**predictions.labels, "a": Labels(RIGHT, names)}
    found = report(replace(predictions, labels=arms))["per_class"]
    assert [arm["classes"] for arm in found["arms"]] == [list(NAMES), list(names)]
    assert found["contrasts"] == []


@pytest.mark.parametrize("n_classes", [MOST_CLASSES, MOST_CLASSES + 1])
def test_a_confusion_matrix_of_too_many_classes_is_left_out_and_told(
    make_runs, make_plan, n_classes
):
    labels = np.arange(n_classes)
    predictions = Predictions(
        {"key-c-shared-0": labels}, {"c": Labels(labels, tuple(map(str, labels)))}
    )
    plan = make_plan(["c"], seeds=(0,))
    results = analyse(make_runs({"c": [1.0]}), plan, predictions=predictions)
    (arm,) = results.per_class["arms"]
    assert (arm["confusion"] is None) is (n_classes > MOST_CLASSES)
    assert len(arm["accuracy"]) == n_classes
    told = [one.text for one in results.warnings if one.code == "confusion_left_out"]
    assert told == ["'c': no confusion matrix of more than 20 classes"] * (n_classes > 20)


def test_without_labels_there_is_no_section_and_no_note(report, predictions):
    assert report(predictions)["per_class"] is not None
    found = report(replace(predictions, labels={}))
    assert found["per_class"] is None
    assert "predictions_unusable" not in found["codes"]


def test_a_table_without_test_accuracy_has_no_section(make_runs, make_plan, predictions):
    plan = make_plan(list("ca"), metric="test/gain", seeds=(0,))
    runs = make_runs({"c": [1.0], "a": [2.0]}, metric="test/gain")
    results = analyse(runs, plan, predictions=predictions)
    assert results.per_class is None
    assert all(one.code != "predictions_unusable" for one in results.warnings)


def test_the_order_of_runs_moves_no_byte(make_runs, make_plan, predictions):
    runs = make_runs(_lost(predictions, {"c": [], "a": []}))
    plan = make_plan(list("ca"), seeds=tuple(range(SEEDS)))
    first, second = (
        json.dumps(analyse(table, plan, predictions=predictions).to_dict(), allow_nan=False)
        for table in (runs, runs.iloc[::-1])
    )
    assert first == second


def test_a_contrast_at_another_recipe_is_of_its_own_runs(make_runs, make_plan, predictions):
    spec = ContrastSpec("a - c", "a", "c", comparison="tuned")
    values = _lost(predictions, {"c": [], "a": []})
    tuned = {key.replace("shared", "tuned"): row for key, row in predictions.predicted.items()}
    plan = make_plan(list("ca"), seeds=tuple(range(SEEDS)), contrasts=(spec,))
    results = analyse(
        make_runs(values, comparison="tuned"),
        plan,
        predictions=replace(predictions, predicted=tuned),
    )
    (contrast,) = results.per_class["contrasts"]
    assert (contrast["comparison"], contrast["n_pairs"]) == ("tuned", SEEDS)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"labels": RIGHT[:20]}, r"0 to 2 for the 3 classes and each of them, got .* with \[0\]"),
        ({"labels": RIGHT.astype(float)}, r"labels: an integer a test image .* got float64"),
        ({"class_names": ()}, r"for the 0 classes .* name the classes of the test images"),
        ({"pixels": PIXELS[:3]}, r"pixels: uint8 of shape \(50, C, H, W\) .* got uint8 of .*\(3, "),
        ({"pixels": PIXELS / 255}, r"got float64 of shape \(50, 1, 3, 3\)"),
        ({"indices": INDICES + 2}, r"indices: test images 0 to 99 were expected, got 100"),
    ],
)
def test_labels_that_do_not_fit_each_other_are_refused(changes, problem):
    with pytest.raises(TableError, match=problem):
        replace(Labels(RIGHT, NAMES, INDICES, PIXELS), **changes)
