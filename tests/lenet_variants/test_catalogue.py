"""The built-in variants against what their sources print."""

from __future__ import annotations

import pytest

from lenet_variants import catalogue, measure
from lenet_variants.card import Counts
from lenet_variants.errors import UnknownVariantError

# Variants with published numbers of weights and links, at their native input.
PUBLISHED = {
    "net1": (2_570, 2_570),
    "net2": (3_214, 3_214),
    "net3": (1_226, 1_226),
    "net4": (1_132, 2_266),
    "net5": (1_060, 5_194),
    "lenet1-1989": (9_760, 64_660),
    "lenet5-1998": (60_000, 340_908),
}
# The same, layer by layer: parameters and links.
PUBLISHED_LAYERS = {
    "net3": {"conv1": (640, 640), "conv2": (416, 416), "output": (170, 170)},
    "net4": {"conv1": (18 + 128, 1_280), "conv2": (816, 816), "output": (170, 170)},
    "net5": {"conv1": (18 + 128, 1_280), "conv2": (200 + 64, 3_264), "output": (650, 650)},
    "lenet1-1989": {
        "conv1": (300 + 768, 19_968),
        "conv2": (2_400 + 192, 38_592),
        "fc1": (5_790, 5_790),
        "output": (310, 310),
    },
    "lenet5-1998": {
        "conv1": (156, 122_304),
        "pool1": (12, 5_880),
        "conv2": (1_516, 151_600),
        "pool2": (32, 2_000),
        "fc1": (48_120, 48_120),
        "fc2": (10_164, 10_164),
        "output": (0, 840),
    },
}
# Parameters and multiply-accumulates worked out from the books' networks.
WORKED_OUT = {
    "lenet": (44_426, 281_640),
    "lenet-d2l": (61_706, 416_520),
    "lenet5": (61_706, 416_520),
    "lenet-gap": (156 + 2_416 + 170, 240_000 + 160),
    "softmax": (7_850, 7_840),
    "mlp": (203_530, 203_264),
    "mlp-matched": (44_530, 44_464),
}


def at_home(name: str, levels: dict[str, object] | None = None) -> Counts:
    card = catalogue.find(name)
    return measure.count(name, levels or {}, card.native_input, card.n_classes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_and_links_hold_exactly(name):
    counts = at_home(name)
    assert (counts.n_parameters, counts.n_connections) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED_LAYERS)
def test_published_layers_hold_exactly(name):
    card = catalogue.find(name)
    described = measure.describe(name, {}, card.native_input, card.n_classes)
    layers = {
        layer["name"]: (layer["n_parameters"], layer["n_connections"])
        for layer in described["layers"]
        if layer["n_connections"]
    }
    assert layers == PUBLISHED_LAYERS[name]


@pytest.mark.parametrize("name", WORKED_OUT)
def test_sizes_worked_out_by_hand_hold(name):
    counts = at_home(name)
    assert (counts.n_parameters, counts.n_macs) == WORKED_OUT[name]


@pytest.mark.parametrize(
    ("channels", "n_parameters"),
    [((2, 4), 19_070), ((3, 8), 27_180), ((12, 32), 82_518), ((24, 64), 173_102)],
)
def test_widths_of_the_notes_network_have_the_worked_out_size(channels, n_parameters):
    assert at_home("lenet", {"channels": channels}).n_parameters == n_parameters


@pytest.mark.parametrize(
    ("hidden", "n_parameters"),
    [([256], 203_530), ([300], 238_510), ([512], 407_050), ([1_000], 795_010), ([56], 44_530)],
)
def test_mlps_have_the_worked_out_size(hidden, n_parameters):
    assert at_home("mlp", {"hidden": hidden}).n_parameters == n_parameters


def test_undoing_each_simplification_leads_from_lenet5_back_to_60_000():
    """61,706 = 60,000 + 900 (full C3) - 44 (no coefficients) + 850 (linear output)."""
    steps = {"connections": "c3-1998", "pooling": "subsampling", "output": "rbf"}
    sizes = [61_706]
    for number in range(1, len(steps) + 1):
        some = dict(list(steps.items())[:number])
        sizes.append(at_home("lenet5", some).n_parameters)
    assert sizes == [61_706, 60_806, 60_850, 60_000]


def test_net_5_is_net_4_with_four_shared_maps_in_the_second_layer():
    net4, net5 = catalogue.find("net4"), catalogue.find("net5")
    change = {"channels": [2, 4], "weights": "shared"}
    assert net4.identity(net4.resolve(change)) == net5.identity(net5.resolve({}))


def test_lenet1_has_1256_units():
    layers = measure.describe("lenet1-1989", {}, (1, 16, 16), 10)["layers"]
    units = {layer["name"]: layer["output_shape"] for layer in layers}
    assert units["conv1"] == [12, 8, 8]
    assert units["conv2"] == [12, 4, 4]
    assert 256 + 768 + 192 + 30 + 10 == 1_256


@pytest.mark.parametrize("name", catalogue.names())
def test_cards_carry_the_counted_size(name):
    assert catalogue.find(name).counts == at_home(name)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownVariantError, match="got 'lenet-5'; did you mean 'lenet5'") as e:
        catalogue.find("lenet-5")
    assert isinstance(e.value, LookupError)


def test_names_come_in_the_order_of_the_catalogue():
    names = catalogue.names()
    assert names[0] == "lenet"
    assert set(PUBLISHED) | set(WORKED_OUT) <= set(names)
    assert names.index("net1") < names.index("net5") < names.index("lenet1-1989")
