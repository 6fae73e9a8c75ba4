"""The sentences of the notes as claims of `studies/lenet-notes.yaml`: each can come out otherwise.

Counted on the plan of that file; judged on made tables of runs, whose differences are known.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ablations import data, history
from ablations.arms import DataFacts
from ablations.errors import DataError
from ablations.plan import make_plan
from ablations.study_file import parse_study
from lenet_variants import measure
from reports.analysis import analyse
from reports.collect import analysis_plan

pytestmark = pytest.mark.end_to_end

STUDY = yaml.safe_load((Path(__file__).parents[2] / "studies/lenet-notes.yaml").read_text())
FACTS = DataFacts("made", 60_000, (1, 28, 28), 10, lambda _: [])
SEEDS = range(5)

FAR = "Flattening an image puts pixels that are neighbours in a column far apart"
BLIND = "So an MLP hardly sees the patterns that pixels form"
PATTERNS = "So a convolutional network recognises patterns of neighbouring pixels"
BETTER = "It recognises them better than an MLP of its size"
RELU = "ReLU trains this LeNet to a higher accuracy than sigmoid"
POSITION = "Pooling lowers the sensitivity to position"
SIMILAR = "With 16 channels the two convolutions' parameter sizes are similar"

PHOTO_AT = {"variant": "mlp", "levels": {"hidden": [256]}, "layer": "fc1"}
# Of what is counted: the verdict, and what to put in place of a side to turn it round.
OTHERWISE = {
    "On large images fully connected layers make the model too big; they grow with the pixels": (
        "supported",
        {"left": {"quantity": "growth", "layer": "conv1", "of": "n_parameters"}},
    ),
    "A colour photo of 1000 x 1000 pixels into 256 outputs takes 768,000,000 weights": (
        "supported",
        {"left": {"quantity": "n_macs", "input": "1x1000x1000", **PHOTO_AT}},
    ),
    "In float32 these are 3.072 GB": (
        "supported",
        {"left": {"quantity": "n_bytes", "input": "3x1000x500", **PHOTO_AT}},
    ),
    "A convolution slides the same kernel over an image of any size, and does not grow with it": (
        "supported",
        {"left": {"quantity": "growth", "layer": "fc1", "of": "n_parameters"}},
    ),
    "So a LeNet grows less with the image than an MLP": (
        "refuted",
        {"left": "growth(mlp, n_parameters)", "right": "growth(n_parameters)"},
    ),
    "A convolution keeps the image's shape": (
        "refuted",
        {
            "left": {
                "quantity": "n_activations",
                "variant": "lenet",
                "levels": {"padding": 2},
                "layer": "conv1",
            }
        },
    ),
    "The first convolution has 6 output channels, and kernels of 5x5": (
        "supported",
        {"left": "n_parameters(conv2)"},
    ),
    "The second convolution has 16, and kernels of 5x5": (
        "supported",
        {"left": "n_parameters(conv1)"},
    ),
    SIMILAR: ("refuted", {"left": "n_macs(conv2)", "right": "n_macs(conv1)"}),
    "Pooling windows of 2x2 with stride 2 do not overlap, and leave one value of four": (
        "supported",
        {"left": "n_activations(pool1)", "right": "n_activations(conv1)"},
    ),
    "The convolutional block puts out (batch, channels, height, width), 16 x 4 x 4 an image": (
        "supported",
        {"left": "n_activations(conv2)"},
    ),
    "The fully connected block flattens them into 120 outputs": (
        "supported",
        {"left": "n_parameters(fc2)"},
    ),
    "The next layer has 84 outputs": ("supported", {"left": "n_parameters(output)"}),
    "The last has 10, one a class": ("supported", {"left": "n_parameters(fc1)"}),
    "The network has 44,426 parameters": ("supported", {"left": "n_parameters(mlp-matched)"}),
}
# Of what is trained: the arms that must differ for it to hold.
MEASURED = {
    PATTERNS: ("lenet-permuted", "control"),
    BETTER: ("mlp-matched", "control"),
    RELU: ("activation=relu", "control"),
    POSITION: ("lenet-strided", "control"),
}
ACCURACY, CONSISTENCY = "test/accuracy", "probe/shift/consistency_1"
COLUMN, ROW = (f"probe/flatten_distance/{way}_distance" for way in ("column", "row"))


@pytest.fixture(scope="module")
def made():
    """Makes the study's plan, with other claims if they are given."""

    def make(claims=STUDY["claims"], facts=FACTS):
        spec = parse_study({**STUDY, "claims": claims})
        return make_plan(spec, {spec.dataset.name: facts}, measure)

    return make


