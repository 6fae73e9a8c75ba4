from __future__ import annotations

import numpy as np
import pytest
import torch

from ablations.data.dataset import Part, assemble, content_digest
from ablations.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([0, 1])
GOOD = Part(IMAGES, LABELS)


def test_grey_images_get_a_channel_axis_and_everything_is_contiguous():
    transposed = Part(np.stack([IMAGES] * 3, axis=-1).transpose(0, 3, 1, 2), LABELS)

    grey = assemble("toy", GOOD, GOOD, source="made")
    colour = assemble("toy", transposed, transposed, source="made", class_names=("cat", "dog"))

    assert (grey.input_shape, colour.input_shape) == ((1, 3, 4), (3, 3, 4))
    assert (grey.class_names, colour.class_names) == (("0", "1"), ("cat", "dog"))
    assert grey.n_classes == 2
    assert all(tensor.is_contiguous() for tensor in (*grey.tensors, *colour.tensors))
    assert [tensor.dtype for tensor in grey.tensors] == [torch.uint8, torch.int64] * 2


def test_digest_follows_bytes_shapes_and_types_and_not_names():
    first = assemble("a", GOOD, GOOD, source="made")
    changed = IMAGES.copy()
    changed[1, 2, 3] ^= 1

    assert first.digest == assemble("b", GOOD, GOOD, source="elsewhere").digest
    assert first.digest != assemble("a", Part(changed, LABELS), GOOD, source="made").digest
    assert content_digest(IMAGES) != content_digest(IMAGES.reshape(2, 4, 3))
    assert content_digest(LABELS) != content_digest(LABELS.view(np.uint64))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (Part(IMAGES / 255, LABELS), GOOD, r"toy: training images: expected uint8.*'float64'"),
        (Part(IMAGES[:, 0], LABELS), GOOD, r"\(N, H, W\) or \(N, C, H, W\), got shape \(2, 4\)"),
        (Part(IMAGES[:0], LABELS[:0]), GOOD, r"expected at least one image.*got shape \(0, 1,"),
        (GOOD, Part(IMAGES[:, :2], LABELS), r"one shape .* got \(1, 3, 4\) and \(1, 2, 4\)"),
        (Part(IMAGES, LABELS[:1]), GOOD, r"toy: training labels: expected 2 integers.*\(1,\)"),
        (GOOD, Part(IMAGES, LABELS / 1), r"toy: test labels: expected 2 integers.*'float64'"),
        (Part(IMAGES, LABELS - 1), GOOD, r"expected labels 0 to 1, got -1; number the classes"),
        (Part(IMAGES, LABELS * 2), GOOD, r"got none for 1 of 3 classes: 1 \('1'\)"),
        (GOOD, Part(IMAGES, LABELS * 0), r"toy: test labels: every class needs an image"),
        (Part(IMAGES, LABELS * 10**12), GOOD, r"0 to K-1 for K classes, got 1000000000000 among 4"),
    ],
)
def test_misfit_data_is_refused_and_named(train: Part, test: Part, message: str):
    with pytest.raises(DataError, match=message):
        assemble("toy", train, test, source="made")


def test_a_label_beyond_the_named_classes_is_refused():
    with pytest.raises(DataError, match="expected labels 0 to 0, got 1"):
        assemble("toy", GOOD, GOOD, source="made", class_names=("only",))


def test_data_that_are_on_a_device_already_are_not_copied():
    made = assemble("toy", GOOD, GOOD, source="made")
    there = made.to(torch.device("cpu"))
    assert [one.data_ptr() for one in there.tensors] == [one.data_ptr() for one in made.tensors]
    assert (there.name, there.digest) == (made.name, made.digest)


def test_data_go_to_a_device_as_a_whole_and_stay_where_they_were():
    made = assemble("toy", GOOD, GOOD, source="made", class_names=("cat", "dog"))
    there = made.to(torch.device("meta"))
    assert {one.device.type for one in there.tensors} == {"meta"}
    assert {one.device.type for one in made.tensors} == {"cpu"}
    assert [(one.shape, one.dtype) for one in there.tensors] == [
        (one.shape, one.dtype) for one in made.tensors
    ]
    assert (there.class_names, there.digest) == (made.class_names, made.digest)
