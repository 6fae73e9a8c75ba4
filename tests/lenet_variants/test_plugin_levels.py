"""Levels read from the signature of a builder."""

from __future__ import annotations

from typing import Literal

import pytest

from lenet_variants.errors import VariantError
from lenet_variants.levels import Choice, Flag, Integer, Integers, Number, Text
from lenet_variants.plugin_levels import levels_of


def test_defaults_give_the_types_and_literal_the_words():
    def build(
        input_shape,
        n_classes,
        *,
        width: int = 8,
        rate: float = 1,
        depths=(2, 3),
        kind: Literal["a", "b"] = "a",
        title="x",
        bias: bool = True,
    ):
        del input_shape, n_classes, width, rate, depths, kind, title, bias

    assert levels_of(build, "here", {}) == {
        "width": Integer(8),
        "rate": Number(1.0),
        "depths": Integers((2, 3)),
        "kind": Choice("a", words=("a", "b")),
        "title": Text("x"),
        "bias": Flag(default=True),
    }


def positional_level(input_shape, n_classes, width=8):
    del input_shape, n_classes, width


def one_parameter(input_shape, *, width=8):
    del input_shape, width


def open_ended(input_shape, n_classes, **levels):
    del input_shape, n_classes, levels


def no_default(input_shape, n_classes, *, width):
    del input_shape, n_classes, width


def no_value(input_shape, n_classes, *, width=None):
    del input_shape, n_classes, width


def not_its_word(input_shape, n_classes, *, kind: Literal["a"] = "b"):
    del input_shape, n_classes, kind


def numbers_as_words(input_shape, n_classes, *, kind: Literal[1, 2] = 1):
    del input_shape, n_classes, kind


def taken_name(input_shape, n_classes, *, name="x"):
    del input_shape, n_classes, name


def unread_hint(input_shape, n_classes, *, width: Missing = 3):  # noqa: F821
    del input_shape, n_classes, width


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (positional_level, r"got \(input_shape, n_classes, width=8\); put a \* before"),
        (one_parameter, r"expected a builder \(input_shape, n_classes, \*, level=default"),
        (open_ended, r"got \(input_shape, n_classes, \*\*levels\)"),
        (no_default, "level 'width': expected a default, got none"),
        (no_value, "level 'width': expected a default that is .*got None"),
        (not_its_word, "level 'kind': .* got 'b'"),
        (numbers_as_words, "level 'kind': .* got 1"),
        (taken_name, "level 'name': expected another name"),
        (unread_hint, "'Missing' is not defined; import that name at the top"),
    ],
)
def test_other_signatures_are_refused(builder, message):
    with pytest.raises(VariantError, match=f"^here.*{message}"):
        levels_of(builder, "here", {})


def test_levels_may_name_their_layers():
    def build(input_shape, n_classes, *, width: int = 8, act="relu"):
        del input_shape, n_classes, width, act

    levels = levels_of(build, "here", {"act": ["act", "norm"]})
    assert levels["act"].layers == ("act", "norm")
    assert levels["width"].layers == ()
    with pytest.raises(VariantError, match=r"here: expected the layers of its levels .* 'wdth'"):
        levels_of(build, "here", {"wdth": ["fc"]})
