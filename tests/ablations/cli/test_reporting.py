from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ablations.cli import reporting
from ablations.cli.reporting import shown_seeds, slug
from ablations.executors.base import Began
from ablations.preparation import RunOptions
from ablations.runner import run_study
from ablations.study_file import load_study
from ablations.tracking.store import MlflowStore

INLINE = ("--executor", "inline", "--device", "cpu")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c:*?", "Größe — 日本", "", "." * 300])
def test_a_folder_name_is_safe_whatever_the_study_is_called(name):
    found = slug(name)
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 0 < len(found) <= 70


def test_names_that_read_alike_get_folders_of_their_own():
    assert slug("My study!").startswith("my-study-")
    assert slug("My study!") != slug("my study")


def test_only_planned_verdicts_count_as_shown():
    arms = [
        {"name": name, "comparison": "shared", "values": {"0": 1.0, "1": 1.0, "2": 1.0}}
        for name in ("control", "a", "b", "c")
    ]
    del arms[1]["values"]["2"]
    contrasts = [
        {"name": "a - control", "arm": "a", "control": "control", "verdict": "better", "flags": []},
        {"name": "b - control", "arm": "b", "control": "control", "verdict": None, "flags": []},
        {
            "name": "c - control",
            "arm": "c",
            "control": "control",
            "verdict": "undecided",
            "flags": ["extended_after_results"],
        },
    ]
    contrasts = [{**one, "method": "paired", "missing_pairs": [2]} for one in contrasts]
    arms += [{**arm, "comparison": "tuned", "values": {"7": 1.0}} for arm in arms]
    both = [
        {**contrast, "comparison": comparison}
        for comparison in ("shared", "tuned")
        for contrast in contrasts
    ]
    results = {"arms": arms, "contrasts": both, "claims": []}
    assert shown_seeds(results) == {"a - control": [0, 1], "a - control (tuned)": [7]}
    looked_at = [{**both[0], "method": "sequential"}]  # at a look, the run that was lost too
    results = {"arms": arms, "contrasts": looked_at, "claims": []}
    assert shown_seeds(results) == {"a - control": [0, 1, 2]}


def test_claims_that_were_judged_count_as_shown_and_counts_do_not():
    values = {"0": 1.0, "1": 1.0, "2": 1.0}
    arms = [{"name": name, "comparison": "shared", "values": values} for name in ("a", "b")]
    made = {"comparison": "shared", "method": "paired", "judged": True}
    numbers = [
        {**made, "contrast": "a - b"},
        {**made, "contrast": "a - a"},
        {**made, "contrast": "b - a", "judged": False},
        {**made, "contrast": "b - b", "method": "anytime"},
        {"conditions": []},
    ]
    claims = [{"verdict": "supported", "numbers": one} for one in numbers]
    results = {"arms": arms, "contrasts": [], "claims": claims}
    assert shown_seeds(results) == {"a - b": [0, 1, 2], "a - a": [0, 1, 2]}


def test_a_report_is_written_stored_on_the_parent_and_summed_up(call, tiny_file, store_uri, home):
    result = call("run", tiny_file(seeds=3), *INLINE)
    assert result.exit_code == 0
    folder = home / "ablation-reports" / slug("tiny")
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "report.md", "results.json", "costs.json", "provenance.json"} < names
    tables = {f"tables/{path.name}" for path in (folder / "tables").iterdir()}
    assert {"tables/verdicts.tex", "tables/arms.tex"} < tables
    store = MlflowStore(store_uri)
    _, parent = store.parent("tiny")
    stored = store.client.list_artifacts(parent, "report")
    assert {item.path for item in stored} == {f"report/{name}" for name in names}
    inner = store.client.list_artifacts(parent, "report/tables")
    assert {item.path for item in inner} == {f"report/{name}" for name in tables}
    note = store.client.get_run(parent).data.tags["mlflow.note.content"]
    assert note == reporting.note((folder / "report.md").read_text())
    results = json.loads((folder / "results.json").read_text())
    (contrast,) = results["contrasts"]
    row = next(line for line in result.output.splitlines() if contrast["verdict"] in line)
    low, high = (f"{100 * bound:+.2f}" for bound in contrast["ci_adjusted"])
    assert row.split()[1:] == [
        "activation=relu",
        f"{100 * contrast['estimate']:+.2f}",
        *(low, "to", high),
        "3",
    ]
    assert "Does ReLU help?" in result.output
    assert f"{len(results['warnings'])} notes on how far this carries" in result.output
    assert str(folder.relative_to(home) / "report.html") in result.output
    assert "#/experiments/" in result.output


