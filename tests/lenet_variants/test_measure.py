"""Counts and layer tables against numbers worked out by hand or printed in a source."""

from __future__ import annotations

import resource
from dataclasses import replace

import pytest
import torch

from lenet_variants import measure
from lenet_variants.errors import VariantError

DIGITS = ((1, 28, 28), 10)


def rows(name, input_shape=(1, 28, 28), n_classes=10, **levels):
    table = measure.describe(name, levels, input_shape, n_classes)["layers"]
    return {row["name"]: row for row in table}


@pytest.mark.parametrize(
    ("layer", "output_shape", "n_parameters", "n_macs", "n_connections", "field"),
    [
        ("conv1", [6, 24, 24], 156, 86_400, 89_856, [5, 5]),
        ("pool1", [6, 12, 12], 0, 0, 0, [6, 6]),
        ("conv2", [16, 8, 8], 2_416, 153_600, 154_624, [14, 14]),
        ("pool2", [16, 4, 4], 0, 0, 0, [16, 16]),
        ("fc1", [120], 30_840, 30_720, 30_840, [28, 28]),
        ("fc2", [84], 10_164, 10_080, 10_164, [28, 28]),
        ("output", [10], 850, 840, 850, [28, 28]),
    ],
)
def test_the_notes_lenet(layer, output_shape, n_parameters, n_macs, n_connections, field):
    row = rows("lenet")[layer]
    assert row["output_shape"] == output_shape
    assert row["n_parameters"] == row["n_trainable"] == n_parameters
    assert (row["n_macs"], row["n_connections"]) == (n_macs, n_connections)
    assert row["receptive_field"] == field


@pytest.mark.parametrize(
    ("layer", "output_shape", "n_parameters", "n_macs"),
    [
        ("conv1", [6, 28, 28], 156, 117_600),
        ("pool1", [6, 14, 14], 0, 0),
        ("conv2", [16, 10, 10], 2_416, 240_000),
        ("pool2", [16, 5, 5], 0, 0),
        ("flatten", [400], 0, 0),
        ("fc1", [120], 48_120, 48_000),
        ("fc2", [84], 10_164, 10_080),
        ("output", [10], 850, 840),
    ],
)
def test_the_books_lenet(layer, output_shape, n_parameters, n_macs):
    row = rows("lenet-d2l")[layer]
    assert (row["output_shape"], row["n_parameters"]) == (output_shape, n_parameters)
    assert row["n_macs"] == n_macs


@pytest.mark.parametrize(
    ("name", "levels", "n_parameters", "n_macs"),
    [
        ("lenet", {}, 44_426, 281_640),
        ("lenet-d2l", {}, 61_706, 416_520),
        ("mlp", {}, 203_530, 203_264),
        ("mlp", {"hidden": [300]}, 238_510, 238_200),
        ("mlp", {"hidden": [512]}, 407_050, 406_528),
        ("mlp", {"hidden": [1000]}, 795_010, 794_000),
        ("mlp-matched", {}, 44_530, 44_464),
        ("softmax", {}, 7_850, 7_840),
    ],
)
def test_totals(name, levels, n_parameters, n_macs):
    counts = measure.count(name, levels, *DIGITS)
    assert (counts.n_parameters, counts.n_macs) == (n_parameters, n_macs)


@pytest.mark.parametrize(
    ("channels", "n_parameters"),
    [
        ((2, 4), 19_070),
        ((3, 8), 27_180),
        ((6, 16), 44_426),
        ((12, 32), 82_518),
        ((24, 64), 173_102),
    ],
)
def test_width_scaling_follows_the_formula(channels, n_parameters):
    first, second = channels
    by_hand = 26 * first + (25 * first + 1) * second + (16 * second + 1) * 120 + 10_164 + 850
    counted = measure.count("lenet", {"channels": channels}, *DIGITS).n_parameters
    assert counted == by_hand == n_parameters


def test_the_book_on_28_is_the_unpadded_net_on_32_with_average_pooling():
    padded = measure.count("lenet-d2l", {}, *DIGITS)
    assert measure.count("lenet-avg", {}, (1, 32, 32), 10) == padded


def test_the_two_convolutions_of_the_notes_are_not_of_similar_size():
    table = rows("lenet")
    conv1, conv2 = (table[name]["n_parameters"] for name in ("conv1", "conv2"))
    assert (conv1, conv2) == (156, 2_416)
    assert conv2 / conv1 == pytest.approx(15.5, abs=0.05)


def test_a_network_larger_than_memory_is_described_without_any():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megapixels = measure.describe("softmax", {}, (3, 1000, 1000), 256)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert megapixels["n_parameters"] == 768_000_256
    assert grown_kib < 500_000  # the weights alone would be 3,000,000


def test_a_convolution_does_not_grow_with_the_image():
    large = rows("lenet", (3, 200, 200))
    assert large["conv1"]["n_parameters"] == 456
    assert large["fc1"]["n_parameters"] == 120 * (16 * 47 * 47 + 1)


