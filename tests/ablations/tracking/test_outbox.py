from __future__ import annotations

import json
import logging
import os

import pytest

from ablations.tracking.outbox import Outbox


def test_an_entry_comes_back_equal(tmp_path, entry):
    outbox = Outbox(tmp_path)
    path = outbox.put(entry())
    assert list(outbox.entries()) == [(path, entry())]


def test_an_entry_of_measurements_alone_comes_back_equal(tmp_path, entry):
    probed = entry(record=None, files={})
    outbox = Outbox(tmp_path)
    outbox.put(probed)
    assert [found for _, found in outbox.entries()] == [probed]


def test_a_removed_entry_is_gone(tmp_path, entry):
    outbox = Outbox(tmp_path)
    outbox.remove(outbox.put(entry()))
    assert list(outbox.entries()) == []
    assert list(outbox.folder.iterdir()) == []


def test_an_outbox_that_was_never_written_to_is_empty(tmp_path):
    assert list(Outbox(tmp_path / "none").entries()) == []


def test_entries_come_oldest_first(tmp_path, entry):
    outbox = Outbox(tmp_path)
    for age, study in ((3, "c"), (1, "a"), (2, "b")):
        path = outbox.put(entry(study=study))
        os.utime(path, (age, age))
    assert [found.study for _, found in outbox.entries()] == ["a", "b", "c"]


def test_entries_can_be_asked_for_by_store(tmp_path, entry):
    outbox = Outbox(tmp_path)
    outbox.put(entry(tracking_uri="http://one"))
    outbox.put(entry(tracking_uri="http://two"))
    assert [found.tracking_uri for _, found in outbox.entries("http://two")] == ["http://two"]


def test_a_half_written_entry_is_no_entry(tmp_path, entry, caplog):
    outbox = Outbox(tmp_path)
    whole = outbox.put(entry())
    # A driver that dies while it writes leaves the folder under its temporary name.
    whole.rename(outbox.folder / ".writing-abc")
    with caplog.at_level(logging.WARNING):
        assert list(outbox.entries()) == []
    assert not caplog.records


@pytest.mark.parametrize("name", ["entry.json", "record.json"])
@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", '{"study": "a"', "\x00\x01"])
def test_a_corrupted_entry_is_left_and_named_and_the_others_are_read(
    tmp_path, entry, caplog, name, content
):
    outbox = Outbox(tmp_path)
    broken = outbox.put(entry())
    whole = outbox.put(entry(attempt=2))
    (broken / name).write_text(content)
    with caplog.at_level(logging.WARNING):
        assert [path for path, _ in outbox.entries()] == [whole]
    assert broken.is_dir()
    assert str(broken) in caplog.text
    assert "is left where it is" in caplog.text


def test_an_entry_whose_record_is_lost_is_not_taken_for_measurements(tmp_path, entry, caplog):
    outbox = Outbox(tmp_path)
    path = outbox.put(entry())
    (path / "record.json").unlink()
    with caplog.at_level(logging.WARNING):
        assert list(outbox.entries()) == []
    assert "is left where it is" in caplog.text


def test_two_entries_of_one_run_lie_side_by_side(tmp_path, entry):
    outbox = Outbox(tmp_path)
    assert outbox.put(entry()) != outbox.put(entry())
    assert len(list(outbox.entries())) == 2


def test_an_entry_can_be_put_after_an_older_one_of_its_run_was_removed(tmp_path, entry):
    outbox = Outbox(tmp_path)
    first, second = outbox.put(entry()), outbox.put(entry())
    outbox.remove(first)
    third = outbox.put(entry())
    assert {path for path, _ in outbox.entries()} == {second, third}


def test_an_entry_holds_plain_files_a_person_can_read(tmp_path, entry):
    path = Outbox(tmp_path).put(entry())
    assert sorted(item.name for item in path.iterdir()) == [
        "entry.json",
        "epochs.pt",
        "examples.npz",
        "record.json",
        "weights.pt",
    ]
    assert json.loads((path / "entry.json").read_text())["study"] == "example"


def test_a_driver_that_dies_while_it_removes_an_entry_leaves_no_part_of_one(
    tmp_path, entry, monkeypatch, caplog
):
    outbox = Outbox(tmp_path)
    path = outbox.put(entry())

    def die(point: str) -> None:
        raise KeyboardInterrupt(point)

    monkeypatch.setattr("ablations.tracking.outbox.faults.reach", die)
    with pytest.raises(KeyboardInterrupt, match="entry_removing"):
        outbox.remove(path)
    with caplog.at_level(logging.WARNING):
        assert list(outbox.entries()) == []
    assert not caplog.records
    assert outbox.unfinished() == list(outbox.folder.iterdir()) != []


def test_sweeping_removes_what_is_unfinished_and_no_entry(tmp_path, entry):
    outbox = Outbox(tmp_path)
    outbox.sweep()
    outbox.put(entry()).rename(outbox.folder / ".writing-abc")
    whole = outbox.put(entry())
    outbox.sweep()
    assert list(outbox.folder.iterdir()) == [whole]
