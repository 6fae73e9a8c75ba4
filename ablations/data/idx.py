"""The idx format of the MNIST family: a short header, then the bytes of one array.

Called by the published sets and by `idx:FOLDER`; knows files, not data sets.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from ablations.data.dataset import ByteArray, Part
from ablations.errors import DataError

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

_UNSIGNED_BYTE = 0x08


def unpack(path: Path, content: bytes) -> bytes:
    """The idx bytes in `content`, which was read from `path`: unzipped if that ends in `.gz`.

    Raises:
        DataError: The zip stream is damaged or cut short.
    """
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path}: expected a whole gzip file, got a damaged one ({error})"
        ) from error


def decode(path: Path, payload: bytes) -> ByteArray:
    """The array held in the idx bytes `payload`, which came from `path` (named in errors).

    Raises:
        DataError: Not idx, not unsigned bytes, or not as many bytes as the header says.

    Source:
        LeCun, Cortes, Burges: the MNIST page. Two zero bytes, a type, the number of axes, the
        length of each as a big-endian 32-bit number, then the values.
    """
    if len(payload) < 4 or payload[:2] != b"\0\0" or payload[2] != _UNSIGNED_BYTE:  # noqa: PLR2004
        raise DataError(
            f"{path}: expected an idx file of unsigned bytes (it starts with 00 00 08), "
            f"got {payload[:4].hex(' ')!r}"
        )
    n_axes = payload[3]
    header_size = 4 + 4 * n_axes
    if len(payload) < header_size:
        raise DataError(
            f"{path}: expected an idx header of {header_size} bytes, got {len(payload)}"
        )
    shape = struct.unpack(f">{n_axes}I", payload[4:header_size])
    expected = header_size + int(np.prod(shape, dtype=object))
    if len(payload) != expected:
        raise DataError(
            f"{path}: expected {expected} bytes for idx shape {shape}, got {len(payload)}; "
            f"the file is cut short or was added to"
        )
    # A copy, because a tensor over the read-only bytes could not be written to safely.
    return np.frombuffer(payload, dtype=np.uint8, offset=header_size).reshape(shape).copy()


def parts(arrays: dict[str, ByteArray]) -> tuple[Part, Part]:
    """Training and test part from the arrays of the four files, keyed by their `STEMS`."""
    train_images, train_labels, test_images, test_labels = (arrays[stem] for stem in STEMS)
    return Part(train_images, train_labels), Part(test_images, test_labels)
