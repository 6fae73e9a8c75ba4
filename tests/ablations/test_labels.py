"""What is kept of the test images: labels always, the pixels of a sample where a study asks."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from ablations import data, labels
from ablations.labels import as_labels, label_content, label_files, labels_digest
from ablations.record import digest, labels_file
from ablations.spec import DataSpec

PLAIN = DataSpec(name="digits")


def arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return dict(stored)


def test_labels_names_and_digest_are_those_of_the_test_images(digits):
    kept = arrays(label_content(digits, PLAIN, with_images=False))
    assert set(kept) == {"labels", "class_names", "labels_digest"}
    assert kept["labels"].dtype == np.int16
    assert kept["labels"].tolist() == digits.test_labels.tolist()
    assert tuple(kept["class_names"].tolist()) == digits.class_names
    assert str(kept["labels_digest"]) == digest(digits.test_labels.tolist())


def test_the_digest_is_that_which_runs_store_with_their_predictions(perform, run, digits):
    from ablations.outcomes import Job  # noqa: PLC0415

    examples = arrays(perform(Job(run())).files["examples.npz"])
    assert str(examples["labels_digest"]) == labels_digest(as_labels(digits.test_labels))


@pytest.mark.parametrize(
    "asked",
    [{}, {"image_size": (5, 6)}, {"permutation": "fixed", "subset": 90, "label_noise": 0.5}],
    ids=str,
)
def test_pixels_are_those_that_the_networks_see(digits, asked):
    spec = DataSpec(name="digits", **asked)
    kept = arrays(label_content(digits, spec, with_images=True))
    expected = data.prepare(digits, spec).test_images[torch.from_numpy(kept["indices"])]
    assert kept["pixels"].dtype == np.uint8
    assert np.array_equal(kept["pixels"], expected.numpy())


def test_the_sample_is_that_of_the_probes(digits):
    kept = arrays(label_content(digits, PLAIN, with_images=True))
    assert kept["indices"].tolist() == data.probed_sample(digits.test_labels).tolist()


def test_of_large_images_as_many_are_kept_as_have_room(digits, monkeypatch):
    spec, sample = DataSpec(name="digits"), data.probed_sample(digits.test_labels)
    monkeypatch.setattr(labels, "PIXEL_BYTES", 100 * 64 + 63)
    kept = arrays(label_content(digits, spec, with_images=True))
    assert kept["pixels"].nbytes == 100 * 64
    assert set(kept["indices"].tolist()) < set(sample.tolist())
    shares = np.bincount(kept["labels"]) * 100 / len(kept["labels"])
    counts = np.bincount(kept["labels"][kept["indices"]], minlength=10)
    assert np.abs(counts - shares).max() < 1.5


def test_images_larger_than_all_the_room_are_not_kept(digits, monkeypatch):
    monkeypatch.setattr(labels, "PIXEL_BYTES", 63)
    kept = arrays(label_content(digits, PLAIN, with_images=True))
    assert set(kept) == {"labels", "class_names", "labels_digest"}


def test_the_room_is_enough_for_a_sample_of_small_images():
    assert labels.PIXEL_BYTES >= data.SAMPLE_SIZE * 3 * 32 * 32


def test_the_same_data_give_the_same_bytes(digits):
    first, second = (label_content(digits, PLAIN, with_images=True) for _ in range(2))
    assert first == second


def test_a_study_has_a_file_for_every_set_of_test_images_and_no_more(plan, digits):
    factors = {"dataset.permutation": ["none", "fixed"], "dataset.subset": [100, 90]}
    made = plan(factors=factors)
    files = label_files(made, {"digits": digits})
    named = {arm.name: labels_file(arm.to_dict()["dataset"]) for arm in made.arms}
    assert set(files) == set(named.values())
    assert named["dataset.subset=90"] == named["control"] != named["dataset.permutation=fixed"]


def test_pixels_are_kept_only_where_the_study_asks(plan, digits):
    for probes, has_pixels in (([], False), (["shift", "image_size"], False), (["images"], True)):
        (content,) = label_files(plan(probes=probes), {"digits": digits}).values()
        assert ("pixels" in arrays(content)) is has_pixels


def test_asking_for_images_moves_no_run_key(plan):
    plain, asked = plan(), plan(probes=["images"])
    assert [run.run_key for run in asked.runs] == [run.run_key for run in plain.runs]
    assert [arm.to_dict() for arm in asked.arms] == [arm.to_dict() for arm in plain.arms]
