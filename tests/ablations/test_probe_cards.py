"""What a study file may say of a probe."""

from __future__ import annotations

import pytest

from ablations.probe_cards import CARDS, ProbeSpec


@pytest.mark.parametrize(
    ("raw", "spec", "sample"),
    [
        ("shift", ProbeSpec("shift"), 1000),
        ({"shift": {}}, ProbeSpec("shift"), 1000),
        ({"shift": {"n_images": 1000}}, ProbeSpec("shift"), 1000),
        ({"shift": {"n_images": 7}}, ProbeSpec("shift", 7), 7),
        ({"images": {}}, ProbeSpec("images"), 0),
    ],
)
def test_one_sample_has_one_spelling(raw, spec, sample):
    parsed = ProbeSpec.parse(raw)
    assert parsed == spec
    assert parsed.sample_size == sample
    assert ProbeSpec.parse(parsed.plain()) == ProbeSpec.parse(parsed) == spec


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("shfit", "must be one of shift, .* got 'shfit'; did you mean 'shift'"),
        ({"shfit": {}}, "got {'shfit': {}}; did you mean 'shift'"),
        ({"shift": {}, "images": {}}, "got {'shift': {}, 'images': {}}$"),
        (7, "got 7$"),
        ({"shift": 500}, "shift takes n_images and nothing else, got 500"),
        ({"shift": {"n_image": 5}}, "shift takes n_images and nothing else, got {'n_image': 5}"),
        ({"image_size": {"n_images": 5}}, "image_size takes no keys, got {'n_images': 5}"),
        ({"shift": {"n_images": True}}, "n_images must be a whole number >= 1, got True"),
        ({"shift": {"n_images": 2.5}}, "n_images must be a whole number >= 1, got 2.5"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(raw, told):
    with pytest.raises(ValueError, match=told):
        ProbeSpec.parse(raw)


@pytest.mark.parametrize("name", CARDS)
def test_every_measure_has_a_unit_and_says_of_which_layers_it_is(name):
    card = CARDS[name]
    assert set(card.by_layer) == set(card.layers)
    assert all([*card.metrics.values(), *card.by_layer.values()])
