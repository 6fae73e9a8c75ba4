"""The errors of this package. Imports nothing, so that every module may raise them.

VariantError (ValueError)          a network that cannot be described, built or run
├── UnknownVariantError (LookupError)   no variant has this name
├── DuplicateVariantError               two variants want one name
├── BuilderError                        a user's builder failed, and did not refuse by ValueError
├── LevelError                          levels a variant does not have or values they do not take
└── PluginError                         a user's file that cannot be loaded
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class VariantError(ValueError):
    """A network that cannot be described, built or run."""


class UnknownVariantError(VariantError, LookupError):
    """No variant has this name."""


class DuplicateVariantError(VariantError):
    """Two variants want one name."""


class PluginError(VariantError):
    """A user's file that cannot be loaded."""


class BuilderError(VariantError):
    """A user's builder raised what is no refusal: a mistake in it, and not in the request."""


class LevelError(VariantError):
    """Levels that a variant does not have, or values that they do not take.

    Attributes:
        variant: The name of the variant that was asked.
        problems: For each level at fault, what was expected and what came.
    """

    def __init__(self, variant: str, problems: Mapping[str, str]) -> None:
        self.variant = variant
        self.problems = dict(problems)
        lines = [f"{level}: {problem}" for level, problem in self.problems.items()]
        if len(lines) == 1:
            super().__init__(f"{variant} {lines[0]}")
        else:
            super().__init__("\n  ".join([f"{variant}: {len(lines)} levels are wrong", *lines]))

    def __reduce__(self) -> tuple[type[LevelError], tuple[str, dict[str, str]]]:
        # The default would call __init__ with the message alone when a worker sends it home.
        return type(self), (self.variant, self.problems)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`"did you mean 'relu'? "` if a known name is near, else nothing."""
    near = difflib.get_close_matches(str(name).lower(), list(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""