@pytest.fixture(scope="module")
def judged(made):
    """Verdicts by sentence, on a table of runs."""

    def judge(runs, claims=STUDY["claims"]):
        stored = made(claims).to_dict()
        plan = analysis_plan(stored, history.extended([], stored, 0))
        return {one.text: one.verdict for one in analyse(runs, plan).claims}

    return judge


@pytest.fixture(scope="module")
def verdicts(judged, runs):
    """Those of the study as it is, on `runs`."""
    return judged(runs)


@pytest.fixture(scope="module")
def runs(made):
    """A table on which every sentence on runs holds."""
    rng = np.random.default_rng(0)
    accuracy = {"control": 0.80, "activation=relu": 0.85, "lenet-permuted": 0.75}
    rows = [
        {
            "arm": arm.name,
            "seed": seed,
            ACCURACY: accuracy.get(arm.name, 0.70) + rng.normal(0, 2e-4),
            CONSISTENCY: (0.8 if arm.name == "lenet-strided" else 0.9) + rng.normal(0, 2e-4),
            COLUMN: 28.0,
            ROW: 1.0,
        }
        for arm in made().arms
        for seed in SEEDS
    ]
    return pd.DataFrame(rows)


def traded(runs, one, other, seeds=SEEDS):
    """The runs of two arms under each other's names, at some seeds or all."""
    names = {one: other, other: one}
    is_of = runs["seed"].isin(list(seeds))
    return runs.assign(arm=runs["arm"].where(~is_of, runs["arm"].replace(names)))


def changed(text, changes):
    """The study's claims, the statement of one of them changed."""
    claims = copy.deepcopy(STUDY["claims"])
    (one,) = [claim for claim in claims if claim["text"] == text]
    one["statement"] |= changes
    return claims


def test_every_sentence_has_its_claim():
    held = [one["text"] for one in STUDY["claims"]]
    assert sorted(held) == sorted([*OTHERWISE, *MEASURED, FAR, BLIND])


def test_the_real_images_are_as_large_as_the_made_ones():
    try:
        raw = data.load("fashion-mnist")
    except DataError:
        pytest.skip("Fashion-MNIST is not on this machine")
    assert raw.input_shape == FACTS.input_shape
    assert (len(raw.train_labels), raw.n_classes) == (FACTS.n_train, FACTS.n_classes)


@pytest.mark.parametrize("text", OTHERWISE)
def test_what_is_counted_is_as_it_must_be_and_otherwise_of_something_else(
    verdicts, judged, runs, text
):
    verdict, changes = OTHERWISE[text]
    assert verdicts[text] == verdict
    opposite = {"supported": "refuted", "refuted": "supported"}[verdict]
    assert judged(runs, changed(text, changes))[text] == opposite


def test_sizes_are_those_of_the_notes(made):
    sides = {
        one.text: (one.statement.left.value, one.statement.right.value)
        for one in made().claims
        if one.statement and one.statement.is_counted
    }
    assert sides[SIMILAR] == (2416, 156)
    assert sides["In float32 these are 3.072 GB"] == (3_072_001_024, 3_072_000_000)
    assert sides["A convolution keeps the image's shape"] == (6 * 24 * 24, 28 * 28)


@pytest.mark.parametrize("text", MEASURED)
def test_arms_that_trade_their_runs_turn_a_sentence_round(verdicts, judged, runs, text):
    assert verdicts[text] == "supported"
    assert judged(traded(runs, *MEASURED[text]))[text] == "refuted"
    assert judged(traded(runs, *MEASURED[text], seeds=[1, 3]))[text] == "undecided"


def test_an_mlp_that_loses_with_the_permutation_sees_patterns(verdicts, judged, runs):
    assert verdicts[BLIND] == "supported"
    is_mlp = runs["arm"] == "mlp-permuted"
    lost = runs.assign(**{ACCURACY: runs[ACCURACY].where(~is_mlp, runs[ACCURACY] - 0.03)})
    assert judged(lost)[BLIND] == "refuted"
    mixed = traded(lost, "mlp-permuted", "mlp-matched", seeds=[1, 3])
    assert judged(mixed)[BLIND] == "undecided"


def test_columns_are_far_apart_only_where_they_were_measured_to_be(verdicts, judged, runs):
    assert verdicts[FAR] == "supported"
    assert judged(runs.rename(columns={COLUMN: ROW, ROW: COLUMN}))[FAR] == "refuted"
    assert judged(runs.assign(**{COLUMN: 8.0}))[FAR] == "refuted"  # as of images 8 pixels wide
    spread = runs.assign(**{COLUMN: 10.0 + runs["seed"] % 2})
    assert judged(spread)[FAR] == "undecided"
