"""Tables of probes: a table a measure, its columns in the order of pixels or layers."""

from reports.render import numbers, probe_tables


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
    parameters, *_ = probe_tables.growth_tables(results)
    steps = results["probes"]["image_size"][0]["growth"]
    sizes = ["x".join(map(str, step["input"])) for step in steps]
    assert heads(parameters) == ["arm", *sizes, "power of the pixels"]
    assert [cell.sort for cell in parameters.rows[0][1:-1]] == [s["n_parameters"] for s in steps]


def test_no_probes_give_no_tables(results):
    results["probes"] = {}
    assert probe_tables.probe_tables(results) == probe_tables.growth_tables(results) == []


def test_a_photograph_is_a_table_of_those_that_take_one(results):
    first, second, *_ = results["probes"]["image_size"]
    size = {"input": [3, 1000, 1000], "n_outputs": 256, "n_parameters": 768_000_256}
    first["megapixel"] = size | {"parameter_bytes": 3_072_001_024, "n_macs": 768_000_000}
    first["exponents"] = {"n_parameters": 0.98765}
    second["megapixel"] = None
    parameters, _, photograph = probe_tables.growth_tables(results)
    assert parameters.rows[0][-1].text == "0.99"
    assert "3x1000x1000 into 256 outputs" in photograph.caption
    (row,) = photograph.rows
    assert [cell.text for cell in row] == [
        first["arm"],
        numbers.count(768_000_256),
        "3.072",
        numbers.count(768_000_000),
    ]


def test_activations_are_a_table_where_they_were_counted(results):
    for arm in results["probes"]["image_size"]:
        for step in arm["growth"]:
            step["activation_bytes"] = 2**20 * step["input"][-1]
    *_, kept = probe_tables.growth_tables(results)
    assert "What training keeps of an image" in kept.caption
    assert kept.rows[0][1].text == "28.0 MiB"


def test_steps_are_tables_of_what_was_measured(costs):
    assert probe_tables.step_tables(costs) == []
    one = {"size": [28, 28], "step_seconds": 0.0123, "step_peak_bytes": None}
    two = {"size": [56, 56], "step_seconds": 0.05, "step_peak_bytes": None}
    costs["arms"][0]["image_size"], costs["arms"][1]["image_size"] = [one, two], [one]
    (seconds,) = probe_tables.step_tables(costs)
    assert heads(seconds) == ["arm", "28x28", "56x56"]
    assert [cell.text for cell in seconds.rows[0][1:]] == ["12.3 ms", "50.0 ms"]
    assert [cell.text for cell in seconds.rows[1][1:]] == ["12.3 ms", numbers.MISSING]
    one["step_peak_bytes"] = 2**20
    assert probe_tables.step_tables(costs)[1].rows[0][1].text == "1.00 MiB"
