"""What a study may ask of its data: fewer images, another size, moved pixels, wrong labels.

Called by the runner once a data set. Every draw is fixed by the data's own digest and the name of
the operation, never by a run's seed: arms and seeds see the same subset, permutation and noise.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ablations.data.dataset import Dataset, IntArray
from ablations.data.sampling import stratified
from ablations.errors import DataError
from ablations.spec import DataSpec

_CHUNK = 4096  # images resized at a time, to bound the float32 copy


def check_spec(spec: DataSpec, dataset: Dataset) -> list[str]:
    """Everything in `spec` that `dataset` cannot give, one sentence each; empty if it can."""
    n_available = n_kept = len(dataset.train_labels)
    problems = []
    if spec.subset is None or dataset.n_classes <= spec.subset <= n_available:
        n_kept = spec.subset or n_available
    else:
        problems.append(
            f"dataset.subset: must be {dataset.n_classes} (one a class) to {n_available} "
            f"(all training images), got {spec.subset}"
        )
    if not 0 <= spec.validation <= n_kept - dataset.n_classes:
        problems.append(
            f"dataset.validation: must be 0 to {n_kept - dataset.n_classes}, so that each of "
            f"{dataset.n_classes} classes keeps an image of {n_kept} to train on, "
            f"got {spec.validation}"
        )
    if spec.image_size is not None and min(spec.image_size) < 1:
        problems.append(
            f"dataset.image_size: height and width must be >= 1, got {list(spec.image_size)}"
        )
    if spec.permutation not in ("none", "fixed") and block_size(spec.permutation) is None:
        problems.append(
            f"dataset.permutation: unknown {spec.permutation!r} "
            f"(allowed: blocks-N with N >= 1, fixed, none)"
        )
    if not 0 <= spec.label_noise <= 1 or (spec.label_noise > 0 and dataset.n_classes == 1):
        problems.append(
            f"dataset.label_noise: must be a fraction 0 to 1, and 0 for a single class, "
            f"got {spec.label_noise!r} with {dataset.n_classes} classes"
        )
    return problems


def prepare(dataset: Dataset, spec: DataSpec) -> Dataset:
    """`dataset` as `spec` wants it: subset, then size, then permutation, then label noise.

    Test images are resized and permuted like the training images, and never dropped; test labels
    stay as they are. The digest stays that of the data as loaded, since it fixes all of this.

    Raises:
        DataError: `check_spec` finds a problem; the message lists all.
    """
    if problems := check_spec(spec, dataset):
        raise DataError("\n  ".join([f"{dataset.name}: {len(problems)} problem(s)", *problems]))
    if spec.subset is not None:
        dataset = _keep(dataset, spec.subset)
    if spec.image_size is not None and spec.image_size != dataset.input_shape[1:]:
        dataset = _resize(dataset, spec.image_size)
    if spec.permutation != "none":
        dataset = _permute(dataset, spec.permutation)
    if spec.label_noise > 0:
        dataset = _mislabel(dataset, spec.label_noise)
    return dataset


def block_size(permutation: str) -> int | None:
    """N of `blocks-N`, or None for any other word."""
    prefix, _, size = permutation.partition("-")
    well_formed = prefix == "blocks" and size.isascii() and size.isdigit() and int(size) > 0
    return int(size) if well_formed else None


def pixel_order(height: int, width: int, block: int | None, rng: np.random.Generator) -> IntArray:
    """For each pixel of a permuted image, in reading order, the place it is taken from.

    Args:
        height: Rows.
        width: Columns.
        block: Pixels stay inside their square of this side, cut off at the edges; None: anywhere.
        rng: Each block draws its own permutation, in reading order.

    Shape:
        (height * width,) int64.
    """
    places = np.arange(height * width).reshape(height, width)
    side = max(height, width) if block is None else block
    order = np.empty_like(places)
    for top in range(0, height, side):
        for left in range(0, width, side):
            square = np.s_[top : top + side, left : left + side]
            order[square] = rng.permutation(places[square].ravel()).reshape(places[square].shape)
    return order.ravel()


def permuted_order(digest: str, permutation: str, size: tuple[int, int]) -> IntArray:
    """The `pixel_order` of a data set's images under the permutation that a study asks for.

    Args:
        digest: Of the data set.
        permutation: As in `DataSpec`.
        size: Height and width, after any change of size.
    """
    if permutation == "none":
        return np.arange(size[0] * size[1])
    rng = _generator(digest, f"permutation {permutation}")
    return pixel_order(*size, block_size(permutation), rng)


def _generator(digest: str, operation: str) -> np.random.Generator:
    entropy = hashlib.sha256(f"{digest}/{operation}".encode()).digest()
    return np.random.default_rng(int.from_bytes(entropy, "big"))


def _keep(dataset: Dataset, n: int) -> Dataset:
    kept = stratified(dataset.train_labels, n, _generator(dataset.digest, "subset"))
    images, labels = dataset.train_images[kept], dataset.train_labels[kept]
    return replace(dataset, train_images=images, train_labels=labels)


def _resize(dataset: Dataset, size: tuple[int, int]) -> Dataset:
    def resized(images: Tensor) -> Tensor:
        return torch.cat([_resized(chunk, size) for chunk in torch.split(images, _CHUNK)])

    train, test = resized(dataset.train_images), resized(dataset.test_images)
    return replace(dataset, train_images=train, test_images=test)


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    pixels = functional.interpolate(images.float(), size=size, mode="bilinear", antialias=True)
    return pixels.round().clamp(0, 255).to(torch.uint8)


def _permute(dataset: Dataset, permutation: str) -> Dataset:
    order = permuted_order(dataset.digest, permutation, dataset.input_shape[1:])

    def permuted(images: Tensor) -> Tensor:
        # numpy, whose take along the last axis is several times faster than torch's.
        return torch.from_numpy(images.flatten(2).numpy().take(order, axis=2)).view_as(images)

    train, test = permuted(dataset.train_images), permuted(dataset.test_images)
    return replace(dataset, train_images=train, test_images=test)


def _mislabel(dataset: Dataset, fraction: float) -> Dataset:
    """Exactly round(fraction * n) labels, each replaced by another class drawn uniformly."""
    n = len(dataset.train_labels)
    rng = _generator(dataset.digest, "label noise")
    # Both draws cover all labels whatever the fraction, so a higher one adds to a lower one.
    order, steps = rng.permutation(n), rng.integers(1, dataset.n_classes, size=n)
    wrong = order[: round(fraction * n)]
    labels = dataset.train_labels.numpy().copy()
    labels[wrong] = (labels[wrong] + steps[wrong]) % dataset.n_classes
    return replace(dataset, train_labels=torch.from_numpy(labels))
