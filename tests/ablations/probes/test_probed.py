"""What a probe is given: its samples, and a pass in batches."""

from __future__ import annotations

import torch

from ablations.probes.probed import CPU_BATCH, batches, share
from ablations.run_data import place


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_samples_are_stratified_and_the_same_for_every_run(probed):
    one, other = probed(n_images=100), probed(n_images=100, seed=7, root_seed=3)
    assert same(one.test_sample(), other.test_sample())
    assert same(one.training_sample(), other.training_sample())
    for labels, of in (
        (one.test_sample()[1], one.data.test_labels),
        (one.training_sample()[1], one.data.labels),
    ):
        assert len(labels) == 100
        shares = torch.bincount(of, minlength=10) * 100 / len(of)
        assert (torch.bincount(labels, minlength=10) - shares).abs().max() < 1


def test_a_training_sample_has_no_image_that_is_held_out(probed, digits, run):
    one = probed(n_images=10_000, dataset={"name": "digits", "validation": 200})
    images, labels = one.training_sample()
    assert len(images) == len(digits.train_labels) - 200
    assert torch.equal(images, one.data.images[one.data.train])
    assert torch.equal(labels, one.data.labels[one.data.train])
    assert len(place(digits, one.run, torch.device("cpu")).validation) == 200


def test_predictions_do_not_depend_on_the_batches(probed):
    one = probed()
    images = one.data.test_images[: 2 * CPU_BATCH + 5]
    assert [len(batch) for batch in batches(images)] == [CPU_BATCH, CPU_BATCH, 5]
    with torch.inference_mode():
        assert torch.equal(one.predict(images), one.logits(images).argmax(dim=1))


def test_share_is_exact():
    assert share(torch.tensor([[True, False], [True, True]])) == 0.75
