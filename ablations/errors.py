"""Every error of the package, in one tree; the command line turns each into an exit code.

    AblationsError
    ├── SpecError (ValueError)            exit 2   a study file or an option is wrong
    ├── DataError (ValueError)            exit 2   a data set is missing, corrupt or misfit
    ├── StudyNotFoundError (LookupError)  exit 2   no study of that name in the store
    ├── RunNotFoundError (LookupError)    exit 2   no one run of that key in the store
    ├── SealedTestError (RuntimeError)    no exit  a trial read the test images; it fails
    ├── LockedError (RuntimeError)        exit 2   another driver is at work
    └── StoreError (ConnectionError)      exit 3   the tracking store cannot be reached

Imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


class AblationsError(Exception):
    """Root of the errors that `ablations` raises on purpose."""

    exit_code = 2


class SpecError(AblationsError, ValueError):
    """A study file, or what it asks for, is wrong; carries every problem found.

    Attributes:
        where: The file (or other source) the problems were found in.
        problems: One sentence each: key path, what was expected, what came, what to do.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{where}: {counted(len(self.problems), 'problem')}\n{lines}")

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, tuple[str, ...]]]:
        # The default would call __init__ with the message alone when a worker sends it home.
        return type(self), (self.where, self.problems)


class DataError(AblationsError, ValueError):
    """A data set cannot be found, fetched, verified or used as asked."""


class StudyNotFoundError(AblationsError, LookupError):
    """The store holds no study of that name."""


class RunNotFoundError(AblationsError, LookupError):
    """The store holds no run of that key, or several that begin like it."""


class SealedTestError(AblationsError, RuntimeError):
    """A trial asked for the test images, by which no recipe may be chosen."""


class LockedError(AblationsError, RuntimeError):
    """Another process holds the working folder, or the store."""


class StoreError(AblationsError, ConnectionError):
    """The tracking store cannot be reached, or refuses to be written."""

    exit_code = 3


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint for a misspelt `name`: `did you mean 'relu'? ` or nothing."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}? " if close else ""
