"""CIFAR-10, through torchvision.

Read by `sources`. torchvision checks the md5 of every file before it reads one.
"""

from __future__ import annotations

import tarfile
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ablations.data import mirrors
from ablations.data.dataset import Dataset, Part, assemble
from ablations.data.published import alone_in, folders
from ablations.errors import DataError

_SOURCE = "CIFAR-10, Krizhevsky 2009 (Learning multiple layers of features); its own split"


def locate_or_fetch(*, data_dir: Path | None, download: bool) -> Path:
    """The folder that holds `cifar-10-batches-py`, whole; fetched into the first one if none does.

    Raises:
        DataError: Not here and not to be had; says what was tried and what to do.
    """
    places = folders(data_dir)
    for place in places:
        for folder in (place, place / "cifar10"):
            if _is_whole(folder):
                return folder
    target = places[0] / "cifar10"
    tried = f"files in {', '.join(map(str, places))}: no whole cifar-10-batches-py"
    if download:
        try:
            return _fetch(target)
        except (DataError, OSError, tarfile.TarError) as error:
            tried += f"\n  tried torchvision's download into {target}: {error}"
    raise DataError(
        f"cifar10: expected its verified files, got none\n  tried {tried}\n"
        f"  ways out: unpack cifar-10-python.tar.gz into a folder and name it with --data-dir or "
        f"ABLATIONS_DATA; or `ablations data fetch cifar10` where there is a network"
    )


def load(*, data_dir: Path | None, download: bool) -> Dataset:
    """CIFAR-10 as published.

    Raises:
        DataError: As `locate_or_fetch`.
    """
    folder = locate_or_fetch(data_dir=data_dir, download=download)
    (train, class_names), (test, _) = (_read(folder, train=flag) for flag in (True, False))
    return assemble("cifar10", train, test, source=_SOURCE, class_names=class_names)


def _fetch(target: Path) -> Path:
    from torchvision.datasets import CIFAR10  # noqa: PLC0415 (a second, only for this data set)

    with alone_in(target):
        if _is_whole(target):  # another process may have just fetched it
            return target
        with TemporaryDirectory(prefix=".fetch-", dir=target) as name:
            mirror = CIFAR10.url.removesuffix(CIFAR10.filename)
            mirrors.download([mirror], [CIFAR10.filename], Path(name))
            with tarfile.open(Path(name, CIFAR10.filename)) as archive:
                archive.extractall(name, filter="data")
            if not _is_whole(Path(name)):
                raise DataError("what arrived is damaged")
            Path(name, CIFAR10.base_folder).replace(target / CIFAR10.base_folder)
    return target


def _is_whole(folder: Path) -> bool:
    """Whether all files are there and have the published checksums, the training part's too."""
    try:
        _read(folder, train=False)
    except RuntimeError:
        return False
    return True


def _read(folder: Path, *, train: bool) -> tuple[Part, tuple[str, ...]]:
    """One part and the class names; torchvision raises RuntimeError unless every file is whole."""
    from torchvision.datasets import CIFAR10  # noqa: PLC0415 (a second, only for this data set)

    with warnings.catch_warnings():  # numpy's, on pickles of its first version
        warnings.simplefilter("ignore")
        part = CIFAR10(folder, train=train, download=False)
    images = part.data.transpose(0, 3, 1, 2)  # stored as (N, H, W, C)
    return Part(images, np.asarray(part.targets)), tuple(part.classes)
