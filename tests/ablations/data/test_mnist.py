from __future__ import annotations

from pathlib import Path

import pytest
import torchvision.datasets

from ablations import data
from ablations.data import idx
from ablations.data.mnist import KMNIST, MNIST
from ablations.data.published import PublishedSet
from ablations.errors import DataError


@pytest.mark.parametrize("declared", [MNIST, KMNIST], ids=lambda declared: declared.name)
def test_pins_are_those_of_torchvision(declared: PublishedSet):
    theirs = getattr(torchvision.datasets, declared.torchvision_name)

    assert [(f"{stem}.gz", declared.pins[stem].digest) for stem in idx.STEMS] == theirs.resources
    assert len(declared.class_names) == len(theirs.classes)


@pytest.mark.parametrize("name", ["mnist", "kmnist"])
def test_without_files_and_network_the_error_says_what_to_do(no_data: Path, name: str):
    with pytest.raises(DataError) as caught:
        data.load(name)

    message = str(caught.value)
    assert message.startswith(f"{name}: expected four verified files, got no whole set")
    assert "tried torchvision's download: http://127.0.0.1:9/: " in message
    assert "ways out: put the four published .gz files into a folder" in message


def test_files_of_another_set_are_not_taken_for_mnist(no_data: Path, tmp_path: Path):
    for stem in idx.STEMS:
        (tmp_path / f"{stem}.gz").write_bytes(b"\x1f\x8b of another set")

    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz: expected"):
        data.load("mnist", data_dir=tmp_path, download=False)
