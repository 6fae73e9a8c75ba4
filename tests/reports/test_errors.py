"""The error tree, and what its members carry."""

from __future__ import annotations

import pytest

from reports.errors import (
    DuplicateRunError,
    PlanError,
    ReportError,
    TableError,
    UnknownMetricError,
)


@pytest.mark.parametrize("error", [TableError, DuplicateRunError, UnknownMetricError, PlanError])
def test_every_error_is_a_report_error_and_a_value_error(error):
    assert issubclass(error, ReportError)
    assert issubclass(error, ValueError)


def test_an_unknown_metric_is_also_a_lookup_error():
    assert issubclass(UnknownMetricError, LookupError)


def test_a_duplicate_carries_both_runs():
    assert DuplicateRunError("twice", ("a", "b")).run_keys == ("a", "b")


def test_a_plan_error_lists_every_problem():
    error = PlanError(("first", "second"))
    assert error.problems == ("first", "second")
    assert str(error) == "analysis plan: 2 problem(s)\n  first\n  second"
