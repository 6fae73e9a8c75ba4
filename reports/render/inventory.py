"""Which files of a folder are a report's: a list among them, by which the next one clears up.

Called by `files`. A folder may hold a person's own files as well: only what is on the list, of the
same study, and still byte for byte as it was written is ever removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

LIST = "report-files.json"
RESULTS = "results.json"

Digests = dict[str, str]


def digests(files: Mapping[str, bytes]) -> Digests:
    """The sha256 of each file's content, by its path in the folder."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def inventory(study: str, held: Digests) -> bytes:
    """The content of the list."""
    return (json.dumps({"study": study, "files": held}, indent=2) + "\n").encode()


def former_files(folder: Path, study: str) -> Digests:
    """What the list of a former report of this study has; nothing where there is no such list."""
    try:
        listed = json.loads((folder / LIST).read_bytes())
        is_own = listed["study"] == study
        return {str(name): str(digest) for name, digest in listed["files"].items() if is_own}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}


def stale(former: Digests, present: Digests, formats: Collection[str]) -> list[str]:
    """The files of a former report that do not belong to the present one.

    Files of formats that were not asked for now stay as long as they show the same results: formats
    may be written one after the other.
    """
    is_same = former.get(RESULTS) == present[RESULTS]
    return [
        name
        for name in former
        if name not in present and not (is_same and Path(name).suffix[1:] not in formats)
    ]


def remove(folder: Path, names: Collection[str], former: Digests) -> None:
    """Remove files of a former report from its folder, unless somebody has changed them since."""
    for name in names:
        path = folder / name
        if _is_as_written(folder, path, former[name]):
            path.unlink()
            if path.parent != folder:
                with suppress(OSError):  # other files are in it
                    path.parent.rmdir()


def _is_as_written(folder: Path, path: Path, digest: str) -> bool:
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        return False
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest
