"""Finished runs that the store does not have yet, one folder each, in the working folder.

An entry is written whole before the store is called and removed once the store has it, so a store
that is down, or a driver that dies, costs no finished run. It is never seen in part: it is written
and removed under a name that begins with a dot. Knows files, and nothing of MLflow.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ablations import faults
from ablations.record import RECORD_FILE, Measurement, RunRecord

ENTRY_FILE = "entry.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """What is to be stored: a run's record, or measurements added to a run already stored.

    Attributes:
        tracking_uri: The store it is for.
        study: The study it belongs to there.
        record: None if only `measurements` are added.
        files: Artifacts by name.
    """

    tracking_uri: str
    study: str
    run_key: str
    env_key: str
    attempt: int
    record: RunRecord | None
    measurements: tuple[Measurement, ...]
    files: Mapping[str, bytes]


class Outbox:
    """The entries in one working folder."""

    def __init__(self, work_dir: Path) -> None:
        self.folder = work_dir / "outbox"

    def put(self, entry: Entry) -> Path:
        """Write an entry whole, then give it its name.

        Raises:
            OSError: It cannot be written, such as on a full disk; nothing of it is left behind.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=self.folder))
        try:
            _write(staging, entry)
            faults.reach("entry_unnamed")
            return staging.rename(self._free_name(entry))
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)
            raise

    def _free_name(self, entry: Entry) -> Path:
        stem = f"{entry.run_key[:16]}-{entry.attempt}"
        taken = [int(path.name.rpartition("-")[2]) for path in self.folder.glob(f"{stem}-*")]
        return self.folder / f"{stem}-{max(taken, default=-1) + 1}"

    def entries(self, tracking_uri: str | None = None) -> Iterator[tuple[Path, Entry]]:
        """Every whole entry, oldest first; those of one store if it is named."""
        folders = [path for path in self.folder.glob("*-*") if not path.name.startswith(".")]
        for path in sorted(folders, key=lambda folder: folder.stat().st_mtime_ns):
            try:
                entry = _read(path)
            except (OSError, ValueError, KeyError, TypeError) as error:
                _log.warning(
                    "outbox entry %s cannot be read (%s); it is left where it is", path, error
                )
                continue
            if tracking_uri in (None, entry.tracking_uri):
                yield path, entry

    @staticmethod
    def remove(path: Path) -> None:
        """Drop an entry that the store has."""
        going = path.rename(path.with_name(f".removing-{path.name}"))
        faults.reach("entry_removing")
        shutil.rmtree(going)

    def unfinished(self) -> list[Path]:
        """Folders of entries that a driver was writing or removing when it died.

        Asked under the driver's lock: they may be those of a driver at work.
        """
        return sorted(self.folder.glob(".*-*"))

    def sweep(self) -> None:
        """Remove what `unfinished` finds."""
        for path in self.unfinished():
            shutil.rmtree(path)


def _write(folder: Path, entry: Entry) -> None:
    plain = {
        "tracking_uri": entry.tracking_uri,
        "study": entry.study,
        "run_key": entry.run_key,
        "env_key": entry.env_key,
        "attempt": entry.attempt,
        "is_trained": entry.record is not None,
        "measurements": [asdict(item) for item in entry.measurements],
    }
    (folder / ENTRY_FILE).write_text(json.dumps(plain, indent=1), encoding="utf-8")
    faults.reach("entry_half_written")
    if entry.record is not None:
        (folder / RECORD_FILE).write_text(entry.record.to_json(), encoding="utf-8")
    for name, content in entry.files.items():
        (folder / name).write_bytes(content)


def _read(path: Path) -> Entry:
    plain = json.loads((path / ENTRY_FILE).read_text(encoding="utf-8"))
    record = None
    if plain.pop("is_trained"):
        record = RunRecord.from_json((path / RECORD_FILE).read_text(encoding="utf-8"))
    own = (ENTRY_FILE, RECORD_FILE)
    files = {item.name: item.read_bytes() for item in path.iterdir() if item.name not in own}
    plain["measurements"] = tuple(Measurement(**item) for item in plain["measurements"])
    return Entry(**plain, record=record, files=files)
