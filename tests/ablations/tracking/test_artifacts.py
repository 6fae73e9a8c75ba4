from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ablations.errors import StoreError
from ablations.tracking.artifacts import local_folder, read_artifact, write_whole
from ablations.tracking.store import MlflowStore


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("file:///a/b%20c", "/a/b c"),
        ("mlflow-artifacts:/1/2/artifacts", None),
        ("s3://bucket/1", None),
    ],
)
def test_only_a_file_address_is_a_folder_of_this_machine(address, expected):
    found = local_folder(address)
    assert (found and found.as_posix()) == expected


def test_files_are_written_under_their_names_and_leave_nothing_else(tmp_path):
    write_whole(tmp_path / "new", {"a.txt": b"a", "b.txt": b"b"})
    write_whole(tmp_path / "new", {"a.txt": b"c"})
    held = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    assert held == {"a.txt": b"c", "b.txt": b"b"}


def test_an_artifact_is_read_by_hand_and_through_mlflow_alike(store_uri):
    store = MlflowStore(store_uri)
    _, parent = store.parent("example")
    store.log_files(parent, {"a.txt": b"content"})
    address = store.client.get_run(parent).info.artifact_uri
    assert read_artifact(address, "a.txt", store_uri) == b"content"
    # A path without `file:` is none of ours, so MLflow reads it.
    bare = address.removeprefix("file://")
    assert local_folder(bare) is None
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: read_artifact(bare, "a.txt", store_uri), range(20)))
    assert found == [b"content"] * 20


def test_an_artifact_that_is_not_there_is_an_error_of_the_store(store_uri):
    store = MlflowStore(store_uri)
    _, parent = store.parent("example")
    address = store.client.get_run(parent).info.artifact_uri
    for place in (address, address.removeprefix("file://")):
        message = rf"^tracking store {store_uri}: cannot read {place}/a\.txt: .*[Nn]o such"
        with pytest.raises(StoreError, match=message):
            read_artifact(place, "a.txt", store_uri)
