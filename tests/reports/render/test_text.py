import csv
import io

from reports.render import csv_files, markdown


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_markdown_has_the_findings_and_the_tables(results, costs):
    text = markdown(results, costs)
    assert text.startswith("# example\n")
    assert "- **better**: activation=relu raises" in text
    assert "| activation=relu - control | better | +1.94 |" in text
    assert "**refuted**" in text


def test_markdown_rows_have_as_many_cells_as_their_heading(hostile):
    results, costs, _ = hostile
    for block in markdown(results, costs).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("| ")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) <= 1


def test_names_cannot_act_in_markdown(hostile):
    results, costs, _ = hostile
    text = markdown(results, costs)
    assert "<script>" not in text
    assert "\\<script\\>" in text
    assert "| *b*" not in text


def test_a_partial_markdown_report_says_so(partial, costs):
    assert "**Not final.**" in markdown(partial, costs)
    assert "- **no verdict**" in markdown(partial, costs)


def test_csv_holds_the_raw_numbers(results, costs):
    files = csv_files(results, costs)
    assert sorted(files) == ["arms.csv", "contrasts.csv"]
    arms, contrasts = rows_of(files["arms.csv"]), rows_of(files["contrasts.csv"])
    for row, arm in zip(arms, results["arms"], strict=True):
        assert float(row["mean"]) == arm["mean"]
        assert [float(row["ci_low"]), float(row["ci_high"])] == arm["ci"]
    for row, contrast in zip(contrasts, results["contrasts"], strict=True):
        assert float(row["estimate"]) == contrast["estimate"]
        assert float(row["ci_adjusted_low"]) == contrast["ci_adjusted"][0]
        assert row["flags"] == ";".join(contrast["flags"])


def test_csv_has_the_mean_costs_of_each_arm(results, costs):
    row = rows_of(csv_files(results, costs)["arms.csv"])[0]
    assert float(row["train_seconds"]) == costs["arms"][0]["train_seconds"]["mean"]


def test_an_arm_without_costs_has_empty_cells(results, costs):
    costs["arms"] = []
    assert rows_of(csv_files(results, costs)["arms.csv"])[0]["train_seconds"] == ""


def test_missing_numbers_are_empty_cells(results, costs):
    results["contrasts"][0] |= {"ci": None, "p": None, "verdict": None}
    row = rows_of(csv_files(results, costs)["contrasts.csv"])[0]
    assert (row["ci_low"], row["p"], row["verdict"]) == ("", "", "")


def test_names_with_commas_and_quotes_survive_the_round_trip(hostile):
    results, costs, name = hostile
    assert rows_of(csv_files(results, costs)["arms.csv"])[1]["name"] == name
