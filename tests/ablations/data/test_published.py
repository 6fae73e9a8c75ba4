from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.data import idx, published
from ablations.data.published import Pin, PublishedSet, Route, folders, obtain, search
from ablations.errors import DataError

CONTENT = {stem: f"bytes of {stem}".encode() for stem in idx.STEMS}
TRAIN_IMAGES = idx.STEMS[0]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def put_packed(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in CONTENT.items():
        (folder / f"{stem}.gz").write_bytes(zipped(content))


def put_unpacked(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in CONTENT.items():
        (folder / stem).write_bytes(content)


def put_damaged(folder: Path) -> None:
    put_unpacked(folder)
    (folder / TRAIN_IMAGES).write_bytes(b"spoilt")


def fail(folder: Path) -> None:
    (folder / "half").write_bytes(b"half a file")
    raise DataError("the mirror is gone")


def bring_nothing(folder: Path) -> None:
    """A route that ends well and leaves nothing."""


def made_set(*routes: Callable[[Path], None]) -> PublishedSet:
    return PublishedSet(
        name="toys",
        torchvision_name="Toys",
        source="made",
        class_names=("a", "b"),
        pins={stem: Pin("sha256", sha256(content)) for stem, content in CONTENT.items()},
        routes=tuple(Route(f"route {i}", route) for i, route in enumerate(routes, start=1)),
        way_out="bring your own",
    )


def seen(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("inside", [".", "toys", "Toys/raw"])
@pytest.mark.parametrize("put", [put_packed, put_unpacked])
def test_a_copy_is_found_in_every_usual_place(
    no_data: Path, tmp_path: Path, inside: str, put: Callable[[Path], None]
):
    put(tmp_path / "mine" / inside)

    found = obtain(made_set(fail), data_dir=tmp_path / "mine")

    assert found.payloads == CONTENT


def test_folders_are_searched_in_the_order_asked_environment_cache_system(
    no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ABLATIONS_DATA", str(tmp_path / "environment"))
    places = [tmp_path / "asked", tmp_path / "environment", no_data, published.SYSTEM_FOLDER]

    assert folders(tmp_path / "asked") == places
    for place in reversed(places):
        put_packed(place / "toys")
        found = obtain(made_set(fail), data_dir=tmp_path / "asked")
        assert {path.parent for path in found.places.values()} == {place / "toys"}


def test_a_damaged_file_is_named_and_the_next_copy_used(
    no_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    put_damaged(tmp_path)
    put_packed(no_data)

    with caplog.at_level(logging.WARNING):
        found = obtain(made_set(fail), data_dir=tmp_path)

    assert found.payloads == CONTENT
    [message] = caplog.messages
    assert message.startswith(f"{tmp_path / TRAIN_IMAGES}: expected the published file (sha256 ")
    assert sha256(b"spoilt") in message
    assert message.endswith("; passed over")


def test_a_cut_short_zip_is_named_when_nothing_else_works(no_data: Path, tmp_path: Path):
    put_packed(tmp_path)
    cut = tmp_path / f"{TRAIN_IMAGES}.gz"
    cut.write_bytes(cut.read_bytes()[:-5])

    with pytest.raises(DataError, match=rf"tried {cut}: expected a whole gzip file, got a damaged"):
        obtain(made_set(), data_dir=tmp_path, download=False)


def test_fetched_files_are_stored_unpacked_and_nothing_else_stays(no_data: Path):
    found = obtain(made_set(put_packed), data_dir=None)

    assert seen(no_data / "toys") == {*idx.STEMS, ".lock"}
    assert search(made_set(), [no_data]).places == found.places


def test_files_pinned_as_zips_are_stored_as_zips(no_data: Path):
    pins = {
        stem: Pin("md5", hashlib.md5(zipped(content)).hexdigest(), packed=True)  # noqa: S324
        for stem, content in CONTENT.items()
    }
    packed = replace(made_set(put_packed), pins=pins)

    assert obtain(packed, data_dir=None).payloads == CONTENT
    assert seen(no_data / "toys") == {*(f"{stem}.gz" for stem in idx.STEMS), ".lock"}
    put_unpacked(no_data)  # cannot be told from another file, so it is not even read
    assert obtain(replace(packed, routes=()), data_dir=None).rejected == []


def test_a_damaged_copy_in_the_way_is_replaced(no_data: Path):
    put_damaged(no_data / "toys")

    assert obtain(made_set(put_unpacked), data_dir=None).payloads == CONTENT
    assert obtain(made_set(fail), data_dir=None).rejected == []


@pytest.mark.parametrize("first", [fail, put_damaged, bring_nothing])
def test_the_next_route_is_taken_when_one_fails_or_brings_other_bytes(
    no_data: Path, first: Callable[[Path], None]
):
    assert obtain(made_set(first, put_packed), data_dir=None).payloads == CONTENT


def test_when_all_fails_the_error_tells_every_outcome_and_the_ways_out(
    no_data: Path, tmp_path: Path
):
    put_damaged(tmp_path)

    with pytest.raises(DataError) as caught:
        obtain(made_set(fail, put_damaged, bring_nothing), data_dir=tmp_path)

    message = str(caught.value)
    assert message.startswith("toys: expected four verified files, got no whole set\n")
    assert f"tried files in {tmp_path}, {no_data}, " in message
    assert f"no good {TRAIN_IMAGES}\n" in message
    assert f"tried {tmp_path / TRAIN_IMAGES}: expected the published file (sha256" in message
    assert "tried route 1: the mirror is gone\n" in message
    assert "tried route 2: " in message
    assert "tried route 3: some of the four files did not come\n" in message
    assert message.endswith("ways out: bring your own")
    assert seen(tmp_path / "toys") == {".lock"}


def test_without_download_no_route_is_taken(no_data: Path):
    with pytest.raises(DataError, match="got no whole set"):
        obtain(made_set(put_packed), data_dir=None, download=False)
    assert not no_data.exists()


def test_an_interrupted_fetch_leaves_nothing_behind(no_data: Path):
    def interrupted(folder: Path) -> None:
        (folder / "half").write_bytes(b"half a file")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(made_set(interrupted), data_dir=None)
    assert seen(no_data / "toys") == {".lock"}


def test_leftovers_of_a_killed_fetch_are_cleared_by_the_next(no_data: Path):
    put_packed(no_data / "toys" / ".fetch-killed")

    obtain(made_set(put_packed), data_dir=None)

    assert seen(no_data / "toys") == {*idx.STEMS, ".lock"}


def test_two_who_fetch_at_once_fetch_once(no_data: Path):
    fetched: list[Path] = []

    def slow(folder: Path) -> None:
        fetched.append(folder)
        put_packed(folder)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: obtain(made_set(slow), data_dir=None), range(4)))

    assert [each.payloads for each in found] == [CONTENT] * 4
    assert len(fetched) == 1


def test_a_folder_that_cannot_be_made_is_an_outcome_too(no_data: Path, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DataError, match=r"tried writing to .*file/toys: .*Not a directory"):
        obtain(made_set(put_packed), data_dir=tmp_path / "file")
