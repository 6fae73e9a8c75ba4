from __future__ import annotations

import pytest

from ablations.sizes import FLOAT_BYTES, Sizes
from lenet_variants import measure
from lenet_variants.errors import VariantError

NATIVE = (1, 28, 28)


class Counting:
    """The real counts, and how often they were asked for."""

    def __init__(self):
        self.n_asked = 0

    def layers(self, *network):
        self.n_asked += 1
        return measure.layers(*network)

    n_activations = staticmethod(measure.n_activations)


@pytest.fixture
def networks():
    return Counting()


def test_a_network_is_counted_once(networks):
    sizes = Sizes(networks, 10)
    counts = [sizes.count("lenet", {"channels": (6, 16)}, NATIVE) for _ in range(2)]
    assert counts[0] is counts[1]
    assert networks.n_asked == 1
    assert (counts[0].n_parameters, counts[0].n_macs) == (44_426, 281_640)


def test_fully_connected_layers_grow_with_the_pixels_and_convolutions_do_not(networks):
    sizes = Sizes(networks, 10)
    mlp = list(sizes.growth("mlp", {}, NATIVE))
    assert [row["input"] for row in mlp] == [[1, 28 * n, 28 * n] for n in (1, 2, 4, 8)]
    assert mlp[3]["n_parameters"] - 10 * 257 == 256 * (224 * 224 + 1)
    assert mlp[0]["activation_bytes"] == FLOAT_BYTES * (784 + 256 + 256 + 10)


def test_a_photograph_is_counted_and_not_made(networks):
    found = Sizes(networks, 10).megapixel("mlp", {"hidden": ()})
    assert found["n_macs"] == 768_000_000
    assert found["parameter_bytes"] == 4 * (768_000_000 + 256)


def test_a_variant_that_takes_no_such_image_has_no_size_for_it(networks):
    levels = {"channels": (6, 16), "kernel_size": 999}
    with pytest.raises(VariantError):
        Sizes(networks, 10).count("lenet", levels, NATIVE)
    assert Sizes(networks, 10).megapixel("lenet", {**levels, "kernel_size": 2001}) == {}
