"""The kinds of level a variant can have: which values each takes, and how it reads a raw one.

Cards are made of these, study files are checked with them. Torch-free: a study file with a typing
error is refused before torch is loaded. A level does not know its own name; `Card.resolve` adds it.
"""

# ruff: noqa: D102 (the methods of a level are documented once, on `Level`)
from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real

from lenet_variants.errors import VariantError, did_you_mean

Value = str | int | float | bool | tuple["Value", ...]


@dataclass(frozen=True)
class Level(ABC):
    """One thing that may vary in a network, with its default."""

    default: Value

    @property
    @abstractmethod
    def allowed(self) -> str:
        """The values it takes, in words that end an error message."""

    @abstractmethod
    def parse(self, raw: object) -> Value:
        """`raw`, as YAML or a caller gives it, as a value of this level.

        Raises:
            VariantError: `raw` is none of the allowed values.
        """

    def canonical(self, value: Value) -> Value:
        """The one spelling of all values that mean the same network."""
        return value

    def conflict(self, value: Value, others: Mapping[str, Value]) -> str | None:
        """What is wrong with `value` beside the variant's other levels, if anything."""
        del value, others  # most levels stand alone
        return None


@dataclass(frozen=True)
class Choice(Level):
    """One of a closed set of words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(sorted(self.words))

    def parse(self, raw: object) -> Value:
        if isinstance(raw, str) and raw in self.words:
            return raw
        near = did_you_mean(raw, self.words)
        raise VariantError(
            f"expected one of {len(self.words)} words, got {raw!r}; {near}(allowed: {self.allowed})"
        )


@dataclass(frozen=True)
class Text(Level):
    """Any words; a plug-in's `str` parameter without `Literal`."""

    @property
    def allowed(self) -> str:
        return "any text"

    def parse(self, raw: object) -> Value:
        if isinstance(raw, str):
            return raw
        raise VariantError(f"expected text, got {raw!r}; put it in quotes")


@dataclass(frozen=True)
class Flag(Level):
    """True or false."""

    @property
    def allowed(self) -> str:
        return "false, true"

    def parse(self, raw: object) -> Value:
        if isinstance(raw, bool):
            return raw
        raise VariantError(f"expected true or false, got {raw!r}; write it without quotes")


@dataclass(frozen=True)
class Number(Level):
    """A finite number."""

    @property
    def allowed(self) -> str:
        return "a finite number"

    def parse(self, raw: object) -> Value:
        number = math.nan
        if isinstance(raw, Real | str) and not isinstance(raw, bool):
            try:
                number = float(raw)  # YAML 1.1 reads 1e-3 as text
            except ValueError:
                number = math.nan
        if math.isfinite(number):
            return number
        raise VariantError(f"expected {self.allowed}, got {raw!r}; write it like 0.5 or 1.0e-3")


@dataclass(frozen=True)
class Integer(Level):
    """An integer, from `low` up if there is a lowest."""

    low: int | None = None

    @property
    def allowed(self) -> str:
        return _integer_in_words(self.low)

    def parse(self, raw: object) -> Value:
        number = _integer(raw, self.low)
        if number is None:
            raise VariantError(f"expected {self.allowed}, got {raw!r}; write it like 3")
        return number


@dataclass(frozen=True)
class Integers(Level):
    """A list of integers, each from `low` up, with at least `shortest` of them."""

    low: int | None = None
    shortest: int = 0

    @property
    def allowed(self) -> str:
        least = f"at least {self.shortest} of them" if self.shortest else "possibly empty"
        return f"a list of integers, each {_integer_in_words(self.low)}, {least}"

    def parse(self, raw: object) -> Value:
        numbers = _integers(raw, self.low)
        if numbers is None or len(numbers) < self.shortest:
            raise VariantError(
                f"expected {self.allowed}, got {raw!r}; "
                "write one value as [6, 16], and a factor as a list of such lists"
            )
        return numbers


@dataclass(frozen=True)
class PerBlock(Level):
    """One integer for all convolution blocks, or a list with one for each."""

    low: int = 0
    blocks: str = "channels"  # the level whose length is the number of blocks

    @property
    def allowed(self) -> str:
        return f"{_integer_in_words(self.low)}, or a list of one for each of {self.blocks}"

    def parse(self, raw: object) -> Value:
        number = _integer(raw, self.low)
        value = _integers(raw, self.low) if number is None else number
        if value is None or value == ():
            raise VariantError(f"expected {self.allowed}, got {raw!r}; write it like 2 or [2, 0]")
        return value

    def canonical(self, value: Value) -> Value:
        alike = isinstance(value, tuple) and len(set(value)) == 1
        return value[0] if isinstance(value, tuple) and alike else value

    def conflict(self, value: Value, others: Mapping[str, Value]) -> str | None:
        blocks = others[self.blocks]
        if not isinstance(value, tuple) or not isinstance(blocks, tuple):
            return None
        if len(value) == len(blocks):
            return None
        return (
            f"expected one integer for each of the {len(blocks)} {self.blocks} {list(blocks)}, "
            f"got {list(value)!r}; give {len(blocks)} of them, or one integer for all"
        )


def _integer_in_words(low: int | None) -> str:
    return "an integer" if low is None else f"an integer >= {low}"


def _integer(raw: object, low: int | None) -> int | None:
    """`raw` as an integer (6.0 is 6; true is not 1), or None if it is not one from `low` up."""
    if isinstance(raw, bool) or not isinstance(raw, Integral | float):
        return None
    if isinstance(raw, float) and not raw.is_integer():
        return None
    number = int(raw)
    return number if low is None or number >= low else None


def _integers(raw: object, low: int | None) -> tuple[int, ...] | None:
    if not isinstance(raw, list | tuple):
        return None
    numbers = [_integer(item, low) for item in raw]
    return None if None in numbers else tuple(number for number in numbers if number is not None)
