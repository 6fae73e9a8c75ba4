import json
from pathlib import Path

import pytest

from reports.errors import ReportError
from reports.figures.files import KINDS
from reports.render import FORMATS, write_report

FIGURES = ("estimation", "claims", "cost")
NAMES = {
    "report.html",
    "report.md",
    "report.tex",
    *(f"tables/{name}.tex" for name in ("verdicts", "arms", "changes", "failures", "costs")),
    "arms.csv",
    "contrasts.csv",
    "results.json",
    "costs.json",
    "provenance.json",
    "report-files.json",
    *(f"figures/{name}.csv" for name in FIGURES),
    *(f"figures/{n}{end}.{k}" for n in FIGURES for end in ("", "-column") for k in KINDS),
}


def test_every_format_writes_its_files_and_nothing_else(tmp_path, small, costs, provenance):
    out = tmp_path / "new" / "folder"
    paths = write_report(out, small, costs, provenance, FORMATS)
    assert {path.relative_to(out).as_posix() for path in paths} == NAMES
    written = {path for path in out.rglob("*") if path.is_file()}
    assert written == set(paths)
    assert all(path.read_bytes() for path in written)


def test_figures_are_drawn_into_files_only_where_asked_for(tmp_path, small, costs, provenance):
    names = {path.name for path in write_report(tmp_path, small, costs, provenance)}
    assert "report.html" in names
    assert "cost.csv" in names
    assert not any(name.endswith((".pdf", ".png", ".svg")) for name in names)


def test_json_is_written_with_any_format_since_it_is_what_they_show(
    tmp_path, results, costs, provenance
):
    paths = write_report(tmp_path, results, costs, provenance, ["md"])
    documents = ["results.json", "costs.json", "provenance.json", "report-files.json"]
    assert [p.name for p in paths] == ["report.md", *documents]


def test_json_keeps_its_order_and_reads_back_equal(tmp_path, results, costs, provenance):
    results["study"] = "été"
    write_report(tmp_path, results, costs, provenance, ["json"])
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "été" in text
    assert list(json.loads(text)) == list(results)
    assert json.loads(text) == results


def test_a_second_report_replaces_the_first(tmp_path, results, costs, provenance):
    write_report(tmp_path, results, costs, provenance, ["md"])
    results["study"] = "another"
    write_report(tmp_path, results, costs, provenance, ["md"])
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# another")


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_a_study_has_no_more_goes_and_what_others_wrote_stays(
    tmp_path, small, costs, provenance
):
    write_report(tmp_path, small, costs, provenance, FORMATS)
    (tmp_path / "figures/mine.csv").write_text("x")
    (tmp_path / "tables/arms.tex").write_text("edited")
    small["contrasts"], small["claims"] = [], []
    write_report(tmp_path, small, costs, provenance, ["html", "csv"])
    held = files_in(tmp_path)
    assert held == {
        *("report.html", "arms.csv", "contrasts.csv", "results.json", "costs.json"),
        *("provenance.json", "report-files.json", "figures/estimation.csv", "figures/cost.csv"),
        *("figures/mine.csv", "tables/arms.tex"),
    }


def test_formats_of_the_same_results_may_be_written_one_after_the_other(
    tmp_path, small, costs, provenance
):
    for kind in ("html", "md", "png"):
        write_report(tmp_path, small, costs, provenance, [kind])
    assert {"report.html", "report.md", "figures/cost.png"} < files_in(tmp_path)
    small["question"] = "another"
    write_report(tmp_path, small, costs, provenance, ["md"])
    assert not {"report.html", "figures/cost.png"} & files_in(tmp_path)
    assert not (tmp_path / "figures").exists()


def test_another_study_in_the_same_folder_is_left_alone(tmp_path, small, costs, provenance):
    write_report(tmp_path, small, costs, provenance, ["md", "csv"])
    small["study"] = "another"
    write_report(tmp_path, small, costs, provenance, ["md"])
    assert "arms.csv" in files_in(tmp_path)


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path, results, costs, provenance):
    with pytest.raises(
        ReportError, match=r"got \['gif'\].*allowed: csv, html, json, md, tex, pdf, png, svg"
    ):
        write_report(tmp_path, results, costs, provenance, ["md", "gif"])
    assert list(tmp_path.iterdir()) == []


def test_nan_is_refused_before_anything_is_written(tmp_path, results, costs, provenance):
    results["arms"][0]["sd"] = float("nan")
    with pytest.raises(ReportError, match=r"results\.json: every number must be finite, got NaN"):
        write_report(tmp_path, results, costs, provenance, ["json"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_folder_of_the_report_is_whole_or_not_there(
    tmp_path, small, costs, provenance, monkeypatch
):
    kept = write_report(tmp_path, small, costs, provenance, ["tex"])
    content = {path: path.read_bytes() for path in kept}
    small["arms"][0]["mean"] = 0.5
    replace = Path.replace

    def no_room(self, target):
        if target.parent.name == "tables":
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr("pathlib.Path.replace", no_room)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path, small, costs, provenance, ["tex"])
    left = {path: path.read_bytes() for path in (tmp_path / "tables").iterdir()}
    assert left == {path: held for path, held in content.items() if path in left}
    assert tmp_path / "tables/arms.tex" in left


def test_a_full_disk_leaves_no_half_file(tmp_path, results, costs, provenance, monkeypatch):
    def no_room(self, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("pathlib.Path.replace", no_room)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path, results, costs, provenance, ["md"])
    assert list(tmp_path.iterdir()) == []
