from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from ablations.data import idx
from ablations.errors import DataError

PATH = Path("some/train-images-idx3-ubyte")
# Two images of one row and three pixels, written out by hand.
TWO_IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])


def test_header_gives_the_shape_and_the_rest_the_values():
    array = idx.decode(PATH, TWO_IMAGES)

    assert array.tolist() == [[[1, 2, 3]], [[4, 5, 255]]]
    assert array.flags.writeable


def test_gz_is_unpacked_by_its_name():
    packed = gzip.compress(TWO_IMAGES)

    assert idx.unpack(PATH.with_suffix(".gz"), packed) == TWO_IMAGES
    assert idx.unpack(PATH, packed) == packed


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", r"train-images-idx3-ubyte: expected an idx file .*got ''"),
        (b"\x89PNG", r"starts with 00 00 08\), got '89 50 4e 47'"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1, 0]), r"got '00 00 0d 01'"),
        (TWO_IMAGES[:9], r"expected an idx header of 16 bytes, got 9"),
        (TWO_IMAGES[:-1], r"expected 22 bytes for idx shape \(2, 1, 3\), got 21"),
        (TWO_IMAGES + b"\0", r"got 23; the file is cut short or was added to"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, r"expected 79228162458924105385300197391 bytes"),
    ],
    ids=["empty", "png", "floats", "cut header", "cut", "too long", "huge"],
)
def test_a_file_that_is_not_whole_is_refused(payload: bytes, message: str):
    with pytest.raises(DataError, match=message):
        idx.decode(PATH, payload)


@pytest.mark.parametrize(
    "damaged",
    [b"no zip", gzip.compress(TWO_IMAGES, mtime=0)[:-9], b""],
    ids=["no zip", "cut short", "empty"],
)
def test_a_damaged_zip_is_named(damaged: bytes):
    # An empty file unpacks to nothing, which the decoder then refuses.
    path = PATH.with_suffix(".gz")

    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz|some/train"):
        idx.decode(path, idx.unpack(path, damaged))


def test_a_flipped_bit_in_a_zip_is_noticed():
    packed = bytearray(gzip.compress(np.arange(5000, dtype=np.uint16).tobytes()))
    packed[len(packed) // 2] ^= 0x10

    with pytest.raises(DataError, match="expected a whole gzip file, got a damaged one"):
        idx.unpack(PATH.with_suffix(".gz"), bytes(packed))
