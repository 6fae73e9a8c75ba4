"""torch's compiler kept out of processes that compile nothing.

Several functions of torch, each optimiser's step among them, load the compiler when first called,
only to tell it to leave them alone: a second of start-up and 70 MB a process. Called once a
process, by whoever plans or trains there.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

_NAME = "torch._dynamo"


class _StandIn(ModuleType):
    """Answers what is asked while nothing is compiled; for anything else the compiler is loaded."""

    @staticmethod
    def disable(function: Callable[..., Any], *_: object, **__: object) -> Callable[..., Any]:
        """What nobody compiles is left alone as it is."""
        return function

    @staticmethod
    def graph_break() -> None:
        """There is no graph."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(importlib.import_module(_NAME), name)


def leave_out() -> None:
    """Load the compiler when something is compiled and not before; it may be there already."""
    if _NAME not in sys.modules:
        sys.modules[_NAME] = torch._dynamo = _StandIn(_NAME)
