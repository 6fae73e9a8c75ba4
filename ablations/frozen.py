"""What every part of a study file is: frozen, without unknown keys, and no truth for a number.

The base of the models in `spec` and `claims`; knows nothing of what they hold.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Frozen(BaseModel):
    """A part of a study file; numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, raw: Any, info: ValidationInfo) -> Any:
        if isinstance(raw, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError(f"must not be true or false, got {raw!r}")
        return raw
