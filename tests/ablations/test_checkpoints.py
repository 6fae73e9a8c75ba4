"""Checkpoints on disk: written whole, read safely, and worth their time."""

from __future__ import annotations

import logging
import pickle

import pytest
import torch

from ablations import checkpoints
from ablations.checkpoints import Checkpoints, write_together

RUN, ENV = "ab" * 32, "cd" * 32
STATE = {"model": {"weight": torch.arange(3.0)}, "step": 7, "epochs": [{"number": 1}]}


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoints(tmp_path, seconds=0).of(RUN, ENV)


def test_a_state_comes_back_equal_and_goes(checkpoint):
    assert checkpoint.read() is None
    checkpoint.write(STATE)
    state = checkpoint.read()
    assert torch.equal(state["model"].pop("weight"), STATE["model"]["weight"])
    assert (state["step"], state["epochs"]) == (7, [{"number": 1}])
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.read() is None


def test_the_last_state_stands_alone(checkpoint):
    checkpoint.write(STATE)
    checkpoint.write({**STATE, "step": 8})
    assert checkpoint.read()["step"] == 8
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]


@pytest.mark.parametrize("other", [(RUN[:16] + "0" * 48, ENV), (RUN, ENV[:16] + "0" * 48)])
def test_a_state_of_another_run_or_environment_is_not_taken(checkpoint, tmp_path, other):
    checkpoint.write(STATE)
    alike = Checkpoints(tmp_path).of(*other)
    assert alike.path == checkpoint.path
    assert alike.read() is None


def test_it_is_due_after_its_time(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    one = Checkpoints(tmp_path, seconds=5).of(RUN, ENV)
    assert not one.is_due()
    clock[0] += 5
    assert one.is_due()
    one.write(STATE)
    assert not one.is_due()


@pytest.mark.parametrize(
    "content", [b"", b"PK but not a zip", pickle.dumps(print, protocol=2)], ids=len
)
def test_a_file_that_is_no_checkpoint_is_named_and_passed_over(checkpoint, content, caplog):
    checkpoint.write(STATE)
    checkpoint.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert checkpoint.read() is None
    assert f"checkpoint {checkpoint.path} cannot be read" in caplog.text


def test_half_a_file_is_passed_over(checkpoint):
    checkpoint.write(STATE)
    whole = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(whole[: len(whole) // 2])
    assert checkpoint.read() is None


def test_code_in_a_checkpoint_is_not_run(checkpoint, tmp_path):
    class Planted:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").write_text, ("it ran",))

    checkpoint.write(STATE)
    torch.save({"run_key": RUN, "env_key": ENV, "state": Planted()}, checkpoint.path)
    assert checkpoint.read() is None
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_cannot_be_written_costs_no_run(tmp_path, caplog):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        Checkpoints(tmp_path).of(RUN, ENV).write(STATE)
    assert "cannot be written" in caplog.text


def test_a_full_disk_leaves_the_last_checkpoint(checkpoint, monkeypatch, caplog):
    checkpoint.write(STATE)

    def full(value, path):
        path.write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full)
    checkpoint.write({**STATE, "step": 8})
    assert checkpoint.read()["step"] == 7
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]


def test_what_a_killed_worker_was_writing_goes_with_its_checkpoint(checkpoint):
    checkpoint.write(STATE)
    checkpoint.path.with_suffix(".4711").touch()
    other = checkpoint.path.with_name("another.pt")
    other.touch()
    checkpoint.remove()
    assert list(checkpoint.path.parent.iterdir()) == [other]


def test_sweeping_removes_the_unfinished_and_keeps_what_runs_can_go_on_from(checkpoint, tmp_path):
    everything = Checkpoints(tmp_path)
    everything.sweep()
    assert everything.unfinished() == []
    checkpoint.write(STATE)
    half = checkpoint.path.with_suffix(".4711")
    half.touch()
    assert everything.unfinished() == [half]
    everything.sweep()
    assert list(everything.folder.iterdir()) == [checkpoint.path]


def test_states_of_one_program_get_their_names_after_all_are_written(tmp_path, monkeypatch):
    both = [Checkpoints(tmp_path).of(key * 32, ENV) for key in ("ab", "ef")]
    write_together([(one, STATE) for one in both])
    save, saved = torch.save, []

    def killed_at_the_second(value, path):
        saved.append(path)
        if len(saved) == 2:
            raise KeyboardInterrupt
        save(value, path)

    monkeypatch.setattr(torch, "save", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        write_together([(one, {**STATE, "step": 8}) for one in both])
    assert [one.read()["step"] for one in both] == [7, 7]


def test_a_disk_that_is_full_at_the_second_leaves_the_states_before(tmp_path, monkeypatch):
    both = [Checkpoints(tmp_path).of(key * 32, ENV) for key in ("ab", "ef")]
    write_together([(one, STATE) for one in both])
    save, saved = torch.save, []

    def full_at_the_second(value, path):
        saved.append(path)
        if len(saved) == 2:
            raise OSError("no space left on device")
        save(value, path)

    monkeypatch.setattr(torch, "save", full_at_the_second)
    write_together([(one, {**STATE, "step": 8}) for one in both])
    assert [one.read()["step"] for one in both] == [7, 7]
    assert sorted(tmp_path.rglob("*.*")) == sorted(one.path for one in both)
