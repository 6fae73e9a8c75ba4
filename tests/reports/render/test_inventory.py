from __future__ import annotations

import pytest

from reports.render.inventory import LIST, digests, former_files, inventory, remove, stale


def test_a_list_is_read_back_by_the_same_study_only(tmp_path):
    held = digests({"a.csv": b"a", "figures/b.csv": b"b"})
    (tmp_path / LIST).write_bytes(inventory("mine", held))
    assert former_files(tmp_path, "mine") == held
    assert former_files(tmp_path, "another") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"{}", b'{"study": "mine"}', b'{"study": "mine", "files": 1}'],
)
def test_a_file_of_that_name_that_is_no_list_removes_nothing(tmp_path, content):
    (tmp_path / LIST).write_bytes(content)
    assert former_files(tmp_path, "mine") == {}


def test_a_folder_without_a_list_has_no_former_files(tmp_path):
    assert former_files(tmp_path / "new", "mine") == {}


@pytest.mark.parametrize(
    ("results", "gone"), [("same", ["figures/old.csv"]), ("new", ["report.md", "figures/old.csv"])]
)
def test_only_files_of_the_asked_formats_go_while_results_are_the_same(results, gone):
    former = {"results.json": "same", "report.md": "1", "arms.csv": "2", "figures/old.csv": "3"}
    present = {"results.json": results, "arms.csv": "4"}
    assert stale(former, present, {"csv", "json"}) == gone


def test_only_what_is_as_it_was_written_and_within_the_folder_is_removed(tmp_path):
    folder, outside = tmp_path / "report", tmp_path / "outside"
    for place in (folder, outside):
        place.mkdir()
        (place / "a.csv").write_bytes(b"a")
    (folder / "changed.csv").write_bytes(b"b")
    (folder / "link.csv").symlink_to(outside / "a.csv")
    (folder / "figures").symlink_to(outside)
    names = ["a.csv", "changed.csv", "link.csv", "figures/a.csv", "../outside/a.csv", "none.csv"]
    names.append(str(outside / "a.csv"))
    remove(folder, names, dict.fromkeys(names, digests({"a": b"a"})["a"]))
    assert sorted(path.name for path in folder.iterdir()) == ["changed.csv", "figures", "link.csv"]
    assert (outside / "a.csv").read_bytes() == b"a"


def test_a_folder_that_a_report_leaves_empty_goes_with_its_last_file(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/a.csv").write_bytes(b"a")
    former = digests({"figures/a.csv": b"a"})
    remove(tmp_path, ["figures/a.csv"], former)
    assert list(tmp_path.iterdir()) == []
