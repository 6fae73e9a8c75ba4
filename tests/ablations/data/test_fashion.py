from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
import torchvision.datasets

from ablations import data
from ablations.data import fashion as fashion_module
from ablations.data import idx, published
from ablations.data.dataset import Dataset
from ablations.data.normalise import pixel_moments
from ablations.errors import DataError
from ablations.spec import DataSpec

TEST_LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def real_files(fashion: Dataset) -> Path:
    return data.fetch("fashion-mnist")


@pytest.fixture
def linked(real_files: Path, tmp_path: Path) -> Path:
    """A folder that holds the real files, to be spoilt one by one."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for stem in idx.STEMS:
        suffix = "" if (real_files / stem).exists() else ".gz"
        (folder / f"{stem}{suffix}").symlink_to(real_files / f"{stem}{suffix}")
    return folder


def test_published_facts_hold(fashion: Dataset):
    for images, mean, deviation in (
        (fashion.train_images, 0.286041, 0.353024),
        (fashion.test_images, 0.286849, 0.352444),
    ):
        moments = [float(moment) / 255 for moment in pixel_moments(images)]
        assert moments == pytest.approx([mean, deviation], abs=5e-7)
    assert fashion.train_images.shape == (60_000, 1, 28, 28)
    assert fashion.test_images.shape == (10_000, 1, 28, 28)
    assert fashion.train_labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert fashion.test_labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert torch.bincount(fashion.train_labels).tolist() == [6000] * 10
    assert torch.bincount(fashion.test_labels).tolist() == [1000] * 10
    assert fashion.class_names[9] == "Ankle boot"


def test_the_digest_of_stored_runs_stays(fashion: Dataset):
    assert fashion.digest == "b42e0f3189f494f730119201c9e1a41654a875ffd564ea07b7cf8032d5327c02"


def test_the_same_files_as_a_users_own_are_the_same_data(fashion: Dataset, linked: Path):
    assert data.load(f"idx:{linked}").digest == fashion.digest


def test_a_changed_byte_is_noticed_named_and_passed_over(
    fashion: Dataset, linked: Path, caplog: pytest.LogCaptureFixture
):
    content = bytearray((linked / TEST_LABELS).read_bytes())
    content[-1] ^= 1
    (linked / TEST_LABELS).unlink()
    (linked / TEST_LABELS).write_bytes(content)

    with caplog.at_level(logging.WARNING):
        loaded = data.load("fashion-mnist", data_dir=linked, download=False)

    assert loaded.digest == fashion.digest
    [message] = caplog.messages
    assert message.startswith(f"{linked / TEST_LABELS}: expected the published file (sha256 0402a9")


def test_a_cut_short_zip_alone_is_refused_with_its_name(
    real_files: Path, linked: Path, no_data: Path
):
    whole = published.search(fashion_module.FASHION_MNIST, [linked]).payloads[TEST_LABELS]
    for path in linked.glob(f"{TEST_LABELS}*"):
        path.unlink()
    cut = linked / f"{TEST_LABELS}.gz"
    cut.write_bytes(gzip.compress(whole)[:-20])

    with pytest.raises(DataError) as caught:
        data.load("fashion-mnist", data_dir=linked)

    message = str(caught.value)
    assert f"tried {cut}: expected a whole gzip file, got a damaged one" in message
    assert "tried torchvision's download: http://127.0.0.1:9/: " in message
    assert "tried the Debian package dataset-fashion-mnist: apt-get not found" in message
    assert "ways out: put the four files" in message


def test_permuting_breaks_the_correlation_of_neighbours(fashion: Dataset):
    def neighbours(dataset: Dataset) -> float:
        images = dataset.train_images[:5000].float()
        pairs = torch.stack([images[..., :-1].flatten(), images[..., 1:].flatten()])
        return float(torch.corrcoef(pairs)[0, 1])

    permuted = data.prepare(fashion, DataSpec(name="fashion-mnist", permutation="fixed"))

    assert neighbours(fashion) == pytest.approx(0.85, abs=0.01)
    assert neighbours(permuted) < 0.2


def test_torchvisions_mirrors_are_used_where_they_answer(
    fashion: Dataset,
    linked: Path,
    no_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[Path], AbstractContextManager[str]],
):
    found = published.search(fashion_module.FASHION_MNIST, [linked])
    for stem, payload in found.payloads.items():
        (linked / f"{stem}.gz").write_bytes(gzip.compress(payload, compresslevel=1))

    with serve(linked) as mirror:
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [mirror])
        fetched = data.load("fashion-mnist")

    assert fetched.digest == fashion.digest
    assert {path.name for path in (no_data / "fashion-mnist").iterdir()} == {*idx.STEMS, ".lock"}


@pytest.mark.slow
def test_the_debian_package_brings_the_published_files(tmp_path: Path):
    fashion_module.fetch_from_debian(tmp_path)

    found = published.search(fashion_module.FASHION_MNIST, [tmp_path])

    assert found.complete
    assert found.rejected == []
