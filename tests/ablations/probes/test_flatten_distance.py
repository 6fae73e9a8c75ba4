"""The probe `flatten_distance`: known distances, correlations by hand, the real data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ablations import data
from ablations.data import permuted_order, prepare
from ablations.data.dataset import Part, assemble
from ablations.errors import DataError
from ablations.probe_cards import FLATTEN_DISTANCE
from ablations.probes.flatten_distance import flatten_distance
from ablations.probes.probed import Probed
from ablations.run_data import place
from ablations.spec import DataSpec


def measured(probed, **dataset):
    return flatten_distance(probed(dataset={"name": "digits", **dataset}))


def test_neighbours_of_a_row_stay_side_by_side_and_those_of_a_column_a_width_apart(probed):
    found = measured(probed, image_size=[6, 11])
    assert (found["row_distance"], found["column_distance"]) == (1, 11)


def test_distances_after_a_permutation_are_those_of_its_places(probed, digits):
    found = measured(probed, permutation="fixed")
    order = permuted_order(digits.digest, "fixed", (8, 8))
    place_of = {int(pixel): place for place, pixel in enumerate(order)}
    rows = [
        abs(place_of[8 * row + column] - place_of[8 * row + column + 1])
        for row in range(8)
        for column in range(7)
    ]
    assert found["row_distance"] == pytest.approx(np.mean(rows))
    assert 15 < found["column_distance"] < 28  # a random pair of 64 places is 65 / 3 apart


def test_blocks_keep_the_distance_between_them(probed):
    within, anywhere = (measured(probed, permutation=one) for one in ("blocks-2", "fixed"))
    plain = measured(probed)
    assert 1 < within["row_distance"] < anywhere["row_distance"]
    assert plain["row_correlation_1"] > within["row_correlation_1"] > anywhere["row_correlation_1"]


def test_correlations_by_hand(probed):
    found = measured(probed)
    images = probed().training_sample()[0].double()
    rows = torch.stack([images[..., 2:].flatten(), images[..., :-2].flatten()])
    assert found["row_correlation_2"] == pytest.approx(torch.corrcoef(rows)[0, 1].item())
    vector = images.flatten(1)
    below = torch.stack([vector[:, 8:].flatten(), vector[:, :-8].flatten()])
    expected = torch.corrcoef(below)[0, 1].item()
    assert found["vector_correlation_width"] == pytest.approx(expected)
    assert found["vector_correlation_width"] == pytest.approx(found["column_correlation_1"])
    assert set(found) == set(FLATTEN_DISTANCE.metrics)


def test_pixels_that_do_not_vary_have_no_correlation(probed):
    part = Part(np.full((20, 6, 6), 7, dtype=np.uint8), np.arange(20) % 10)
    found = flatten_distance(probed(data=assemble("grey", part, part, source="made")))
    assert set(found) == {"row_distance", "column_distance"}


def test_small_images_are_refused(probed):
    with pytest.raises(ValueError, match="must be larger than 4x4 pixels, got 4x6; use larger"):
        measured(probed, image_size=[4, 6])


def test_fashion_mnist_has_the_known_correlations(run):
    """Of the first 20,000 training images: 0.85, 0.90; 0.13 and 0.10 after a fixed permutation."""
    try:
        raw = data.load("fashion-mnist", download=False)
    except DataError:
        pytest.skip("Fashion-MNIST is not on this machine")
    found = {}
    for permutation in ("none", "fixed"):
        spec = DataSpec(name="fashion-mnist", permutation=permutation)
        one = run(dataset={"name": "digits", "permutation": permutation})
        one = type(one)(**{**vars(one), "identity": {"data": {"digest": raw.digest}}})
        held = place(prepare(raw, spec), one, torch.device("cpu"))
        found[permutation] = flatten_distance(Probed(one, torch.nn.Identity(), held, 1000))
    plain, permuted = found["none"], found["fixed"]
    assert plain["row_correlation_1"] == pytest.approx(0.85, abs=0.01)
    assert plain["column_correlation_1"] == pytest.approx(0.90, abs=0.01)
    assert plain["column_distance"] == 28
    assert 0.08 < permuted["column_correlation_1"] < permuted["row_correlation_1"] < 0.17
    assert 200 < permuted["column_distance"] < 320
