"""Published sets of four idx files: found on disk, or fetched, and verified byte for byte.

`fashion` and `mnist` declare their sets here; `sources` calls `obtain`. A file that is not the
published one is named and passed over: it is never returned. Knows nothing of tensors.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from filelock import FileLock
from platformdirs import user_cache_dir

from ablations.data import idx
from ablations.data.dataset import Dataset, assemble
from ablations.errors import DataError

SYSTEM_FOLDER = Path("/usr/share/datasets")

_log = logging.getLogger(__name__)
_LEFTOVER = ".fetch-"


@dataclass(frozen=True)
class Pin:
    """What a file must hash to: its unpacked bytes, or (`packed`) the `.gz` as published."""

    algorithm: Literal["sha256", "md5"]
    digest: str
    packed: bool = False


@dataclass(frozen=True)
class Route:
    """A way to fetch a set: `fetch` puts its files into the folder given, or raises."""

    label: str
    fetch: Callable[[Path], None]


@dataclass(frozen=True)
class PublishedSet:
    """Four idx files that the world agrees on.

    Attributes:
        torchvision_name: The class in `torchvision.datasets`, whose folder layout is also read.
        pins: For each of `idx.STEMS`.
        routes: Tried in this order.
        way_out: What a person can do when every route failed.
    """

    name: str
    torchvision_name: str
    source: str
    class_names: tuple[str, ...]
    pins: dict[str, Pin]
    routes: tuple[Route, ...]
    way_out: str


@dataclass
class Found:
    """The verified files of a set: idx bytes and place by stem, and what had to be passed over."""

    payloads: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all four files are here."""
        return len(self.payloads) == len(idx.STEMS)


def folders(data_dir: Path | None) -> list[Path]:
    """Where data sets are looked for, in order: asked for, environment, cache, system."""
    named = [data_dir, os.environ.get("ABLATIONS_DATA"), user_cache_dir("lenet-ablations")]
    return [Path(folder).expanduser() for folder in named if folder] + [SYSTEM_FOLDER]


def to_dataset(published: PublishedSet, found: Found) -> Dataset:
    """The data set in the verified bytes of `found`."""
    arrays = {stem: idx.decode(found.places[stem], found.payloads[stem]) for stem in idx.STEMS}
    return assemble(
        published.name,
        *idx.parts(arrays),
        source=published.source,
        class_names=published.class_names,
    )


def search(published: PublishedSet, places: Sequence[Path]) -> Found:
    """Read the set from `places`, file by file: the first verified copy of each is taken."""
    found = Found()
    for stem in idx.STEMS:
        for path in _candidates(published, stem, places):
            try:
                payload = _read_verified(path, published.pins[stem])
            except (DataError, OSError) as error:
                found.rejected.append(str(error))
                continue
            found.payloads[stem], found.places[stem] = payload, path
            break
    return found


def obtain(published: PublishedSet, *, data_dir: Path | None, download: bool = True) -> Found:
    """All four files, verified: from disk if they are there, else fetched into the first folder.

    Raises:
        DataError: No route led to the data; says what each gave and what to do.
    """
    places = folders(data_dir)
    found = search(published, places)
    for message in found.rejected:
        _log.warning("%s; passed over", message)
    if found.complete:
        return found
    missing = [stem for stem in idx.STEMS if stem not in found.payloads]
    looked = f"files in {', '.join(map(str, places))}: no good {', '.join(missing)}"
    if not download:
        raise _no_whole_set(published, [looked, *found.rejected])
    return _fetch(published, places[0], [looked, *found.rejected])


def _candidates(published: PublishedSet, stem: str, places: Sequence[Path]) -> Iterator[Path]:
    names = (f"{stem}.gz",) if published.pins[stem].packed else (stem, f"{stem}.gz")
    for place in places:
        for folder in (
            place,
            place / published.name,
            place / published.torchvision_name / "raw",
        ):
            yield from (path for name in names if (path := folder / name).is_file())


def _read_verified(path: Path, pin: Pin) -> bytes:
    content = path.read_bytes()
    payload = idx.unpack(path, content)
    # md5 is what was published for some sets; it guards against damage, not against malice.
    digest = hashlib.new(pin.algorithm, usedforsecurity=False)
    digest.update(content if pin.packed else payload)
    if digest.hexdigest() != pin.digest:
        raise DataError(
            f"{path}: expected the published file ({pin.algorithm} {pin.digest}), "
            f"got {pin.algorithm} {digest.hexdigest()!r}"
        )
    return payload


def _fetch(published: PublishedSet, root: Path, outcomes: list[str]) -> Found:
    target = root / published.name
    try:
        with alone_in(target):
            found = search(published, [target])  # another process may have just fetched it
            if found.complete:
                return found
            for route in published.routes:
                _log.info("%s: fetching through %s into %s", published.name, route.label, target)
                outcome = _try_route(published, route, target)
                if isinstance(outcome, Found):
                    return outcome
                outcomes.append(f"{route.label}: {outcome}")
    except OSError as error:
        outcomes.append(f"writing to {target}: {error}")
    raise _no_whole_set(published, outcomes)


def _no_whole_set(published: PublishedSet, outcomes: list[str]) -> DataError:
    tried = "".join(f"\n  tried {outcome}" for outcome in outcomes)
    return DataError(
        f"{published.name}: expected four verified files, got no whole set{tried}\n"
        f"  ways out: {published.way_out}"
    )


@contextmanager
def alone_in(target: Path) -> Iterator[None]:
    """Hold the folder's lock; whatever an interrupted fetch left there is then nobody's."""
    target.mkdir(parents=True, exist_ok=True)
    with FileLock(target / ".lock"):
        for leftover in target.glob(f"{_LEFTOVER}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _try_route(published: PublishedSet, route: Route, target: Path) -> Found | str:
    with TemporaryDirectory(prefix=_LEFTOVER, dir=target) as name:
        scratch = Path(name)
        try:
            route.fetch(scratch)
        except (DataError, OSError) as error:
            return str(error)
        found = search(published, [scratch])
        if not found.complete:
            return "; ".join(found.rejected) or "some of the four files did not come"
        _install(published, found, scratch, target)
    return found


def _install(published: PublishedSet, found: Found, scratch: Path, target: Path) -> None:
    """Move verified files into place: unpacked, which loads faster, unless the zip is pinned."""
    for stem, place in found.places.items():
        if published.pins[stem].packed:
            ready, final = place, target / f"{stem}.gz"
        else:
            ready, final = scratch / f"{stem}.ready", target / stem
            ready.write_bytes(found.payloads[stem])
        ready.replace(final)
        found.places[stem] = final
