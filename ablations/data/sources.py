"""The catalogue: which data sets can be named in a study, and who loads each.

The only door to the loaders; called by the runner and the command line.
"""

from __future__ import annotations

from pathlib import Path

from ablations.data import cifar, digits, folders
from ablations.data.dataset import Dataset
from ablations.data.fashion import FASHION_MNIST
from ablations.data.mnist import KMNIST, MNIST
from ablations.data.published import obtain, to_dataset
from ablations.errors import DataError, nearest

_PUBLISHED = {published.name: published for published in (FASHION_MNIST, MNIST, KMNIST)}
_OWN = {"idx": folders.load_idx, "images": folders.load_images, "npz": folders.load_npz}
_FORMS = ("idx:FOLDER", "images:FOLDER", "npz:FILE")


def names() -> tuple[str, ...]:
    """The data sets by name, then the forms in which a study names its own files."""
    return (*_known(), *_FORMS)


def load(name: str, *, data_dir: Path | None = None, download: bool = True) -> Dataset:
    """The data set `name`, verified and in memory.

    Args:
        name: One of `names()`, with a path from the current folder in place of FOLDER or FILE.
        data_dir: Looked in first, and fetched into; else the environment's ABLATIONS_DATA, then
            the user's cache folder.
        download: Whether it may be fetched when no whole copy is found.

    Raises:
        DataError: Unknown name, data that cannot be had, or data that cannot be trained on.
    """
    if name in _PUBLISHED:
        published = _PUBLISHED[name]
        return to_dataset(published, obtain(published, data_dir=data_dir, download=download))
    if name == "cifar10":
        return cifar.load(data_dir=data_dir, download=download)
    if name == "digits":
        return digits.load()
    form, path = _own_files(name)
    return _OWN[form](name, path)


def fetch(name: str, *, data_dir: Path | None = None) -> Path:
    """Make sure that `name` is on this machine, whole, and say where.

    Raises:
        DataError: As `load`.
    """
    if name in _PUBLISHED:
        found = obtain(_PUBLISHED[name], data_dir=data_dir)
        return next(iter(found.places.values())).parent
    if name == "cifar10":
        return cifar.locate_or_fetch(data_dir=data_dir, download=True)
    if name == "digits":
        return digits.locate()
    return _own_files(name)[1]


def _known() -> tuple[str, ...]:
    return (*_PUBLISHED, "cifar10", "digits")


def _own_files(name: str) -> tuple[str, Path]:
    form, colon, place = name.partition(":")
    if form not in _OWN or not colon or not place:
        raise DataError(
            f"dataset: unknown name {name!r}; {nearest(name, names())}"
            f"(allowed: {', '.join(names())})"
        )
    path = Path(place).expanduser()
    if not (path.is_file() if form == "npz" else path.is_dir()):
        kind = "file" if form == "npz" else "folder"
        raise DataError(
            f"{name}: expected a {kind} at {str(path)!r}, got none; "
            f"the path is taken from the current folder, {str(Path.cwd())!r}"
        )
    return form, path
