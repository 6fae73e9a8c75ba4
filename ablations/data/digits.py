"""The digits that come with scikit-learn: 8x8, no download.

Read by `sources`; the quickest way to try a study.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ablations.data.dataset import Dataset, Part, assemble
from ablations.data.folders import made_split
from ablations.errors import DataError

_SOURCE = (
    "scikit-learn's load_digits: the UCI test set of Alpaydin and Kaynak 1998, CC BY 4.0; "
    "our split, a fifth of each class for testing"
)
_CLASS_NAMES = tuple("0123456789")


def load() -> Dataset:
    """1,797 digits of 8x8 pixels; the values 0 to 16 are stretched to 0 to 255 and rounded."""
    rows = np.loadtxt(locate(), delimiter=",", dtype=np.int64)  # (N, 64 pixels and a label)
    images = np.round(rows[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    train, test = made_split("digits", Part(images, rows[:, -1]), _CLASS_NAMES)
    return assemble("digits", train, test, source=_SOURCE, class_names=_CLASS_NAMES)


def locate() -> Path:
    """The file that scikit-learn ships; found without loading it, which takes a second."""
    found = find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise DataError("digits: come with scikit-learn, which is not installed")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
