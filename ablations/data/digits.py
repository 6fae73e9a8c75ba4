"""The digits that come with scikit-learn: 8x8, no download.

Read by `sources`; the quickest way to try a study.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ablations.data.dataset import Dataset, Part, assemble
from ablations.data.folders import made_split

_SOURCE = (
    "scikit-learn's load_digits: the UCI test set of Alpaydin and Kaynak 1998, CC BY 4.0; "
    "our split, a fifth of each class for testing"
)
_CLASS_NAMES = tuple("0123456789")


def load() -> Dataset:
    """1,797 digits of 8x8 pixels; the values 0 to 16 are stretched to 0 to 255 and rounded."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (half a second, only for this data set)

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    train, test = made_split("digits", Part(images, digits.target), _CLASS_NAMES)
    return assemble("digits", train, test, source=_SOURCE, class_names=_CLASS_NAMES)


def locate() -> Path:
    """The file that scikit-learn ships."""
    import sklearn.datasets  # noqa: PLC0415 (as above)

    return Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
