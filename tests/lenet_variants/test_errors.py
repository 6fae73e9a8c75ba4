"""The error tree and its nearest names."""

from __future__ import annotations

import pickle

import pytest

from lenet_variants import errors


def test_one_level_fits_on_one_line_and_several_are_listed():
    one = errors.LevelError("lenet", {"padding": "expected 1, got 2"})
    two = errors.LevelError("lenet", {"padding": "expected 1, got 2", "hue": "no such level"})
    assert str(one) == "lenet padding: expected 1, got 2"
    assert str(two).splitlines() == [
        "lenet: 2 levels are wrong",
        "  padding: expected 1, got 2",
        "  hue: no such level",
    ]


def test_level_errors_come_home_from_a_worker():
    error = errors.LevelError("lenet", {"padding": "expected 1, got 2"})
    home = pickle.loads(pickle.dumps(error))  # noqa: S301 (made in the line itself)
    assert (str(home), home.problems) == (str(error), error.problems)


@pytest.mark.parametrize(
    "kind",
    [
        errors.UnknownVariantError,
        errors.DuplicateVariantError,
        errors.LevelError,
        errors.PluginError,
    ],
)
def test_every_error_is_a_variant_error_and_a_value_error(kind):
    assert issubclass(kind, errors.VariantError)
    assert issubclass(kind, ValueError)


def test_near_names_are_found_whatever_their_case():
    assert errors.did_you_mean("ReLu", ["relu", "gelu"]) == "did you mean 'relu'? "
    assert errors.did_you_mean("cubic", ["relu", "gelu"]) == ""
