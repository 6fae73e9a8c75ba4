"""Words and order of what probes measure."""

import pytest

from ablations.probe_cards import CARDS
from reports.figures.measures import WORDS, in_running_order, in_words, measure_of


def test_every_measure_of_a_probe_has_words():
    held = {measure_of(metric)[0] for card in CARDS.values() for metric in card.metrics}
    held |= {name for card in CARDS.values() for name in card.by_layer}
    assert held == set(WORDS)


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("saturation", "share of outputs that are saturated"),
        ("epoch_0_saturation", "share of outputs that are saturated, before training"),
        ("epoch_1_saturation", "share of outputs that are saturated, after 1 epoch"),
        ("epoch_13_saturation", "share of outputs that are saturated, after 13 epochs"),
    ],
)
def test_words_say_when_a_measure_was_taken(measure, words):
    assert in_words(measure) == words


def test_a_plug_ins_layers_stand_before_the_output_in_their_own_order():
    names = ["output", "stem", "fc2", "body", "conv10", "conv9"]
    assert in_running_order(names) == ["conv9", "conv10", "fc2", "stem", "body", "output"]


@pytest.mark.parametrize(
    ("metric", "parts"),
    [("n_images_2", ("n_images", "2")), ("epoch_0_dead/fc1", ("epoch_0_dead", "fc1"))],
)
def test_a_metric_is_what_is_measured_and_where(metric, parts):
    assert measure_of(metric) == parts


def test_what_has_no_words_is_read_as_it_is_written():
    assert in_words("rotation_error") == "rotation error"
