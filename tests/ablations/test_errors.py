"""The error tree: what a caller may catch, and which exit code the command line gives."""

from __future__ import annotations

import pickle

import pytest

from ablations import errors


@pytest.mark.parametrize(
    ("kind", "builtin", "exit_code"),
    [
        (errors.DataError, ValueError, 2),
        (errors.StudyNotFoundError, LookupError, 2),
        (errors.RunNotFoundError, LookupError, 2),
        (errors.LockedError, RuntimeError, 2),
        (errors.StoreError, ConnectionError, 3),
    ],
)
def test_error_is_caught_as_the_builtin_a_caller_expects(kind, builtin, exit_code):
    assert issubclass(kind, errors.AblationsError)
    assert issubclass(kind, builtin)
    assert kind.exit_code == exit_code


def test_spec_error_lists_every_problem_under_its_file():
    error = errors.SpecError("a.yaml", ["seeds: is empty", "study: is missing"])
    assert isinstance(error, ValueError)
    assert error.exit_code == 2
    assert str(error) == "a.yaml: 2 problems\n  seeds: is empty\n  study: is missing"
    assert error.problems == ("seeds: is empty", "study: is missing")


def test_spec_error_counts_one_problem_in_the_singular():
    assert str(errors.SpecError("a.yaml", ["x"])).startswith("a.yaml: 1 problem\n")


def test_spec_error_survives_the_way_home_from_a_worker():
    error = errors.SpecError("a.yaml", ["x: bad", "y: bad"])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    assert (again.where, again.problems) == (error.where, error.problems)
    assert str(again) == str(error)


def test_nearest_suggests_a_misspelt_name_and_nothing_for_a_strange_one():
    assert errors.nearest("epoch", ["epochs", "optimizer"]) == "did you mean 'epochs'? "
    assert errors.nearest("zzz", ["epochs", "optimizer"]) == ""
