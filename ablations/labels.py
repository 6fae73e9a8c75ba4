"""What is kept of a study's test images, so that a report can say on which of them arms differ.

Called by the driver, which stores it beside the plan; runs store only what they predicted. Reads
nothing of any run: a study that was trained before gets the same.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ablations.data import Dataset, prepare, probed_sample, stratified
from ablations.plan import Plan
from ablations.record import digest, labels_file
from ablations.spec import DataSpec

PIXEL_BYTES = 2**24
"""What the kept pixels of one data set take at the most, before they are compressed: 16 MiB.

All the images of a sample of 28x28 or 32x32 fit; of 224x224 in colour, 111 do.
"""

LabelArray = npt.NDArray[np.int16]


def label_files(plan: Plan, raw: Mapping[str, Dataset]) -> dict[str, bytes]:
    """The label files of every data set that the arms of a plan are tested on, by name.

    Args:
        plan: Where it has the probe `images`, pixels are kept as well.
        raw: Its data sets as loaded, by name.
    """
    asked = {labels_file(arm.dataset.model_dump(mode="json")): arm.dataset for arm in plan.arms}
    with_images = plan.spec.probe("images") is not None
    return {
        name: label_content(raw[spec.name], spec, with_images=with_images)
        for name, spec in asked.items()
    }


def label_content(raw: Dataset, spec: DataSpec, *, with_images: bool) -> bytes:
    """The label file of one data set: the same bytes for the same data.

    Args:
        raw: The data set as loaded.
        spec: What an arm asks of it.
        with_images: Whether pixels of a sample are kept: of as many of the images that probes look
            at as `PIXEL_BYTES` hold. Else, and where they hold none, those two arrays are not
            there.

    Returns:
        A compressed `.npz` without pickles.

    Shape:
        labels (M,) int16; class_names (K,) text; labels_digest () text, as in `examples.npz`;
        indices (n,) int64 into labels, ascending; pixels (n, C, H, W) uint8.
    """
    labels = as_labels(raw.test_labels)
    arrays: dict[str, Any] = {
        "labels": labels,
        "class_names": np.array(raw.class_names, dtype=np.str_),
        "labels_digest": np.str_(labels_digest(labels)),
    }
    chosen = _pictured(raw, spec) if with_images else torch.zeros(0, dtype=torch.int64)
    if len(chosen):
        arrays |= {"indices": chosen.numpy(), "pixels": _pixels(raw, spec, chosen)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def as_labels(labels: Tensor) -> LabelArray:
    """Labels, or predicted classes, as they are stored."""
    return labels.cpu().numpy().astype(np.int16)


def labels_digest(labels: LabelArray) -> str:
    """By which predictions and labels are known to be of the same test images."""
    return digest(labels.tolist())


def _pictured(raw: Dataset, spec: DataSpec) -> Tensor:
    """Of which of the images that probes look at pixels are kept: of all, if they have room."""
    chosen = probed_sample(raw.test_labels)
    room = PIXEL_BYTES // _pixels(raw, spec, chosen[:1]).nbytes
    if room >= len(chosen):
        return chosen
    return chosen[stratified(raw.test_labels[chosen], room, np.random.default_rng(0))]


def _pixels(raw: Dataset, spec: DataSpec, chosen: Tensor) -> npt.NDArray[np.uint8]:
    """Some test images as the arm's networks see them, before normalisation.

    Prepared without the rest of the data set: what is done to an image looks at no other.
    """
    few = replace(
        raw,
        train_images=raw.train_images[: raw.n_classes],  # as few as pass for a data set
        train_labels=raw.train_labels[: raw.n_classes],
        test_images=raw.test_images[chosen],
        test_labels=raw.test_labels[chosen],
    )
    seen = DataSpec(name=spec.name, image_size=spec.image_size, permutation=spec.permutation)
    return np.asarray(prepare(few, seen).test_images.numpy(), dtype=np.uint8)
