"""The one form every data set takes: uint8 images, int64 labels, and a digest of both.

Every loader ends in `assemble`, which checks what training relies on; the rest reads `Dataset`.
Nothing here knows where the bytes came from or what a study is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ablations.errors import DataError

ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory; every class has at least one training and one test image.

    Attributes:
        name: As a study file gives it.
        class_names: One a class, in the order of the labels.
        digest: sha256 of images, labels and shapes as loaded; preparing a data set keeps it.
        source: Whose data these are, under which licence, and whose split.

    Shape:
        train_images (N, C, H, W), test_images (M, C, H, W) uint8; labels (N,), (M,) int64.
        All contiguous.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]
    digest: str
    source: str

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of one image."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Training images and labels, test images and labels: what workers share."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    def to(self, device: torch.device) -> Dataset:
        """The same data on a device; itself where they are there already."""
        train_images, train_labels, test_images, test_labels = (
            tensor.to(device) for tensor in self.tensors
        )
        return replace(
            self,
            train_images=train_images,
            train_labels=train_labels,
            test_images=test_images,
            test_labels=test_labels,
        )

    @property
    def n_classes(self) -> int:
        """Number of classes; labels run from 0 to one less."""
        return len(self.class_names)


@dataclass(frozen=True, eq=False)
class Part:
    """Images and labels of one part of a data set, before they are checked.

    Shape:
        images (N, H, W) or (N, C, H, W) uint8; labels (N,), any integer type.
    """

    images: npt.NDArray[np.generic]
    labels: npt.NDArray[np.generic]


def assemble(
    name: str, train: Part, test: Part, *, source: str, class_names: tuple[str, ...] | None = None
) -> Dataset:
    """Check both parts and make a `Dataset` of them; images without a channel axis get one.

    Args:
        name: Used as the address in errors.
        train: The training part.
        test: The test part.
        source: Goes into the data set as it is.
        class_names: The labels as text if left out.

    Raises:
        DataError: Wrong types or shapes, parts that do not fit, labels that are not 0 to K-1, or
            a class without an image in either part.
    """
    train_images = _images(f"{name}: training images", train.images)
    test_images = _images(f"{name}: test images", test.images)
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{name}: training and test images must have one shape (channels, height, width), "
            f"got {train_images.shape[1:]} and {test_images.shape[1:]}; bring them to one size"
        )
    train_labels = _labels(f"{name}: training labels", train.labels, len(train_images))
    test_labels = _labels(f"{name}: test labels", test.labels, len(test_images))
    named = class_names or _numbered(name, train_labels, test_labels)
    _refuse_empty_classes(f"{name}: training labels", train_labels, named)
    _refuse_empty_classes(f"{name}: test labels", test_labels, named)
    return Dataset(
        name=name,
        train_images=_tensor(train_images),
        train_labels=_tensor(train_labels),
        test_images=_tensor(test_images),
        test_labels=_tensor(test_labels),
        class_names=named,
        digest=content_digest(train_images, train_labels, test_images, test_labels),
        source=source,
    )


def content_digest(*arrays: npt.NDArray[np.generic]) -> str:
    """sha256 of the arrays' types, shapes and bytes, in the order given.

    Names and places stay out: the same images under another name are the same data.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _tensor(array: ByteArray | IntArray) -> Tensor:
    """Over the same memory where that may be written to, else over a copy."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _images(where: str, images: npt.NDArray[np.generic]) -> ByteArray:
    if images.dtype != np.uint8:
        raise DataError(
            f"{where}: expected uint8 (0 to 255), got {str(images.dtype)!r}; "
            f"scale to 0..255, round, and store as uint8"
        )
    if images.ndim == 3:  # noqa: PLR2004 (N, H, W)
        images = images[:, np.newaxis]
    if images.ndim != 4 or images.size == 0:  # noqa: PLR2004 (N, C, H, W)
        raise DataError(
            f"{where}: expected at least one image of shape (N, H, W) or (N, C, H, W), "
            f"got shape {images.shape}"
        )
    return np.ascontiguousarray(images, dtype=np.uint8)


def _labels(where: str, labels: npt.NDArray[np.generic], n_images: int) -> IntArray:
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (n_images,):
        raise DataError(
            f"{where}: expected {n_images} integers, one an image, "
            f"got {str(labels.dtype)!r} of shape {labels.shape}"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def _numbered(name: str, *labels: IntArray) -> tuple[str, ...]:
    highest = max(int(part.max()) for part in labels)
    n_images = sum(map(len, labels))
    if highest >= n_images:  # before naming what may be billions of classes
        raise DataError(
            f"{name}: labels must be 0 to K-1 for K classes, got {highest} among {n_images} images"
        )
    return tuple(str(label) for label in range(highest + 1))


def _refuse_empty_classes(where: str, labels: IntArray, class_names: tuple[str, ...]) -> None:
    n_classes = len(class_names)
    outside = labels[(labels < 0) | (labels >= n_classes)]
    if outside.size:
        raise DataError(
            f"{where}: expected labels 0 to {n_classes - 1}, got {int(outside[0])}; "
            f"number the classes from 0 without gaps"
        )
    counts = np.bincount(labels, minlength=n_classes)
    if (empty := np.flatnonzero(counts == 0)).size:
        shown = ", ".join(f"{label} ({class_names[label]!r})" for label in empty[:5])
        raise DataError(
            f"{where}: every class needs an image, got none for {empty.size} of {n_classes} "
            f"classes: {shown}; add images or number the classes without gaps"
        )
