"""The base of everything that a study file says: frozen, and strict about what it is given.

And what it demands, in words: pydantic's own speak of inputs and types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

_KINDS = {
    "missing": "is required and missing",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping",
    "too_long": "must have at most {max_length} entries",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "literal_error": "must be one of {expected}",
}


class Strict(BaseModel):
    """A part of a study: unknown keys, and true or false in a number's place, are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, raw: object, info: ValidationInfo) -> object:
        if isinstance(raw, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError(f"must not be true or false, got {raw!r}")
        return raw


def demand(error: Mapping[str, Any]) -> str:
    """What the value of one of pydantic's errors should have been: `must be a whole number`."""
    told = _KINDS.get(error["type"])
    return told.format(**error.get("ctx", {})) if told else str(error["msg"])
