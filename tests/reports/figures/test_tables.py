import math

import pytest

from reports.figures import detail_tables, tables
from reports.figures.palette import CONTROL


def test_the_control_comes_first_and_the_rest_keep_the_studys_order(results):
    names = [arm["name"] for arm in results["arms"]]
    results["arms"] = results["arms"][::-1]
    ordered = [arm["name"] for arm in tables.ordered_arms(results)]
    assert ordered == ["control", *names[:0:-1]]


def test_a_contrast_between_two_other_arms_has_its_own_row(results):
    rows = tables.estimation_rows(results)
    assert [row.label for row in rows][-1] == "mlp-matched - mlp"
    assert rows[-1].arm is None
    assert rows[0].contrast is None


def test_every_contrast_is_in_exactly_one_row(results):
    rows = tables.estimation_rows(results)
    shown = [row.contrast["name"] for row in rows if row.contrast]
    assert sorted(shown) == sorted(contrast["name"] for contrast in results["contrasts"])


def test_values_are_the_documents_in_per_cent_beside_the_control_of_their_seed(results):
    table = tables.value_table(results).set_index(["row", "seed"])
    arm, control = results["arms"][1], results["arms"][0]
    for seed in range(5):
        assert table.loc[(1, seed), "value"] == 100 * arm["values"][str(seed)]
        assert table.loc[(1, seed), "control"] == 100 * control["values"][str(seed)]
    assert table.loc[0, "control"].isna().all()


def test_differences_carry_the_simultaneous_interval(results):
    record = tables.difference_table(results).iloc[0]
    low, high = results["contrasts"][0]["ci_adjusted"]
    assert (record.low, record.high) == (100 * low, 100 * high)


def test_a_tuned_arm_is_another_row_and_says_so(results):
    results["arms"].append(results["arms"][1] | {"comparison": "tuned"})
    assert tables.estimation_rows(results)[7].label == "activation=relu (tuned)"


def test_missing_intervals_are_nan_not_zero(one_seed):
    assert tables.difference_table(one_seed)[["low", "high"]].isna().all(axis=None)
    assert tables.mean_table(one_seed)[["low", "high"]].isna().all(axis=None)


def test_a_study_without_contrasts_has_no_control_and_no_differences(one_arm):
    assert tables.main_control(one_arm) is None
    assert tables.difference_table(one_arm).empty


def test_a_margin_that_is_not_named_is_nan(results):
    results["endpoint"]["margin"] = None
    assert math.isnan(tables.margin_shown(results))


def test_curves_hold_every_seed_and_the_median(results):
    table = tables.curve_table(results, "loss")
    curve = next(c for c in results["curves"] if c["metric"] == "train/loss")
    own = table[(table["arm"] == curve["arm"]) & (table["split"] == "train")]
    assert list(own[own["seed"] == -1]["value"]) == curve["median"]
    assert list(own[own["seed"] == 3]["value"]) == curve["values"]["3"]
    assert list(own[own["seed"] == 3]["epoch"]) == [1, 2, 3, 4, 5]


def test_loss_curves_come_before_accuracy(results):
    assert tables.curve_measures(results) == ["loss", "accuracy"]


def test_a_shift_has_one_mean_an_arm_and_distance(results):
    table = tables.shift_table(results)
    assert set(table["pixels"]) == {0, 1, 2}
    assert not table.duplicated(["arm", "pixels"]).any()


def test_arms_with_equal_counts_share_one_growth_line(results):
    groups = tables.growth_table(results).drop_duplicates("label")
    assert ("control", "activation=relu", "pooling=avg") in set(groups["arms"])


def test_only_the_control_at_the_shared_recipe_has_the_controls_look(results):
    results["arms"].append(results["arms"][0] | {"comparison": "tuned"})
    positions = tables.look_positions(results)
    assert positions.count(CONTROL) == 1
    assert len(set(positions)) == len(positions)


@pytest.mark.parametrize("probes", [None, {}])
def test_a_study_without_probes_has_empty_probe_tables(results, probes):
    results["probes"] = probes
    assert tables.growth_table(results).empty
    assert tables.shift_table(results).empty


def test_the_estimation_table_has_a_row_a_mark(results):
    table = tables.estimation_table(results)
    n_values = sum(len(arm["values"]) for arm in results["arms"])
    assert table["kind"].value_counts().to_dict() == {
        "value": n_values,
        "mean": len(results["arms"]),
        "difference": len(results["contrasts"]),
    }
    last = table.iloc[-1]
    assert (last["label"], last["verdict"]) == ("mlp-matched - mlp", "worse")


def test_arms_of_one_label_stay_apart(twins):
    labels = [row.label for row in tables.estimation_rows(twins)]
    assert labels.count("mlp (tuned)") == 2
    curves = tables.by_cell(tables.curve_table(twins, "loss"))
    classes = tables.by_cell(detail_tables.class_table(twins), "contrast")
    confusions = tables.by_cell(detail_tables.confusion_table(twins))
    looks = tables.by_cell(detail_tables.sequential_table(twins), "contrast")
    for cells in (curves, confusions):
        assert {("mlp (tuned)", "shared"), ("mlp", "tuned")} <= set(cells)
    for cells in (classes, looks):
        assert {("mlp (tuned) - control", "shared"), ("mlp - control", "tuned")} <= set(cells)
    assert {len(rows) for rows in classes.values()} == {8}
    layers = detail_tables.layer_table(twins)
    assert len(layers) == 2 * 4 * layers["look"].nunique() == 2 * 4 * len(twins["arms"])


def test_a_panel_beside_the_main_control_is_named_by_its_arm(results):
    assert tables.beside_control(results, "mlp - control", "shared") == "mlp"
    assert tables.beside_control(results, "mlp - control", "tuned") == "mlp (tuned)"
    for other in ("mlp-matched - mlp", "mlp - control-relu"):
        assert tables.beside_control(results, other, "shared") == other


def test_sections_of_one_data_set_are_kept_with_it(detailed):
    detailed["arms"][1]["control"] = detailed["arms"][1]["name"]
    alone = tables.by_control(detailed)["activation=relu"]
    assert [one["arm"] for one in alone["budget"]["arms"]] == ["activation=relu"]
    assert [one["arm"] for one in alone["per_class"]["arms"]] == ["activation=relu"]
    detailed["budget"]["arms"] = []
    assert tables.by_control(detailed)["control"]["budget"] is None
