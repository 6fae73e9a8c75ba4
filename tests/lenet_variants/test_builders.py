"""The one place that makes a network."""

from __future__ import annotations

import pytest

from lenet_variants import builders, catalogue
from lenet_variants.errors import VariantError


@pytest.mark.parametrize("input_shape", [(28, 28), (1, 28, 0), (1.0, 28, 28), (1, 28, 28, 1)])
def test_an_input_that_is_no_shape_is_refused(input_shape):
    lenet = catalogue.find("lenet")
    with pytest.raises(VariantError, match=r"lenet: expected an input of \(channels, height, wi"):
        builders.build(lenet, input_shape, 10, lenet.resolve({}))


@pytest.mark.parametrize("n_classes", [0, True, 2.0])
def test_a_number_of_classes_that_is_none_is_refused(n_classes):
    lenet = catalogue.find("lenet")
    with pytest.raises(VariantError, match=rf"number of classes >= 1, got {n_classes}"):
        builders.build(lenet, (1, 28, 28), n_classes, lenet.resolve({}))


def test_a_failure_carries_the_variants_name():
    narrow = catalogue.find("lenet-narrow")
    with pytest.raises(VariantError, match=r"^lenet-narrow conv1: "):
        builders.build(narrow, (1, 3, 3), 10, narrow.resolve({}))
