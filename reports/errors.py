"""Every error of the package, in one tree.

    ReportError (ValueError)                   exit 2
    ├── TableError                             a run or curve table is not what it must be
    │   ├── DuplicateRunError                  two rows for one (arm, comparison, seed)
    │   └── UnknownMetricError (LookupError)   the table has no column of that name
    └── PlanError                              an analysis plan contradicts itself

Imports nothing of the project.
"""

from __future__ import annotations


class ReportError(ValueError):
    """Root of the errors that `reports` raises on purpose."""

    exit_code = 2


class TableError(ReportError):
    """A table of runs or curves breaks its schema."""


class DuplicateRunError(TableError):
    """Two rows claim the same arm, comparison and seed.

    Attributes:
        run_keys: The keys of both rows.
    """

    def __init__(self, message: str, run_keys: tuple[str, str]) -> None:
        super().__init__(message)
        self.run_keys = run_keys


class UnknownMetricError(TableError, LookupError):
    """The table has no column for a metric that the plan names."""


class PlanError(ReportError):
    """An analysis plan contradicts itself; carries every problem found.

    Attributes:
        problems: One sentence each.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"analysis plan: {len(problems)} problem(s){lines}")
