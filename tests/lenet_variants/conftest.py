"""What the contract says of a plug-in that a test makes."""

from __future__ import annotations

import pytest

import lenet_variants
from lenet_variants.contract import check_variant


@pytest.fixture
def broken(forget_variants):
    """The names and details of the broken promises of the variant that a builder makes."""

    def check(builder, **about):
        lenet_variants.register_variant("mine", source="this test", **about)(builder)
        return {one.name: one.detail for one in check_variant("mine") if not one.passed}

    return check
