"""The base of everything that a study file says: frozen, and strict about what it is given."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Strict(BaseModel):
    """A part of a study: unknown keys, and true or false in a number's place, are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, raw: object, info: ValidationInfo) -> object:
        if isinstance(raw, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError(f"must not be true or false, got {raw!r}")
        return raw
