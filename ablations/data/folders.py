"""A user's own data: `idx:FOLDER`, `images:FOLDER`, `npz:FILE`.

Called by `sources` with the path after the colon, taken from the current folder. Nothing is
fetched, and nothing is unpickled.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ablations.data import idx
from ablations.data.dataset import ByteArray, Dataset, IntArray, Part, assemble
from ablations.data.sampling import fifth_of_each_class, take
from ablations.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MODES = ("L", "LA", "RGB", "RGBA")
MADE_SPLIT_SEED = 20200523  # any fixed number; changing it changes every made test split

_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_MOST_CHANNELS_GUESSED = 4


def load_idx(name: str, folder: Path) -> Dataset:
    """The four idx files of `folder`, `.gz` or not; classes are named by number.

    Raises:
        DataError: A file is missing, damaged or not idx, or the parts do not fit.
    """
    arrays = {}
    for stem in idx.STEMS:
        paths = [path for path in (folder / stem, folder / f"{stem}.gz") if path.is_file()]
        if not paths:
            raise DataError(
                f"{name}: expected {stem} or {stem}.gz, got neither; "
                f"the folder must hold {', '.join(idx.STEMS)}"
            )
        arrays[stem] = idx.decode(paths[0], idx.unpack(paths[0], paths[0].read_bytes()))
    train, test = idx.parts(arrays)
    return assemble(name, train, test, source=f"the user's own idx files, {name}")


def load_npz(name: str, path: Path) -> Dataset:
    """The arrays x_train, y_train, x_test, y_test of an npz file.

    Images are (N, H, W), (N, H, W, C) or (N, C, H, W). The channel axis is the one of length 1
    to 4; where that leaves two answers or none, a fifth array `layout` of "NHWC" or "NCHW" decides.

    Raises:
        DataError: Not an npz file, an array is missing or holds objects, or the parts do not fit.
    """
    arrays = _read_npz(name, path)
    layout = str(arrays["layout"]) if "layout" in arrays else None
    train, test = (
        Part(_channels_first(f"{name}: {x}", arrays[x], layout), arrays[y])
        for x, y in (("x_train", "y_train"), ("x_test", "y_test"))
    )
    return assemble(name, train, test, source=f"the user's own arrays, {name}")


def load_images(name: str, folder: Path) -> Dataset:
    """Image files, one folder a class, classes in alphabetical order.

    `folder/train` and `folder/test` if both are there; otherwise a fifth of each class, chosen
    once and for all, is the test part. Hidden files, and files that are no images by their suffix,
    are left out.

    Raises:
        DataError: No classes, a class without images, or an image that cannot be read or differs
            from the first in size or mode.
    """
    halves = [folder / "train", folder / "test"]
    if all(half.is_dir() for half in halves):
        class_names = _class_names(name, halves[0])
        if (others := _class_names(name, halves[1])) != class_names:
            raise DataError(
                f"{name}: train and test must have the same class folders, "
                f"got only in one: {sorted(set(class_names) ^ set(others))}"
            )
        train, test = (_read_images(name, half, class_names) for half in halves)
        source = f"the user's own images, {name}; their own split"
        return assemble(name, train, test, source=source, class_names=class_names)
    class_names = _class_names(name, folder)
    everything = _read_images(name, folder, class_names)
    train, test = made_split(name, everything, class_names)
    source = f"the user's own images, {name}; our split, a fifth of each class for testing"
    return assemble(name, train, test, source=source, class_names=class_names)


def made_split(name: str, everything: Part, class_names: tuple[str, ...]) -> tuple[Part, Part]:
    """Training and test part of data that come without a split: the same ones every time.

    Raises:
        DataError: A class has fewer than two images.
    """
    labels = everything.labels.astype(np.int64)
    counts = np.bincount(labels, minlength=len(class_names))
    if (counts < 2).any():  # noqa: PLR2004 (one to train, one to test)
        label = int(counts.argmin())
        raise DataError(
            f"{name}: every class needs 2 images to split off a test part, "
            f"got {counts[label]} of class {class_names[label]!r}"
        )
    rng = np.random.default_rng(MADE_SPLIT_SEED)
    test = take(labels, fifth_of_each_class(labels), rng)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Part(everything.images[train], labels[train]), Part(
        everything.images[test], labels[test]
    )


def _read_npz(name: str, path: Path) -> dict[str, npt.NDArray[np.generic]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in (*_NPZ_KEYS, "layout") if key in archive}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise DataError(
            f"{name}: expected an npz file of plain arrays, got one that does not load ({error}); "
            f"write it with numpy.savez"
        ) from error
    if missing := [key for key in _NPZ_KEYS if key not in arrays]:
        raise DataError(
            f"{name}: expected the arrays {', '.join(_NPZ_KEYS)}, got none named {missing}"
        )
    return arrays


def _channels_first(
    where: str, images: npt.NDArray[np.generic], layout: str | None
) -> npt.NDArray[np.generic]:
    if images.ndim != 4:  # noqa: PLR2004 ((N, H, W) has no channel axis; the rest is refused later)
        return images
    if layout is None:
        fits = {"NCHW": images.shape[1], "NHWC": images.shape[3]}
        likely = [word for word, n in fits.items() if n <= _MOST_CHANNELS_GUESSED]
        layout = likely[0] if len(likely) == 1 else None
    if layout not in ("NCHW", "NHWC"):
        raise DataError(
            f"{where}: expected one axis of 1 to 4 channels, got shape {images.shape} and layout "
            f"{layout!r}; save an array `layout` beside it (allowed: 'NCHW', 'NHWC')"
        )
    return images if layout == "NCHW" else images.transpose(0, 3, 1, 2)


def _class_names(name: str, folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        raise DataError(f"{name}: expected a folder at {str(folder)!r}, got none")
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not found:
        raise DataError(f"{name}: expected one folder a class in {str(folder)!r}, got no folder")
    if found in (["train"], ["test"]):
        raise DataError(
            f"{name}: expected both train and test in {str(folder)!r}, or a folder a class, "
            f"got only {found[0]!r}"
        )
    return tuple(found)


def _read_images(name: str, folder: Path, class_names: tuple[str, ...]) -> Part:
    images: list[ByteArray] = []
    labels: list[int] = []
    first: tuple[Path, str, tuple[int, ...]] | None = None
    for label, class_name in enumerate(class_names):
        for path in _image_paths(folder / class_name):
            mode, image = _read_image(name, path)
            first = first or (path, mode, image.shape)
            if (mode, image.shape) != first[1:]:
                raise DataError(
                    f"{name}: all images must have one size and mode, got {mode} "
                    f"{_size(image.shape)} in {path} after {first[1]} {_size(first[2])} in "
                    f"{first[0]}; convert them to one"
                )
            images.append(image)
            labels.append(label)
    if not images:
        raise DataError(
            f"{name}: expected images in {str(folder)!r}, got none (read: {', '.join(SUFFIXES)})"
        )
    return Part(np.stack(images), _integers(labels))


def _image_paths(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def _read_image(name: str, path: Path) -> tuple[str, ByteArray]:
    """Mode and pixels of one file.

    Shape:
        (C, H, W) uint8.
    """
    try:
        with Image.open(path) as image:
            mode, pixels = image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        raise DataError(f"{name}: expected an image, got {path} ({error})") from error
    if mode not in MODES:
        raise DataError(
            f"{name}: expected 8-bit grey or colour, got mode {mode!r} in {path}; "
            f"convert it (allowed: {', '.join(MODES)})"
        )
    return mode, np.atleast_3d(pixels).transpose(2, 0, 1)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[2]}"


def _integers(values: list[int]) -> IntArray:
    return np.asarray(values, dtype=np.int64)
