"""How far two trainings of one run agree: identical, or by how much not.

Pure; called by `replay`. Knows records and the bytes of their files, not where they came from.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import torch

from ablations.record import EXAMPLES_FILE, WEIGHTS_FILE, RunRecord

Array = npt.NDArray[Any]

_UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, BadZipFile, pickle.UnpicklingError)


@dataclass(frozen=True)
class Compared:
    """One thing held against itself: a curve, a number, a tensor, the predictions.

    Attributes:
        what: `state`, `train/loss by epoch`, `test/loss`, `predictions`, `weights conv1.bias`.
        n_values: How many values it has.
        n_different: How many of them are not the same bits.
        largest: The largest difference of two values; None where they cannot be subtracted.
        note: What was and what is, where no number says it.
    """

    what: str
    n_values: int
    n_different: int
    largest: float | None = 0.0
    note: str = ""

    @property
    def is_identical(self) -> bool:
        """Whether every value has the same bits."""
        return not self.n_different

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {**asdict(self), "identical": self.is_identical}


@dataclass(frozen=True)
class Training:
    """A record and its files by name."""

    record: RunRecord
    files: Mapping[str, bytes]


def compare(then: Training, now: Training) -> list[Compared]:
    """Everything two trainings of one run left, but what a clock or a meter says."""
    was, found = then.record, now.record
    epochs = (was.diverged_epoch, found.diverged_epoch)
    return [
        _word("state", was.state.value, found.state.value, found.message),
        *([_word("diverged in epoch", *epochs)] if epochs != (None, None) else []),
        *_curves(was.curves, found.curves),
        *_metrics(was.metrics, found.metrics),
        *_predictions(then.files, now.files),
        *_weights(then.files, now.files),
    ]


def _word(what: str, was: object, found: object, message: str = "") -> Compared:
    if was == found:
        return Compared(what, 1, 0)
    told = f"{was} then, {found} now" + (f" ({message})" if message else "")
    return Compared(what, 1, 1, None, told)


def _curves(then: Mapping[str, list[float]], now: Mapping[str, list[float]]) -> Iterator[Compared]:
    for name in sorted(then.keys() | now.keys()):
        before, after = np.asarray(then.get(name, [])), np.asarray(now.get(name, []))
        yield _arrays(f"{name} by epoch", before, after)


def _metrics(then: Mapping[str, float], now: Mapping[str, float]) -> Iterator[Compared]:
    for name in sorted(then.keys() | now.keys()):
        if name.startswith("cost/"):
            continue
        if name in then and name in now:
            yield _arrays(name, np.asarray([then[name]]), np.asarray([now[name]]))
        else:
            yield _missing(name, is_now=name in now)


def _predictions(then: Mapping[str, bytes], now: Mapping[str, bytes]) -> Iterator[Compared]:
    before, after = then.get(EXAMPLES_FILE), now.get(EXAMPLES_FILE)
    if before is None and after is None:
        return
    if before is None or after is None:
        yield _missing("predictions", is_now=after is not None)
        return
    try:
        found = _arrays("predictions", _predicted(before), _predicted(after))
    except _UNREADABLE as error:
        yield _unreadable("predictions", EXAMPLES_FILE, error)
        return
    # Classes have names and no distance.
    yield found if found.is_identical else replace(found, largest=None)


def _weights(then: Mapping[str, bytes], now: Mapping[str, bytes]) -> Iterator[Compared]:
    try:
        before, after = (_tensors(files.get(WEIGHTS_FILE)) for files in (then, now))
    except _UNREADABLE as error:
        yield _unreadable("weights", WEIGHTS_FILE, error)
        return
    for name in dict.fromkeys([*before, *after]):
        what = f"weights {name}"
        if name in before and name in after:
            yield _arrays(what, before[name], after[name])
        else:
            yield _missing(what, is_now=name in after)


def _predicted(content: bytes) -> Array:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        predicted: Array = stored["predicted"]
        return predicted


def _tensors(content: bytes | None) -> dict[str, Array]:
    if content is None:
        return {}
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # NumPy has no bfloat16, all of whose values are also float32's.
    return {
        name: (value.float() if value.dtype is torch.bfloat16 else value).numpy()
        for name, value in state.items()
    }


def _unreadable(what: str, file: str, error: Exception) -> Compared:
    told = f"{file} cannot be read ({type(error).__name__})"
    return Compared(what, 1, 1, None, told)


def _missing(what: str, *, is_now: bool) -> Compared:
    return Compared(what, 1, 1, None, "not there then" if is_now else "not there now")


def _arrays(what: str, then: Array, now: Array) -> Compared:
    if then.shape != now.shape or then.dtype != now.dtype:
        told = f"{then.dtype} {list(then.shape)} then, {now.dtype} {list(now.shape)} now"
        return Compared(what, max(then.size, now.size), max(then.size, now.size, 1), None, told)
    different = _bits(then) != _bits(now)
    n_different = int(different.reshape(then.size, -1).any(axis=1).sum()) if then.size else 0
    if not n_different:
        return Compared(what, then.size, 0)
    with np.errstate(invalid="ignore"):
        gaps = np.abs(now.astype(np.float64) - then.astype(np.float64))
    largest = float(gaps.max())
    return Compared(what, then.size, n_different, largest if np.isfinite(largest) else None)


def _bits(values: Array) -> npt.NDArray[np.uint8]:
    """The bytes of every value: equal numbers may differ in them (0.0 and -0.0), NaNs agree."""
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
