from __future__ import annotations

import hashlib
import pickle
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets

from ablations import data
from ablations.errors import DataError

N = 20


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def small_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files in CIFAR-10's layout, 20 images each, with torchvision's checksums set to match."""
    theirs = torchvision.datasets.CIFAR10
    folder = tmp_path / "small" / theirs.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for lists in ("train_list", "test_list"):
        sums = []
        for name, _ in getattr(theirs, lists):
            pixels = rng.integers(0, 256, (N, 3072), dtype=np.uint8)
            batch = {"data": pixels, "labels": [i % 10 for i in range(N)]}
            (folder / name).write_bytes(pickle.dumps(batch))
            sums.append([name, md5(folder / name)])
        monkeypatch.setattr(theirs, lists, sums)
    meta = folder / theirs.meta["filename"]
    meta.write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    monkeypatch.setattr(theirs, "meta", {**theirs.meta, "md5": md5(meta)})
    return folder.parent


def test_batches_become_one_data_set_with_channels_first(no_data: Path, small_cifar: Path):
    read = data.load("cifar10", data_dir=small_cifar, download=False)

    with (small_cifar / "cifar-10-batches-py" / "test_batch").open("rb") as file:
        pixels = pickle.load(file)["data"]  # noqa: S301 (written above)
    assert read.train_images.shape == (5 * N, 3, 32, 32)
    assert (read.test_images.numpy() == pixels.reshape(N, 3, 32, 32)).all()
    assert read.class_names[3] == "class 3"


def test_a_damaged_batch_is_not_read(no_data: Path, small_cifar: Path):
    (small_cifar / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"spoilt")

    with pytest.raises(DataError, match=r"no whole cifar-10-batches-py\n"):
        data.load("cifar10", data_dir=small_cifar, download=False)


def test_the_archive_is_fetched_checked_and_moved_into_place(
    no_data: Path,
    small_cifar: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[Path], AbstractContextManager[str]],
):
    theirs = torchvision.datasets.CIFAR10
    served = tmp_path / "served"
    served.mkdir()
    with tarfile.open(served / theirs.filename, "w:gz") as tar:
        tar.add(small_cifar / theirs.base_folder, theirs.base_folder)

    with serve(served) as mirror:
        monkeypatch.setattr(theirs, "url", f"{mirror}{theirs.filename}")
        folder = data.fetch("cifar10", data_dir=tmp_path / "mine")

    assert folder == tmp_path / "mine" / "cifar10"
    assert {path.name for path in folder.iterdir()} == {theirs.base_folder, ".lock"}
    assert data.load("cifar10", data_dir=tmp_path / "mine", download=False).n_classes == 10


def test_without_files_and_network_the_error_says_what_to_do(no_data: Path):
    with pytest.raises(DataError) as caught:
        data.load("cifar10")

    message = str(caught.value)
    assert message.startswith("cifar10: expected its verified files, got none\n  tried files in ")
    assert (
        f"tried torchvision's download into {no_data / 'cifar10'}: http://127.0.0.1:9/" in message
    )
    assert "ways out: unpack cifar-10-python.tar.gz" in message
