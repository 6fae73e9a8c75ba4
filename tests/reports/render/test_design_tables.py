from reports.render import design_tables


def texts(row):
    return [cell.text for cell in row]


def card(results, provenance):
    return dict(map(texts, design_tables.design_card(results, provenance).rows))


def test_every_run_that_went_wrong_is_listed_with_its_epoch_and_words(results):
    (row,) = design_tables.failure_table(results).rows
    assert texts(row) == [
        "channels=12x32", "4", "diverged", "2", "\N{EN DASH}", "the loss was not finite in epoch 2",
    ]  # fmt: skip


def test_a_collapsed_run_is_told_with_its_value(results):
    results["failures"] = [
        results["failures"][0] | {"state": "COLLAPSED", "value": 0.1, "epoch": None, "message": ""}
    ]
    (row,) = design_tables.failure_table(results).rows
    assert texts(row)[2:] == ["collapsed: stayed near chance", "\N{EN DASH}", "10.00", ""]


def test_where_nothing_went_wrong_there_is_no_table(results):
    results["failures"] = []
    assert design_tables.failure_table(results) is None


def test_the_card_says_what_was_held_equal_and_what_was_not(results, provenance):
    told = card(results, provenance)
    assert told["seeds"] == "5: 0, 1, 2, 3, 4"
    assert told["margin"] == "0.5 points"
    assert told["contrasts"] == f"{len(results['contrasts'])} primary"
    assert told["looks"] == "one, at the end"
    assert told["deviations"] == "none"
    assert told["plan"] == results["plan"]["digest"]
    assert "differs" not in told["epochs"]
    results["arms"][0]["recipe"]["epochs"] = 99
    assert card(results, provenance)["epochs"].startswith("differs by arm: 99, ")


def test_the_card_names_machines_and_software_once(results):
    one = {"device_model": "Example CPU", "torch": "2.14", "software": {"python": "3.11"}}
    told = card(results, {"environments": {"a": one, "b": one}})
    assert told["hardware"] == "Example CPU"
    assert told["software"] == "torch 2.14, Python 3.11"
    assert "hardware" not in card(results, {})


def test_looks_and_deviations_are_on_the_card(results, provenance):
    results["sequential"] = {"looks": [5, 10], "contrasts": []}
    results["plan"]["deviations"] = ["the margin was changed", "seeds were added"]
    told = card(results, provenance)
    assert told["looks"] == "5, 10 pairs"
    assert told["deviations"] == "the margin was changed; seeds were added"


def test_nested_facts_become_paths():
    table = design_tables.fact_table("facts", {"a": {"b": 1, "c": {}}, "d": [True, None]})
    assert [texts(row) for row in table.rows] == [
        ["a.b", "1"],
        ["a.c", ""],
        ["d", "yes, \N{EN DASH}"],
    ]


def test_of_a_digest_in_a_path_eight_digits_are_shown():
    digest = "0123456789abcdef" * 4
    (row,) = design_tables.fact_table("", {"environments": {digest: {"threads": digest}}}).rows
    assert texts(row) == ["environments.01234567.threads", digest]
