"""The report as LaTeX: its tables, what is bold, and that pdflatex sets it whatever the names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from reports.render import probe_tables, tables
from reports.render.latex import latex_files
from reports.render.latex_text import escaped

HOSTILE = (
    "<script>",
    r"a_b%$#&{}~^\ ",
    "50% off",
    "[x] *y* Ωμέγα → 日本 🙂 ế\x07\u202e",
    "*star",
    "a|b\nc",
)

PDFLATEX = shutil.which("pdflatex")
needs_pdflatex = pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex on this machine")


def set_by_pdflatex(files, folder):
    """Compiles the report, and each table alone as a paper would; the log of the report."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="ascii")
    inputs = "\n".join(rf"\input{{{name}}}" for name in files if name != "report.tex")
    paper = (
        "\\documentclass[twocolumn]{article}\n\\usepackage{array,booktabs,graphicx}\n"
        f"\\begin{{document}}\n{inputs}\n\\end{{document}}\n"
    )
    (folder / "paper.tex").write_text(paper, encoding="ascii")
    for name in ("report", "paper"):
        command = [PDFLATEX, "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", name]
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
        )
        assert done.returncode == 0, done.stdout[-2000:]
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    return (folder / "report.log").read_text(encoding="utf-8", errors="replace")


def rows_of(tabular):
    """The cells of a table's rows, its heading apart."""
    body = tabular.partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    return [line.removesuffix(r" \\").split(" & ") for line in body.splitlines()]


def renamed(results, costs, names):
    """The same study whose arms but the control have other names."""
    olds = [arm["name"] for arm in results["arms"]][1:]
    new = {old: json.dumps(name)[1:-1] for old, name in zip(olds, names, strict=False)}
    one_of = re.compile("|".join(sorted(new, key=len, reverse=True)))
    text = json.dumps([results, costs])
    return json.loads(one_of.sub(lambda found: new[found[0]], text))


def test_each_table_is_a_file_that_the_report_inputs(results, costs):
    files = latex_files(results, costs)
    assert list(files) == [
        "report.tex",
        *(
            f"tables/{name}.tex"
            for name in (
                "verdicts",
                "arms",
                "changes",
                "failures",
                "costs",
                "probes",
                "probes-2",
                "growth",
                "growth-2",
            )
        ),
    ]
    assert re.findall(r"\\input\{(.*?)\}", files["report.tex"]) == list(files)[1:]


def test_the_report_has_question_findings_claims_and_notes(results, costs):
    text = latex_files(results, costs)["report.tex"].replace("~", " ")
    assert r"\title{example}" in text
    assert escaped(results["question"]) in text
    for contrast in results["contrasts"]:
        assert escaped(contrast["sentence"]) in text
    for claim in results["claims"]:
        assert escaped(claim["text"]) in text
    for warning in results["warnings"]:
        assert escaped(warning["text"]) in text


def test_a_table_has_the_cells_of_the_page(results, costs):
    files = latex_files(results, costs)
    for name, table in (
        ("costs", tables.cost_table(results, costs)),
        ("growth", probe_tables.growth_tables(results)[0]),
    ):
        written = [[escaped(cell.text) for cell in row] for row in table.rows]
        assert rows_of(files[f"tables/{name}.tex"]) == written


def test_a_table_has_rules_a_caption_a_label_and_numbers_on_the_right(results, costs):
    text = latex_files(results, costs)["tables/arms.tex"]
    assert r"\begin{tabular}{lrrrrrrrrr}" in text
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:arms}"):
        assert text.count(part) == 1
    assert r"\caption{Test accuracy (\%) over seeds. Bold:" in text


def test_means_of_arms_that_may_be_best_are_bold_and_a_note_says_so(results, costs):
    results["arms"][3]["among_best"] = True
    results["arms"][2]["among_best"] = None
    text = latex_files(results, costs)["tables/arms.tex"]
    bold = [[cell.startswith(r"\textbf") for cell in row] for row in rows_of(text)]
    assert [row for row, cells in enumerate(bold) if any(cells)] == [1, 3]
    assert all(cells.index(True) == 3 and sum(cells) == 1 for cells in bold if any(cells))
    assert r"with 95~\% confidence" in text
    assert "Not compared: pooling=avg." in text


def test_nothing_is_bold_where_there_is_no_answer(results, costs):
    for arm in results["arms"]:
        arm["among_best"] = None
    text = latex_files(results, costs)["tables/arms.tex"]
    assert "textbf" not in text
    assert "Bold" not in text


def test_the_level_of_the_note_is_the_studys(results, costs):
    results["endpoint"]["alpha"] = 0.1
    assert r"90~\% confidence" in latex_files(results, costs)["tables/arms.tex"]


