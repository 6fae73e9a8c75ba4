"""The kinds of level a variant can have: which values each takes, and how it reads a raw one.

Cards are made of these, study files are checked with them. Torch-free: a study file with a typing
error is refused before torch is loaded. A level does not know its own name; `Card.resolve` adds it.
"""

# ruff: noqa: D102 (the methods of a level are documented once, on `Level`)
from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real

from lenet_variants.errors import VariantError, did_you_mean

Value = str | int | float | bool | tuple["Value", ...]


@dataclass(frozen=True)
class Level(ABC):
    """One thing that may vary in a network, with its default.

    Attributes:
        default: The variant's own value.
        layers: Stems of the names of all layers it may add, remove or set; what follows them may
            change its sizes only. Empty where that is not known, as for plug-ins.
    """

    default: Value
    layers: tuple[str, ...] = field(default=(), kw_only=True)

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

    @abstractmethod
    def neighbours(self, value: Value) -> tuple[Value, ...]:
        """Values near `value` and other than it, some of which other levels may not allow.

        A network at any of them must differ from the network at `value`.
        """

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
        hint = did_you_mean(raw, self.words).rstrip()
        near = f"; {hint}" if hint else ""
        raise VariantError(
            f"expected one of {len(self.words)} words, got {raw!r}{near} (allowed: {self.allowed})"
        )

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        return tuple(word for word in self.words if word != value)


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

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        del value  # no telling which other words it takes
        return ()


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

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        return (not value,)


@dataclass(frozen=True)
class Number(Level):
    """A finite number, from `low` up and below `below` where these are given."""

    low: float | None = None
    below: float | None = None

    @property
    def allowed(self) -> str:
        bounds = [] if self.low is None else [f">= {self.low:g}"]
        bounds += [] if self.below is None else [f"< {self.below:g}"]
        return " ".join(["a finite number", " and ".join(bounds)]).strip()

    def parse(self, raw: object) -> float:
        number = math.nan
        if isinstance(raw, Real | str) and not isinstance(raw, bool):
            try:
                number = float(raw)  # YAML 1.1 reads 1e-3 as text
            except ValueError:
                number = math.nan
        low = -math.inf if self.low is None else self.low
        if math.isfinite(number) and low <= number < (
            math.inf if self.below is None else self.below
        ):
            return number
        raise VariantError(f"expected {self.allowed}, got {raw!r}; write it like 0.5 or 1.0e-3")

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        number = self.parse(value)
        room = 1.0 if self.below is None else self.below - number
        near = (number / 2, number + room / 4, number + room / 2)
        return tuple(other for other in near if other != number)


@dataclass(frozen=True)
class Integer(Level):
    """An integer, from `low` up if there is a lowest."""

    low: int | None = None

    @property
    def allowed(self) -> str:
        return _integer_in_words(self.low)

    def parse(self, raw: object) -> int:
        number = _integer(raw, self.low)
        if number is None:
            raise VariantError(f"expected {self.allowed}, got {raw!r}; write it like 3")
        return number

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        return _around(self.parse(value), self.low)


@dataclass(frozen=True)
class Integers(Level):
    """A list of integers, each from `low` up, with at least `shortest` of them."""

    low: int | None = None
    shortest: int = 0

    @property
    def allowed(self) -> str:
        least = f"at least {self.shortest} of them" if self.shortest else "possibly empty"
        return f"a list of integers, each {_integer_in_words(self.low)}, {least}"

    def parse(self, raw: object) -> tuple[int, ...]:
        numbers = _integers(raw, self.low)
        if numbers is None or len(numbers) < self.shortest:
            raise VariantError(
                f"expected {self.allowed}, got {raw!r}; "
                "write one value as [6, 16], and a factor as a list of such lists"
            )
        return numbers

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        numbers = self.parse(value)
        *short, last = numbers or (8,)
        near = [(*numbers[:at], one + 1, *numbers[at + 1 :]) for at, one in enumerate(numbers)]
        near += [(*short, other) for other in _around(last, self.low)]
        near += [(*numbers, last)] + ([tuple(short)] if len(short) >= self.shortest else [])
        return tuple(other for other in dict.fromkeys(near) if other != numbers)


@dataclass(frozen=True)
class _EachBlock(Level):
    """One value for all convolution blocks, or a list with one for each."""

    blocks: str = field(default="channels", kw_only=True)  # its length is the number of blocks

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
            f"expected one value for each of the {len(blocks)} blocks ({self.blocks} "
            f"{list(blocks)}), got {list(value)!r}; give {len(blocks)} of them, or one for all"
        )


@dataclass(frozen=True)
class PerBlock(_EachBlock):
    """One integer for all convolution blocks, or a list with one for each."""

    low: int = 0

    @property
    def allowed(self) -> str:
        return f"{_integer_in_words(self.low)}, or a list of one for each of {self.blocks}"

    def parse(self, raw: object) -> Value:
        number = _integer(raw, self.low)
        value = _integers(raw, self.low) if number is None else number
        if value is None or value == ():
            raise VariantError(f"expected {self.allowed}, got {raw!r}; write it like 2 or [2, 0]")
        return value

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        if not isinstance(value, tuple):
            return _around(_whole(value), self.low)
        near = [_around(_whole(one), self.low) for one in value]
        each = [
            (*value[:at], other, *value[at + 1 :]) for at, some in enumerate(near) for other in some
        ]
        return tuple(each)


@dataclass(frozen=True)
class ChoicePerBlock(_EachBlock):
    """One of a closed set of words for all convolution blocks, or a list with one for each."""

    words: tuple[str, ...] = field(kw_only=True)

    @property
    def allowed(self) -> str:
        words = ", ".join(sorted(self.words))
        return f"{words}, or a list of one of these for each of {self.blocks}"

    def parse(self, raw: object) -> Value:
        given = list(raw) if isinstance(raw, list | tuple) else [raw]
        wrong = [one for one in given if one not in self.words]
        if wrong or not given:
            near = did_you_mean(wrong[0], self.words) if wrong else ""
            raise VariantError(
                f"expected {self.allowed}, got {raw!r}; {near}write it like "
                f"{self.words[0]} or [{self.words[0]}, {self.words[-1]}]"
            )
        words = tuple(str(one) for one in given)
        return words if isinstance(raw, list | tuple) else words[0]

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        if not isinstance(value, tuple):
            return tuple(word for word in self.words if word != value)
        return tuple(
            (*value[:at], word, *value[at + 1 :])
            for at, one in enumerate(value)
            for word in self.words
            if word != one
        )


def each_block(value: Value, n_blocks: int) -> tuple[Value, ...]:
    """The value of each block, of a level that may say it once for all of them."""
    return value if isinstance(value, tuple) else (value,) * n_blocks


def _around(number: int, low: int | None) -> tuple[int, ...]:
    below = number - 1
    return (number + 1, below) if low is None or below >= low else (number + 1,)


def _whole(value: Value) -> int:
    """A checked value of a level of integers."""
    assert isinstance(value, int)  # noqa: S101 (parsed before)
    return value


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
