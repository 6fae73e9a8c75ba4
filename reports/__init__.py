"""Reports: from recorded runs to tables, verdicts, figures and pages.

The names below load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.analysis import analyse
    from reports.collect import collect_runs
    from reports.errors import ReportError
    from reports.plan import AnalysisPlan, ArmFacts, ClaimSpec, ContrastSpec, Endpoint
    from reports.results import Results

__all__ = [
    "AnalysisPlan",
    "ArmFacts",
    "ClaimSpec",
    "ContrastSpec",
    "Endpoint",
    "ReportError",
    "Results",
    "analyse",
    "collect_runs",
]

_HOMES = {
    "AnalysisPlan": "plan",
    "ArmFacts": "plan",
    "ClaimSpec": "plan",
    "ContrastSpec": "plan",
    "Endpoint": "plan",
    "ReportError": "errors",
    "Results": "results",
    "analyse": "analysis",
    "collect_runs": "collect",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    return getattr(import_module(f"reports.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
