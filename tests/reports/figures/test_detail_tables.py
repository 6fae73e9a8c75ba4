from reports.figures import detail_tables


def test_costs_are_in_the_units_of_their_axes(results, costs):
    table = detail_tables.cost_table(results, costs).set_index(["cost", "arm"])
    arm = costs["arms"][0]
    assert table.loc[("latency_1_seconds", arm["arm"]), "at"] == (
        1000 * arm["latency_1_seconds"]["mean"]
    )
    assert table.loc[("n_macs", arm["arm"]), "at"] == arm["n_macs"]
    assert table.loc["n_macs"]["at_low"].isna().all()


def test_an_arm_that_no_run_was_timed_of_has_no_cost(results, costs):
    costs["arms"] = costs["arms"][1:]
    assert "control" not in set(detail_tables.cost_table(results, costs)["arm"])


def test_images_are_listed_without_their_pixels(detailed):
    table = detail_tables.image_table(detailed)
    assert len(table) == 7 * 8
    assert table.iloc[0].to_dict() == {
        "contrast": "activation=relu - control",
        "comparison": "shared",
        "index": 0,
        "label": "shirt",
        "arm_right": 100.0,
        "control_right": 20.0,
        "arm_predicted": "shirt",
        "control_predicted": "T-shirt/top",
    }


def test_contrasts_without_images_have_no_row_of_them(detailed):
    detailed["per_class"]["contrasts"][0]["images"] = []
    names = [name for name, _ in detail_tables.image_rows(detailed)]
    assert "activation=relu - control" not in names
    assert len(names) == 6


def test_layers_keep_their_order_in_the_network(detailed):
    table = detail_tables.layer_table(detailed)
    assert dict(zip(table["layer"], table["place"], strict=True)) == {
        "conv1": 0, "conv2": 1, "fc1": 2, "output": 3,
    }  # fmt: skip
