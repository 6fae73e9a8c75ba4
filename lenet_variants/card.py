"""The card of a variant: what it is, where it comes from, which levels it has, what it counts.

Study files are checked and keyed with cards, so nothing here may load torch; the networks
themselves are built elsewhere. A variant is a card that differs from its family in a few levels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Required, TypedDict, Unpack

from lenet_variants.errors import LevelError, VariantError, did_you_mean
from lenet_variants.levels import Level, Value

Shape = tuple[int, int, int]
Rule = Callable[[Mapping[str, Value]], dict[str, str]]
"""From all levels of a network to what is wrong with them together, by level."""


@dataclass(frozen=True)
class Counts:
    """The size of a network: learnable numbers, and work and links for one image."""

    n_parameters: int
    n_macs: int
    n_connections: int


class About(TypedDict, total=False):
    """What a card says beside its levels; `Card` explains each."""

    summary: Required[str]
    source: Required[str]
    counts: Required[Counts]
    native_input: Shape
    unspecified: tuple[str, ...]
    matched_to: str


@dataclass(frozen=True)
class Card:
    """What is known of a variant without building it.

    Attributes:
        name: Its name in studies and reports.
        family: The builder it shares with the other variants of its kind.
        summary: What it is, in one line.
        source: Where it comes from, so that a reader can check it.
        levels: What can be varied; each level's default is this variant's value.
        family_defaults: The family's value of every level; a variant is what differs from them.
        native_input: (channels, height, width) of the images it was designed for.
        n_classes: The number of classes it was designed for.
        counts: Its size at its native input, to be held against the counted one; None where a
            plug-in does not say.
        rules: What its levels must be together.
        revision: Raised when the family's networks change for equal levels.
        plugin_digest: sha256 of a plug-in's source; None for a built-in variant.
        unspecified: What the source leaves open or does otherwise, and what stands here instead.
        matched_to: The variant whose number of parameters sets this one's hidden sizes.
        place: The code that defines it.
    """

    name: str
    family: str
    summary: str
    source: str
    levels: Mapping[str, Level]
    family_defaults: Mapping[str, Value]
    native_input: Shape = (1, 28, 28)
    n_classes: int = 10
    counts: Counts | None = None
    rules: tuple[Rule, ...] = ()
    revision: int = 1
    plugin_digest: str | None = None
    unspecified: tuple[str, ...] = ()
    matched_to: str | None = None
    place: str = "lenet_variants.catalogue"

    @property
    def code(self) -> dict[str, str | int]:
        """What identifies the code that builds it: a revision, or a plug-in's source."""
        if self.plugin_digest is not None:
            return {"plugin": self.name, "sha256": self.plugin_digest}
        return {"family": self.family, "revision": self.revision}

    def to_dict(self) -> dict[str, object]:
        """What it says beside levels and sizes, in plain values ready for JSON."""
        return {
            "name": self.name,
            "family": self.family,
            "revision": self.revision,
            "summary": self.summary,
            "source": self.source,
            "native_input": list(self.native_input),
            "unspecified": list(self.unspecified),
        }

    def resolve(self, raw_levels: Mapping[str, object]) -> dict[str, Value]:
        """Every level of the variant with its value, checked; what is not given has its default.

        Raises:
            LevelError: Names every unknown level and every bad value at once.
        """
        problems = {name: self._unknown(name) for name in raw_levels if name not in self.levels}
        values: dict[str, Value] = {}
        for name, level in self.levels.items():
            try:
                values[name] = (
                    level.parse(raw_levels[name]) if name in raw_levels else level.default
                )
            except VariantError as error:
                problems[name] = str(error)
                values[name] = level.default
        if not problems.keys() & self.levels.keys():  # a conflict with a bad value says nothing
            problems |= self._conflicts(values)
        if problems:
            raise LevelError(self.name, problems)
        return values

    def identity(self, resolved: Mapping[str, Value]) -> dict[str, Value]:
        """The levels in which a network differs from its family's default, in one spelling.

        Two variants with the same identity are the same network: `lenet-relu`, and `lenet` with
        `activation=relu`. A level that a family gains later therefore moves no old identity.
        """
        spelled = {name: self.levels[name].canonical(resolved[name]) for name in self.levels}
        defaults = self.family_defaults
        return {
            name: value
            for name, value in spelled.items()
            if value != self.levels[name].canonical(defaults[name])
        }

    def but(self, name: str, changes: Mapping[str, object], **about: Unpack[About]) -> Card:
        """This card under another name, with some levels changed and all that is said of it new.

        Raises:
            LevelError: A change is no level of the family, or not a value it takes.
        """
        values = self.resolve(changes)
        levels = {key: replace(level, default=values[key]) for key, level in self.levels.items()}
        return replace(
            self,
            name=name,
            levels=levels,
            summary=about["summary"],
            source=about["source"],
            counts=about["counts"],
            native_input=about.get("native_input", self.native_input),
            unspecified=about.get("unspecified", ()),
            matched_to=about.get("matched_to"),
        )

    def _unknown(self, level: str) -> str:
        known = ", ".join(sorted(self.levels)) or "none"
        hint = did_you_mean(level, self.levels).rstrip()
        return f"no such level{'; ' if hint else ''}{hint} (levels: {known})"

    def _conflicts(self, values: Mapping[str, Value]) -> dict[str, str]:
        found = {name: level.conflict(values[name], values) for name, level in self.levels.items()}
        alone = {name: problem for name, problem in found.items() if problem is not None}
        if alone:  # the rules may count on lists of the right length
            return alone
        return {level: problem for rule in self.rules for level, problem in rule(values).items()}