def test_a_partial_report_says_so(partial, costs):
    text = latex_files(partial, costs)["report.tex"]
    assert r"\textbf{Not final.}" in text
    assert text.count(r"\item \textbf{no verdict}") == 12


def test_refusals_and_deviations_come_first(results, costs):
    results["plan"]["deviations"] = ["another control"]
    results["refusals"] = [{"code": "one_run", "text": "a single run"}]
    text = latex_files(results, costs)["report.tex"]
    places = [text.index(part) for part in ("another control", "a single run", "itemize")]
    assert places == sorted(places)


def test_a_table_that_is_too_wide_is_cut_and_each_part_has_the_first_column(results, costs):
    probed = results["probes"]["shift"]
    probed += [one | {"metric": f"accuracy_{n}"} for n in range(10, 20) for one in probed[::5]]
    text = latex_files(results, costs)["tables/probes.tex"]
    parts = text.split(r"\begin{table}")[1:]
    assert len(parts) > 1
    assert all(part.count("activation=relu &") == 1 for part in parts)
    assert text.count(r"\label") == 1
    assert text.count("(continued)") == len(parts) - 1
    assert all(text.count(f" {n} px") == 1 for n in range(10, 20))


def test_a_table_that_is_too_tall_goes_on_on_the_next_page(results, costs):
    arm = results["arms"][1]
    results["arms"] += [arm | {"name": f"arm{n}", "among_best": False} for n in range(100)]
    text = latex_files(results, costs)["tables/arms.tex"]
    assert text.count(r"\clearpage") == 2
    assert len(rows_of(text)) < 50
    assert all(text.count(f"\narm{n} &") == 1 for n in range(100))


def test_a_long_word_may_be_broken(results, costs):
    results, costs = renamed(results, costs, ["activation=relu,pooling=avg", "x" * 200])
    text = latex_files(results, costs)["tables/arms.tex"]
    assert r"activation=relu,\allowbreak{}pooling=avg" in text
    assert "x" * 30 not in text


def test_a_study_without_contrasts_has_no_table_of_them(results, costs):
    results |= {"contrasts": [], "claims": []}
    assert "tables/verdicts.tex" not in latex_files(results, costs)


def test_the_same_documents_give_the_same_text(results, costs):
    assert latex_files(results, costs) == latex_files(results, costs)


@needs_pdflatex
def test_pdflatex_sets_the_report_and_its_fonts_need_no_making(results, costs, tmp_path):
    log = set_by_pdflatex(latex_files(results, costs), tmp_path)
    assert "Overfull" not in log
    assert "tcrm" not in log


@needs_pdflatex
def test_pdflatex_sets_a_study_that_has_every_section(everything, tmp_path):
    files = latex_files(*everything)
    assert {f"tables/{name}.tex" for name in ("effects", "anova", "variance")} < set(files)
    assert "Overfull" not in set_by_pdflatex(files, tmp_path)


@needs_pdflatex
def test_pdflatex_sets_any_name(results, costs, tmp_path):
    results, costs = renamed(results, costs, HOSTILE)
    results["study"], results["question"] = HOSTILE[1], " ".join(HOSTILE)
    results["claims"][0]["text"] = results["warnings"][0]["text"] = " ".join(HOSTILE)
    set_by_pdflatex(latex_files(results, costs), tmp_path)


@needs_pdflatex
def test_pdflatex_knows_every_character_we_leave_to_it(results, costs, tmp_path):
    known = "".join(map(chr, range(1, 0x3000)))
    results["warnings"] = [
        {"code": "few_pairs", "text": " ".join(known[at : at + 64])}
        for at in range(0, len(known), 64)
    ]
    set_by_pdflatex(latex_files(results, costs), tmp_path)


@needs_pdflatex
def test_pdflatex_sets_many_arms_with_long_names(results, costs, tmp_path):
    arm, contrast = results["arms"][1], results["contrasts"][0]
    names = [f"{'long_name,' * 18}{n}" for n in range(150)]
    results["arms"] += [arm | {"name": name} for name in names]
    results["contrasts"] += [contrast | {"arm": n, "name": f"{n} - control"} for n in names]
    set_by_pdflatex(latex_files(results, costs), tmp_path)


@needs_pdflatex
def test_pdflatex_sets_a_study_without_runs(results, costs, tmp_path):
    results |= {"arms": [], "contrasts": [], "claims": [], "curves": [], "probes": {}}
    set_by_pdflatex(latex_files(results, costs | {"device": [], "arms": []}), tmp_path)
