"""Studies: what is asked, what is trained, and where it is recorded.

The names below load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ablations.errors import AblationsError, DataError, SpecError, StoreError
    from ablations.plan import Plan, RunSpec
    from ablations.record import RunRecord, RunState
    from ablations.runner import run_study
    from ablations.spec import StudySpec
    from ablations.study_file import load_study

__all__ = [
    "AblationsError",
    "DataError",
    "Plan",
    "RunRecord",
    "RunSpec",
    "RunState",
    "SpecError",
    "StoreError",
    "StudySpec",
    "load_study",
    "run_study",
]

_HOMES = {
    "AblationsError": "errors",
    "DataError": "errors",
    "Plan": "plan",
    "RunRecord": "record",
    "RunSpec": "plan",
    "RunState": "record",
    "SpecError": "errors",
    "StoreError": "errors",
    "StudySpec": "spec",
    "load_study": "study_file",
    "run_study": "runner",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'ablations' has no attribute {name!r}")
    return getattr(import_module(f"ablations.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