def test_a_claims_contrast_beside_another_arm_than_the_control_names_both(call, tiny_file):
    claim = {"text": "?", "contrast": "softmax - activation=relu", "expect": "less"}
    result = call("run", tiny_file(seeds=3, arms=["softmax"], claims=[claim]), *INLINE)
    assert "minus control" in result.output
    table = result.output.partition("minus control")[2]
    named = [" ".join(line.split()[1:-5]) for line in table.splitlines()[1:4]]
    assert named == ["activation=relu", "softmax", "softmax - activation=relu"]


def test_a_report_of_a_part_is_marked_not_final_and_shows_no_verdict(
    call, tiny_file, store_uri, home
):
    call("run", tiny_file(seeds=3), *INLINE, "--no-report")
    interrupted = load_study("study.yaml", ["seeds=4"])
    with pytest.raises(KeyboardInterrupt):
        run_study(interrupted, RunOptions(device="cpu", executor="inline"), _stop)
    result = call("report", "tiny", "--formats", "json", "--out", "out")
    results = json.loads((home / "out" / "results.json").read_text())
    assert not results["final"]
    assert [item["verdict"] for item in results["contrasts"]] == [None]
    assert "not final: planned runs are missing, so there are no verdicts" in result.output


def _stop(event: object) -> None:
    if isinstance(event, Began):
        raise KeyboardInterrupt


def test_a_study_is_reported_from_another_folder_without_its_file(
    call, tiny_file, store_uri, home, monkeypatch
):
    call("run", tiny_file(seeds=3), *INLINE, "--no-report")
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    where = ("--tracking-uri", store_uri)
    lost = call("report", "tiny")
    assert lost.exit_code == 2
    assert "is not there; run study 'tiny' first, or give the --tracking-uri of" in lost.output
    result = call("report", "tiny", "--out", "out", "--formats", "md, json", *where)
    assert result.exit_code == 0, result.output
    found = {path.name for path in (home / "elsewhere" / "out").iterdir()}
    documents = {"results.json", "costs.json", "provenance.json"}
    assert found == {"report.md", "report-files.json", *documents}
    assert [path.name for path in (home / "elsewhere").iterdir()] == ["out"]
    assert "no study 'tinny'; did you mean 'tiny'?" in call("report", "tinny", *where).output
    absent = call("report", "study.yaml", *where)
    assert absent.exit_code == 2
    assert "there is no such file here, and no stored study" in absent.output


def test_an_unknown_format_is_told_before_anything_is_read(call, home):
    result = call("report", "tiny", "--formats", "html,gif")
    assert result.exit_code == 2
    assert (
        "must be all, documents, or some of csv, html, json, md, tex, pdf, png, svg; got ['gif']"
        in result.output
    )


def test_a_folder_that_cannot_be_written_to_is_told_with_what_to_do(
    call, tiny_file, store_uri, home
):
    call("run", tiny_file(seeds=1), *INLINE, "--no-report")
    Path("taken").write_text("a file", encoding="utf-8")
    result = call("report", "tiny", "--formats", "json", "--out", "taken/report")
    assert result.exit_code == 2
    said = "report folder taken/report: expected to be written to, got: Not a directory; make room"
    assert said in " ".join(result.output.split())


def test_a_report_that_cannot_be_stored_is_in_its_folder_all_the_same(
    call, tiny_file, store_uri, home
):
    call("run", tiny_file(seeds=1), *INLINE, "--no-report")
    folder = next(home.glob("mlartifacts/**/plan.json")).parent
    (folder / "report").write_text("a file where the folder must be")
    result = call("report", "tiny", "--out", "out", "--formats", "json")
    assert result.exit_code == 3
    assert "; the report is in out all the same" in result.output
    assert (home / "out" / "results.json").exists()


def test_a_report_that_was_overtaken_says_so(call, tiny_file, store_uri, home, monkeypatch):
    study = tiny_file(seeds=1)
    call("run", study, *INLINE, "--no-report")
    analyse = reporting.analyse

    def analyse_while_a_driver_ends(*tables, **more):
        time.sleep(0.01)  # so that it ends in another millisecond
        assert call("run", study, *INLINE, "--no-report").exit_code == 0
        return analyse(*tables, **more)

    monkeypatch.setattr(reporting, "analyse", analyse_while_a_driver_ends)
    result = call("report", "tiny", "--out", "out", "--formats", "json")
    assert result.exit_code == 0
    assert "not stored in MLflow: a driver of this study has ended since" in result.output
    assert (home / "out" / "results.json").exists()
    assert not list(home.glob("mlartifacts/**/results.json"))


def test_a_long_note_is_cut_at_a_section():
    sections = [f"## part {number}\n" + "x" * 3000 + "\n" for number in range(4)]
    cut = reporting.note("# title\n" + "".join(sections))
    assert cut.startswith("# title\n" + sections[0] + sections[1])
    assert "part 2" not in cut
    assert cut.endswith("The rest is among the artifacts, in `report`.\n")
    assert len(cut) < 8000
