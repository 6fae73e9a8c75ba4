from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ablations import data
from ablations.data.dataset import Dataset
from ablations.errors import DataError

Make = Callable[..., Dataset]
RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Paths in study files are taken from the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(path: Path, *, mode: str = "L", size: tuple[int, int] = (5, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def test_idx_files_are_read_packed_or_not(
    here: Path, make_dataset: Make, write_idx: Callable[[Path, Dataset], None]
):
    written = make_dataset()
    write_idx(here / "mine", written)

    read = data.load("idx:mine")

    assert read.digest == written.digest
    assert read.name == "idx:mine"
    assert data.fetch("idx:mine") == Path("mine")


def test_a_missing_idx_file_is_named(
    here: Path, make_dataset: Make, write_idx: Callable[[Path, Dataset], None]
):
    write_idx(here / "mine", make_dataset())
    (here / "mine" / "t10k-labels-idx1-ubyte").unlink()

    with pytest.raises(DataError, match=r"expected t10k-labels-idx1-ubyte or .*\.gz, got neither"):
        data.load("idx:mine")


def arrays(shape: tuple[int, ...], **others: Any) -> dict[str, Any]:
    images = RNG.integers(0, 256, (6, *shape), dtype=np.uint8)
    labels = np.arange(6) % 2
    return {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels, **others}


@pytest.mark.parametrize(
    ("shape", "others", "input_shape"),
    [
        ((5, 7), {}, (1, 5, 7)),
        ((5, 7, 3), {}, (3, 5, 7)),
        ((3, 5, 7), {}, (3, 5, 7)),
        ((9, 5, 7), {"layout": "NCHW"}, (9, 5, 7)),
        ((3, 3, 3), {"layout": "NHWC"}, (3, 3, 3)),
    ],
)
def test_npz_images_may_have_channels_first_last_or_none(
    shape: tuple[int, ...], others: dict[str, Any], input_shape: tuple[int, int, int]
):
    content = arrays(shape, **others)
    np.savez("mine.npz", **content)

    read = data.load("npz:mine.npz")

    assert read.input_shape == input_shape
    expected = content["x_train"]
    if expected.shape[1:] != input_shape or others.get("layout") == "NHWC":
        expected = expected[:, None] if expected.ndim == 3 else np.moveaxis(expected, 3, 1)
    assert (read.train_images.numpy() == expected).all()


@pytest.mark.parametrize(
    ("shape", "others", "message"),
    [
        ((3, 3, 3), {}, r"npz:mine.npz: x_train: expected one axis of 1 to 4 .*\(6, 3, 3, 3\)"),
        ((9, 5, 7), {}, r"layout None; save an array `layout`"),
        ((9, 5, 7), {"layout": "CHWN"}, r"layout 'CHWN'.*allowed: 'NCHW', 'NHWC'"),
        ((35,), {}, r"got shape \(6, 35\)"),
        ((5, 7), {"y_test": np.array([None] * 6)}, r"does not load \(.*allow_pickle=False"),
        ((5, 7), {"x_test": np.zeros((6, 5, 7))}, r"test images: expected uint8.*'float64'"),
    ],
)
def test_npz_arrays_that_cannot_be_read_safely_are_refused(
    shape: tuple[int, ...], others: dict[str, Any], message: str
):
    np.savez("mine.npz", **arrays(shape, **others))

    with pytest.raises(DataError, match=message):
        data.load("npz:mine.npz")


def test_an_npz_that_lacks_an_array_says_which():
    np.savez("mine.npz", x_train=np.zeros(3), y_train=np.zeros(3))

    with pytest.raises(DataError, match=r"got none named \['x_test', 'y_test'\]"):
        data.load("npz:mine.npz")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_npz_is_refused(content: bytes):
    Path("mine.npz").write_bytes(content)

    with pytest.raises(DataError, match=r"npz:mine.npz: expected an npz file of plain arrays"):
        data.load("npz:mine.npz")


def test_a_lone_npy_is_no_npz():
    with Path("mine.npz").open("wb") as file:
        np.save(file, np.zeros(3))

    with pytest.raises(DataError, match=r"expected an npz file of plain arrays"):
        data.load("npz:mine.npz")


def test_image_folders_are_split_once_and_for_all_by_class():
    for name, n in (("zebra", 10), ("ant", 5)):
        for i in range(n):
            picture(Path("mine", name, f"{i}.png"), mode="RGB")
    Path("mine/ant/notes.txt").write_text("not an image")
    Path("mine/.hidden").mkdir()

    read = data.load("images:mine")

    assert read.class_names == ("ant", "zebra")
    assert read.input_shape == (3, 4, 5)
    assert read.train_labels.bincount().tolist() == [4, 8]
    assert read.test_labels.bincount().tolist() == [1, 2]
    assert "our split" in read.source
    assert read.digest == data.load("images:mine").digest
    seen = {image.numpy().tobytes() for image in (*read.train_images, *read.test_images)}
    assert len(seen) == 15


def test_train_and_test_folders_are_kept_apart():
    for half, n in (("train", 3), ("test", 2)):
        for name in ("a", "b"):
            for i in range(n):
                picture(Path("mine", half, name, f"{i}.png"))

    read = data.load("images:mine")

    assert read.train_images.shape == (6, 1, 4, 5)
    assert read.test_labels.tolist() == [0, 0, 1, 1]
    with Image.open("mine/test/b/1.png") as last:
        assert (read.test_images[-1, 0].numpy() == np.asarray(last)).all()


def spoil(where: str, **how: Any) -> None:
    for name in ("a", "b"):
        for i in range(3):
            picture(Path("mine", name, f"{i}.png"))
    picture(Path("mine", where), **how)


@pytest.mark.parametrize(
    ("where", "how", "message"),
    [
        ("b/3.png", {"size": (5, 5)}, r"one size and mode, got L 5x5 in mine/b/3.png after L 4x5"),
        ("b/3.png", {"mode": "RGB"}, r"got RGB 4x5 in mine/b/3.png after L 4x5 in mine/a/0.png"),
        ("a/3.tif", {"mode": "CMYK"}, r"mode 'CMYK' in mine/a/3.tif; convert it \(allowed: L, LA"),
        ("c/0.png", {}, r"every class needs 2 images .* got 1 of class 'c'"),
    ],
)
def test_images_that_do_not_fit_are_named(where: str, how: dict[str, Any], message: str):
    spoil(where, **how)

    with pytest.raises(DataError, match=message):
        data.load("images:mine")


def test_a_class_folder_without_images_is_refused():
    spoil("a/3.png")
    Path("mine/empty").mkdir()

    with pytest.raises(DataError, match=r"got 0 of class 'empty'"):
        data.load("images:mine")


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_file_that_is_no_image_is_named(content: bytes):
    spoil("a/3.png")
    Path("mine/b/9.png").write_bytes(content)

    with pytest.raises(DataError, match=r"expected an image, got mine/b/9.png"):
        data.load("images:mine")


def test_a_cut_short_image_is_named():
    spoil("a/3.png", size=(5, 4))
    whole = Path("mine/a/3.png").read_bytes()
    Path("mine/a/3.png").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=r"expected an image, got mine/a/3.png"):
        data.load("images:mine")


def test_parts_with_other_classes_are_refused():
    for path in ("train/a/0.png", "train/b/0.png", "test/a/0.png", "test/c/0.png"):
        picture(Path("mine", path))

    with pytest.raises(DataError, match=r"same class folders, got only in one: \['b', 'c'\]"):
        data.load("images:mine")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], r"expected one folder a class in 'mine', got no folder"),
        (["train"], r"expected both train and test .* got only 'train'"),
        (["a", "b"], r"expected images in 'mine', got none \(read: .bmp,"),
    ],
)
def test_a_folder_of_another_layout_is_refused(folders: list[str], message: str):
    for folder in ["", *folders]:
        Path("mine", folder).mkdir()

    with pytest.raises(DataError, match=message):
        data.load("images:mine")
