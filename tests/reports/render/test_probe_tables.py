"""Tables of probes: a table a measure, its columns in the order of pixels or layers."""

from reports.render import probe_tables


def heads(table):
    return [head.text for head in table.heads]


def test_each_measure_of_a_probe_is_a_table_with_a_column_a_shift(results):
    accuracy, consistency = probe_tables.probe_tables(results)
    assert heads(accuracy) == ["arm", "0 px (%)", "1 px (%)", "2 px (%)"]
    assert heads(consistency) == ["arm", "1 px (%)", "2 px (%)"]
    assert accuracy.caption == "Moved images: accuracy, mean and 95\N{NO-BREAK SPACE}% CI."
    record = results["probes"]["shift"][0]
    assert accuracy.rows[0][1].text.startswith(f"{100 * record['mean']:.2f} [")


def test_layers_stand_in_the_order_in_which_they_run(results):
    one = {"arm": "control", "comparison": "shared", "mean": 0.5, "ci": None}
    layers = ("conv1", "conv2", "fc1", "mine", "output", "pool1")  # as a store sorts them
    results["probes"] = {"shift": [one | {"metric": f"change/{layer}"} for layer in layers]}
    (table,) = probe_tables.probe_tables(results)
    assert heads(table) == ["arm", "conv1", "pool1", "conv2", "fc1", "mine", "output"]


def test_the_area_stands_behind_the_shifts(results):
    one = {"arm": "control", "comparison": "shared", "mean": 0.5, "ci": None}
    names = ("accuracy_1", "accuracy_10", "accuracy_2", "accuracy_area")
    results["probes"] = {"shift": [one | {"metric": name} for name in names]}
    (table,) = probe_tables.probe_tables(results)
    assert heads(table) == ["arm", "1 px (%)", "2 px (%)", "10 px (%)", "area (%)"]


def test_growth_has_a_column_an_image_size(results):
    parameters, _ = probe_tables.growth_tables(results)
    steps = results["probes"]["image_size"][0]["growth"]
    sizes = ["x".join(map(str, step["input"])) for step in steps]
    assert heads(parameters) == ["arm", *sizes]
    assert [cell.sort for cell in parameters.rows[0][1:]] == [s["n_parameters"] for s in steps]


def test_no_probes_give_no_tables(results):
    results["probes"] = {}
    assert probe_tables.probe_tables(results) == probe_tables.growth_tables(results) == []
