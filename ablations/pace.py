"""How fast networks were trained on this machine, kept for the user from one study to the next.

Written after `run` and by `plan --measure`, read by `plan` where the store has nothing to go by.
A cache: what cannot be read is as if it were not there, and what cannot be written is left.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_dir

from ablations.record import RunRecord, RunState

Paces = dict[str, dict[int, float]]
"""Multiply-accumulates a second, forward only, by environment key and by those of one image."""

FILE = "paces.json"
_log = logging.getLogger(__name__)


def cache_file() -> Path:
    """In the folder named by ABLATIONS_CACHE, else in the user's cache folder."""
    folder = os.environ.get("ABLATIONS_CACHE") or user_cache_dir("lenet-ablations")
    return Path(folder).expanduser() / FILE


def of_records(records: Iterable[RunRecord]) -> Paces:
    """What finished runs say; of several of one size the last."""
    found: Paces = {}
    for held in records:
        images_per_second = held.metrics.get("cost/images_per_second")
        n_macs = int(held.spec["n_macs"])
        if held.state is RunState.FINISHED and images_per_second and n_macs:
            found.setdefault(held.env_key, {})[n_macs] = images_per_second * n_macs
    return found


def read() -> Paces:
    """Everything that is kept; nothing where the file is missing, damaged or not ours."""
    try:
        stored = json.loads(cache_file().read_text(encoding="utf-8"))
        return {
            str(env_key): {int(n_macs): _pace(pace) for n_macs, pace in sizes.items()}
            for env_key, sizes in stored.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _pace(raw: object) -> float:
    pace = float(raw)  # type: ignore[arg-type]  # a TypeError is what `read` expects
    if not (math.isfinite(pace) and pace > 0):
        raise ValueError(f"no pace: {raw!r}")
    return pace


def keep(found: Mapping[str, Mapping[int, float]]) -> None:
    """Put these in the place of older ones, whole or not at all.

    Of two processes that keep at once, one may lose its paces and neither the file.
    """
    if not found:
        return
    kept = read()
    for env_key, sizes in found.items():
        kept.setdefault(env_key, {}).update(sizes)
    file = cache_file()
    unfinished = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        _log.info("paces cannot be kept in %s (%s)", file, error)
        with suppress(OSError):
            unfinished.unlink()
