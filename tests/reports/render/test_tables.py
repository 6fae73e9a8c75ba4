import pytest

from reports.render import tables

MINUS = "\N{MINUS SIGN}"


def texts(row):
    return [cell.text for cell in row]


def test_a_verdict_row_says_what_the_contrast_says(results):
    table = tables.verdict_table(results)
    assert texts(table.rows[0]) == [
        "activation=relu - control",
        "better",
        "+1.94",
        "[+1.56, +2.32]",
        "< 0.001",
        "1.00 [0.57, 1.00]",
        "5",
        "0.48",
        "",
    ]


def test_missing_pairs_are_named(results):
    row = next(r for r in tables.verdict_table(results).rows if r[0].text.startswith("channels=12"))
    missing = results["contrasts"][3]["missing_pairs"]
    assert row[6].text == "4"
    assert row[8].text.endswith(f", without seed {missing[0]}")


def test_families_are_named_only_where_there_are_several(results):
    assert tables.verdict_table(results).rows[0][0].text == "activation=relu - control"
    results["contrasts"][0]["family"] = "shared recipe"
    assert (
        tables.verdict_table(results).rows[0][0].text == "activation=relu - control (shared recipe)"
    )


def test_an_arms_row_says_what_the_arm_says(results):
    rows = tables.arms_table(results).rows
    assert texts(rows[0]) == [
        "control", "5", "0", "88.10", "[88.01, 88.19]", "0.07", "88.09", "88.01", "88.21", "88.09",
    ]  # fmt: skip
    assert rows[4][2].text == "1 (1 diverged)"


def test_cells_sort_by_the_number_and_not_by_its_text(results):
    cell = tables.verdict_table(results).rows[1][2]
    assert cell.text == f"{MINUS}0.27"
    assert float(cell.key) == results["contrasts"][1]["estimate"]


def test_a_missing_number_sorts_as_empty():
    assert tables.Cell("x").key == ""


def test_costs_carry_units_and_device(results, costs):
    table = tables.cost_table(results, costs)
    assert costs["device"][0] in table.caption
    row = texts(table.rows[0])
    assert row[3] == "61\N{NARROW NO-BREAK SPACE}706"
    assert row[6] == "21.1 s"
    assert row[8].endswith(" MiB")
    assert row[9].endswith(" ms")


def test_costs_stand_beside_what_is_got_for_them(results, costs):
    table = tables.cost_table(results, costs)
    for row, arm in zip(table.rows, results["arms"], strict=True):
        assert row[1].sort == arm["mean"]
    unbeaten = {row[0].text: row[2].text for row in table.rows}
    assert unbeaten["activation=relu"] == "parameters, MACs, training, latency"
    assert unbeaten["control"] == ""


def test_an_arm_whose_costs_were_not_measured_shows_dashes(results, costs):
    costs["arms"][0]["train_seconds"] = None
    assert tables.cost_table(results, costs).rows[0][6].text == "\N{EN DASH}"


def test_means_that_may_be_the_best_are_bold_and_the_caption_says_what_that_is(results):
    table = tables.arms_table(results)
    bold = [row[0].text for row in table.rows if row[3].is_bold]
    assert bold == [arm["name"] for arm in results["arms"] if arm["among_best"]]
    assert "cannot be told from the best" in table.caption
    for arm in results["arms"]:
        arm["among_best"] = None
    assert tables.arms_table(results).caption == "Test accuracy (%) over seeds."


def test_changes_are_listed_and_the_control_changed_nothing(results):
    rows = tables.changes_table(results).rows
    assert rows[0][2].text == "nothing"
    assert rows[3][2].text == "channels = 3, 8"


def test_what_size_may_explain_is_shown_with_the_contrast_of_one_size(results):
    (contrast,) = [one for one in results["contrasts"] if one["matched"]]
    matched = tables.matched_contrasts(results)
    assert matched == {(contrast["name"], "shared"): results["contrasts"][5]}
    row = next(r for r in tables.verdict_table(results).rows if r[0].text == contrast["name"])
    assert "of one size: mlp-matched - control" in row[-1].text


@pytest.mark.parametrize("verdict", ["worse-but-small", None])
def test_verdicts_wear_their_badge(results, verdict):
    results["contrasts"][0]["verdict"] = verdict
    cell = tables.verdict_table(results).rows[0][1]
    assert cell.mark is not None
    assert cell.text == cell.mark.word


def test_worn_flags_are_listed_once(results):
    assert tables.worn_flags(results).count("capacity_confounded") == 1
