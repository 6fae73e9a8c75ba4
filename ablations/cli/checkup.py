"""What `doctor` looks at: store, data, device, and what earlier drivers left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ablations import data, devices
from ablations.cleaning import find, size
from ablations.cli.terminal import byte_text
from ablations.errors import AblationsError, StoreError, counted
from ablations.tracking.locks import is_driven
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import MlflowStore, exists
from ablations.tracking.store import tracking_uri as resolved_uri


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    subject: str
    is_ok: bool
    text: str


def findings(tracking_uri: str | None, work_dir: Path, data_dir: Path | None) -> list[Finding]:
    """Everything `doctor` checks, in order."""
    uri = resolved_uri(tracking_uri)
    is_held = is_driven(work_dir, uri)
    return [
        *_store(uri, is_driven=is_held),
        _outbox(work_dir),
        _remains(work_dir, is_driven=is_held),
        _data(data_dir),
        _device(),
    ]


def _store(uri: str, *, is_driven: bool) -> Iterator[Finding]:
    if not exists(uri):
        yield Finding("store", is_ok=True, text=f"{uri} is not there yet; the first run makes it")
        return
    try:
        store = MlflowStore(uri)
        runs = store.stored_runs()
        yield Finding("store", is_ok=True, text=f"{uri} answers; {len(runs)} runs")
        lost = store.studies_without_artifacts()
        for study, place in lost:
            yield Finding(
                "artifacts",
                is_ok=False,
                text=f"study {study!r}: {place} is gone, where its artifacts were; move it back",
            )
        if not lost:
            yield Finding(
                "artifacts", is_ok=True, text="every study's folder is where the store says"
            )
        yield _stale(store, is_driven=is_driven)
    except StoreError as error:
        yield Finding("store", is_ok=False, text=str(error))


def _stale(store: MlflowStore, *, is_driven: bool) -> Finding:
    names = store.open_studies()
    if is_driven or not names:
        return Finding(
            "drivers", is_ok=True, text="none died" if not is_driven else "one is working now"
        )
    listed = ", ".join(names)
    text = (
        f"marked RUNNING, but no driver is here: {listed}; run them again to go on, "
        "or end them: ablations clean"
    )
    return Finding("drivers", is_ok=False, text=text)


def _outbox(work_dir: Path) -> Finding:
    n_waiting = sum(1 for _ in Outbox(work_dir).entries())
    text = (
        f"{counted(n_waiting, 'run')} waiting in {work_dir}: ablations sync"
        if n_waiting
        else "empty"
    )
    return Finding("outbox", is_ok=not n_waiting, text=text)


def _remains(work_dir: Path, *, is_driven: bool) -> Finding:
    """Of the folder alone: a driver at work has half-written files of its own."""
    useless = () if is_driven else find(work_dir, None).useless
    text = (
        f"{counted(len(useless), 'half-written file')} ({byte_text(size(useless))}): "
        "ablations clean"
        if useless
        else "nothing half-written"
    )
    return Finding("remains", is_ok=not useless, text=text)


def _data(data_dir: Path | None) -> Finding:
    try:
        found = data.load("fashion-mnist", data_dir=data_dir, download=False)
    except AblationsError as error:
        first_line = str(error).partition("\n")[0]
        return Finding(
            "fashion-mnist", is_ok=False, text=f"{first_line}; ablations data fetch fashion-mnist"
        )
    return Finding("fashion-mnist", is_ok=True, text=f"verified, from {found.source}")


def _device() -> Finding:
    device = devices.choose("auto")
    return Finding(
        "device", is_ok=True, text=f"{device.type}: {devices.environment(device).device_model}"
    )
