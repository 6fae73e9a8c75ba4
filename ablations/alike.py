"""Records of thousands of runs held in little memory: what is alike in them is held once.

Called by the runner. A record comes from its worker with its own copy of the recipe, the levels and
the environment of its arm, which is most of it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from ablations.record import RunRecord


class Alike:
    """Parts of the records seen so far; they must not be changed by whoever holds a record."""

    def __init__(self) -> None:
        self._parts: dict[tuple[object, ...], dict[str, Any]] = {}
        self._environments: dict[str, Any] = {}

    def slim(self, record: RunRecord) -> RunRecord:
        """An equal record that shares with earlier ones what is equal in them."""
        environment = record.environment
        text = f"{environment.env_key} {sorted(environment.software.items())}"
        return replace(
            record,
            spec=self._shared(record.spec),
            environment=self._environments.setdefault(text, environment),
            metrics={sys.intern(name): value for name, value in record.metrics.items()},
            curves={sys.intern(name): values for name, values in record.curves.items()},
        )

    def _shared(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        made = {sys.intern(key): self._shared(one) for key, one in value.items()}
        # By identity of what is shared already, by type and text of the rest: 1 is not 1.0.
        key = tuple(
            (name, id(one) if isinstance(one, dict) else (type(one), repr(one)))
            for name, one in made.items()
        )
        return self._parts.setdefault(key, made)