def test_describe_has_the_documented_keys_in_plain_values():
    described = measure.describe("lenet", {"channels": (3, 8)}, *DIGITS)
    assert list(described) == [
        *("name", "family", "revision", "summary", "source", "native_input", "unspecified"),
        *("input", "n_classes", "levels", "layers", "n_parameters", "n_macs", "n_connections"),
    ]
    assert list(described["layers"][0]) == [
        *("name", "kind", "output_shape", "n_parameters", "n_trainable"),
        *("n_connections", "n_macs", "receptive_field"),
    ]
    assert described["input"] == [1, 28, 28]
    assert described["levels"]["channels"] == [3, 8]


def test_rows_sum_to_the_totals():
    described = measure.describe("lenet", {}, *DIGITS)
    for total in ("n_parameters", "n_macs"):
        assert sum(row[total] for row in described["layers"]) == described[total]


def test_receptive_fields_end_at_the_image():
    assert rows("lenet", (1, 16, 40))["pool2"]["receptive_field"] == [16, 16]
    assert rows("lenet", channels=[4, 4, 4], padding=2)["pool3"]["receptive_field"] == [28, 28]


def test_counting_leaves_the_callers_draws_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    measure.count("lenet", {}, *DIGITS)
    assert torch.equal(torch.rand(3), expected)


def test_counting_refuses_what_create_refuses():
    with pytest.raises(VariantError, match=r"^lenet conv2: .* got 2x2"):
        measure.count("lenet", {}, (1, 8, 8), 10)


@pytest.mark.parametrize("input_shape", [(1, 28, 28), (3, 32, 32), (1, 16, 24), (3, 64, 64)])
@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_the_match_is_the_nearest_of_all_widths(input_shape, n_classes):
    target = measure.count("lenet", {}, input_shape, n_classes)
    (width,) = measure.match("mlp", {}, input_shape, n_classes, target)["hidden"]
    n_inputs = input_shape[0] * input_shape[1] * input_shape[2]

    def distance(h):
        return abs((n_inputs + 1) * h + (h + 1) * n_classes - target.n_parameters)

    assert width == min(range(1, 2_000), key=distance)


def test_a_target_far_below_one_hidden_unit_is_refused():
    target = measure.count("lenet", {}, *DIGITS)
    with pytest.raises(
        VariantError, match=r"n_parameters 44,426, got 244,759 with hidden layers of 1;"
    ):
        measure.match("locally-connected", {}, *DIGITS, target)
    least = measure.count("mlp", {"hidden": [1]}, *DIGITS)  # 805 parameters
    slightly_less = replace(least, n_parameters=750)
    assert measure.match("mlp", {}, *DIGITS, slightly_less)["hidden"] == (1,)


def test_a_network_that_takes_no_single_hidden_unit_is_matched_from_its_narrowest():
    """Codes of 10 classes need 16 units before them."""
    size = ((1, 32, 32), 10)
    target = measure.count("lenet5-1998", {}, *size)
    matched = measure.match("lenet5-1998", {"pooling": "avg"}, *size, target)
    assert matched["hidden"][0] > 16
    assert measure.count("lenet5-1998", matched, *size).n_parameters == pytest.approx(
        60_000, rel=0.01
    )
    with pytest.raises(VariantError, match="expected at least 16384 units before the codes"):
        measure.match("lenet5-1998", {}, (1, 32, 32), 9_000, target)


@pytest.mark.parametrize("by", ["parameters", "macs", "connections"])
def test_matches_by_any_count_and_keeps_the_depth(by):
    target = measure.count("lenet", {}, *DIGITS)
    levels = measure.match("mlp", {"hidden": [8, 8]}, *DIGITS, target, by)
    first, second = levels["hidden"]
    assert first == second
    got = getattr(measure.count("mlp", levels, *DIGITS), f"n_{by}")
    assert got == pytest.approx(getattr(target, f"n_{by}"), rel=0.02)


def test_a_match_by_something_else_is_refused():
    target = measure.count("lenet", {}, *DIGITS)
    with pytest.raises(
        VariantError, match=r"got 'depth'; .*allowed: connections, macs, parameters"
    ):
        measure.match("mlp", {}, *DIGITS, target, "depth")


def test_a_matched_variant_says_when_its_model_does_not_fit():
    with pytest.raises(VariantError, match=r"mlp-matched: expected 'lenet' to fit.* conv2"):
        measure.resolve("mlp-matched", {}, (1, 8, 8), 10)
    assert measure.resolve("mlp-matched", {"hidden": [3]}, (1, 8, 8), 10)["hidden"] == (3,)


def test_activations_are_the_pixels_and_what_every_layer_puts_out():
    # The maps of both convolutions and their activations, both pooled, three dense layers.
    convolved, pooled = 2 * (3456 + 1024), 864 + 256
    dense = 2 * (120 + 84) + 10
    assert measure.n_activations("lenet", {}, (1, 28, 28), 10) == 784 + convolved + pooled + dense
    kept = measure.n_activations("lenet", {"dropout": 0.5}, (1, 28, 28), 10)
    assert kept == measure.n_activations("lenet", {}, (1, 28, 28), 10)
