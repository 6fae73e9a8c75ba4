"""Stratified choices: which images to keep, so that every class keeps its share.

Used for subsets, validation splits, made test splits and samples of test images. Pure: every draw
comes from the generator passed in.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ablations.data.dataset import IntArray
from ablations.errors import DataError

SAMPLE_SIZE = 1000
"""Test images that are looked at one by one, at most."""


def proportional(counts: IntArray, n: int) -> IntArray:
    """Share `n` among classes of the sizes `counts`, exactly; no class is left out if n allows.

    By largest remainders, at equal ones the lower label first; a class that would get nothing
    takes one from the largest share.
    """
    wanted, remainders = np.divmod(counts * n, counts.sum())
    wanted[np.argsort(-remainders, kind="stable")[: n - wanted.sum()]] += 1
    if n >= np.count_nonzero(counts):
        for label in np.flatnonzero((wanted == 0) & (counts > 0)):
            wanted[np.argmax(wanted)] -= 1
            wanted[label] = 1
    return wanted


def take(labels: IntArray, wanted: IntArray, rng: np.random.Generator) -> IntArray:
    """Sorted indices of `wanted[k]` examples drawn from each class `k`.

    One permutation orders all examples and each class gives its first ones, so for one generator
    state a larger choice contains a smaller one.
    """
    order = rng.permutation(len(labels))
    chosen = [order[labels[order] == label][:n] for label, n in enumerate(wanted)]
    return np.sort(np.concatenate(chosen))


def stratified(labels: Tensor, n: int, rng: np.random.Generator) -> Tensor:
    """Sorted indices of exactly `n` examples, each class in proportion.

    Raises:
        DataError: `n` is not between 0 and the number of labels.

    Shape:
        labels (N,) int64 on the CPU; indices (n,) int64.
    """
    if not 0 <= n <= len(labels):
        raise DataError(f"stratified choice: expected 0 <= n <= {len(labels)}, got {n}")
    array = labels.numpy()
    return torch.from_numpy(take(array, proportional(np.bincount(array), n), rng))


def probed_sample(labels: Tensor, n_images: int = SAMPLE_SIZE) -> Tensor:
    """Sorted indices of the test images that probes look at: the same for all runs and studies.

    Each class in proportion, `n_images` at most.

    Shape:
        labels (N,) int64 on the CPU; indices (n,) int64.
    """
    return stratified(labels, min(n_images, len(labels)), np.random.default_rng(0))


def split(labels: Tensor, validation: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Training and validation indices: disjoint, sorted, together all of `labels`, stratified.

    With `validation` 0 everything trains and nothing is drawn.

    Raises:
        DataError: `validation` leaves nothing to train on, or is negative.

    Shape:
        labels (N,) int64 on the CPU; indices (N - validation,) and (validation,) int64.
    """
    n = len(labels)
    if not 0 <= validation < n:
        raise DataError(f"validation split: expected 0 <= validation < {n}, got {validation}")
    everything = torch.arange(n)
    if validation == 0:
        return everything, everything[:0]
    training = stratified(labels, n - validation, rng)
    held_out = torch.ones(n, dtype=torch.bool)
    held_out[training] = False
    return training, everything[held_out]


def fifth_of_each_class(labels: IntArray) -> IntArray:
    """How many examples a class gives to a made test split: a fifth, rounded, at least one."""
    counts = np.bincount(labels)
    return np.maximum(1, (counts + 2) // 5)
