"""Which commit of a git repository a study is run and reported from.

Called by the runner, which keeps it with every run, and by `reports.provenance`.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

GIT_SECONDS = 5.0


@dataclass(frozen=True)
class Commit:
    """What is checked out.

    Attributes:
        sha: Of the commit.
        dirty: Whether files that git knows differ from it, as in `git describe --dirty`.
    """

    sha: str
    dirty: bool


def commit(folder: Path) -> Commit | None:
    """The commit checked out in `folder`; None outside git, or where git cannot be asked."""
    sha = _git(folder, "rev-parse", "HEAD")
    if sha is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Commit(sha, dirty=bool(changes)) if changes is not None else None


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 (fixed words, no shell)
            ["git", "-C", str(folder), *words],  # noqa: S607 (whichever git the user has)
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
