import csv
import io
import json

import pytest
from markdown_it import MarkdownIt

from reports.render import csv_files, markdown, probe_tables, tables
from reports.render.design_tables import failure_table
from reports.render.factor_tables import effect_tables, variance_table


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_markdown_has_the_findings_and_the_tables(results, costs):
    text = markdown(results, costs)
    assert text.startswith("# example\n")
    assert "- **better**: activation=relu raises" in text
    assert "| activation=relu - control | better | +1.94 |" in text
    assert "**refuted**" in text


def parsed_tables(text):
    """Every table of a Markdown text as rows of texts, the heading first.

    A parser fills short rows and cuts long ones, so that the cells tell and not their number.
    """
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level > 3:
            found[-1][-1].append("".join(part.content for part in token.children))
    return found


def written_tables(results, costs):
    """The tables of the report as it has them, line breaks in names aside."""
    growth = probe_tables.growth_tables(results)
    verdicts = [tables.verdict_table(results)] if results["contrasts"] else []
    noise, failures = variance_table(results), failure_table(results)
    every = [
        *verdicts, tables.arms_table(results), *([failures] if failures else []),
        *effect_tables(results), *([noise] if noise else []),
        tables.cost_table(results, costs), *probe_tables.probe_tables(results), *growth,
    ]  # fmt: skip
    return [
        [
            [" ".join(text.split()) for text in row]
            for row in (
                [head.text for head in table.heads],
                *([cell.text for cell in row] for row in table.rows),
            )
        ]
        for table in every
    ]


def spaced(found):
    return [[[" ".join(cell.split()) for cell in row] for row in table] for table in found]


def test_every_markdown_table_is_read_cell_by_cell(results, costs, everything):
    for study in ((results, costs), everything):
        assert spaced(parsed_tables(markdown(*study))) == written_tables(*study)


@pytest.mark.parametrize(
    "name", ["a|b", "a \\| `|` b", "x\n| --- |\r\n\n# c", "1. *y* | <b>", "\\"]
)
def test_a_name_stays_in_its_cell(results, costs, name):
    old = "activation=relu"
    text = json.dumps([results, costs]).replace(old, json.dumps(name)[1:-1])
    study = json.loads(text)
    assert spaced(parsed_tables(markdown(*study))) == written_tables(*study)


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


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", "\tx"])
def test_a_name_that_begins_like_a_formula_stands_behind_an_apostrophe(results, costs, name):
    for contrast in results["contrasts"]:
        contrast |= {"name": f"{name} - control", "arm": name, "estimate": -0.5}
    results["arms"][1]["name"] = name
    files = csv_files(results, costs)
    assert rows_of(files["arms.csv"])[1]["name"] == f"'{name}"
    row = rows_of(files["contrasts.csv"])[0]
    assert (row["name"], row["arm"]) == (f"'{name} - control", f"'{name}")
    assert (row["control"], row["estimate"]) == ("control", "-0.5")


@pytest.mark.parametrize("text", ["- - -", "1. no", "$x$", "@bob", "http://a.org", ":smile: & *"])
def test_a_question_is_read_as_it_was_asked(results, costs, text):
    results["question"] = text
    _, opened, said, *_ = MarkdownIt("commonmark").parse(markdown(results, costs))[2:]
    assert opened.type == "paragraph_open"
    assert "".join(part.content for part in said.children) == text


def test_what_a_code_host_acts_on_is_written_as_an_entity(results, costs):
    results["question"] = "@bob $x$ http://a.org :smile:"
    line = markdown(results, costs).splitlines()[2]
    assert line == "&#64;bob \\$x\\$ http&#58;//a.org &#58;smile:"
