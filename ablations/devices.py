"""Which device a study trains on, and what of the machine its numbers depend on.

Called by the runner and by workers; knows torch, and nothing of studies.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ablations.errors import SpecError
from ablations.record import Environment

KINDS = ("auto", "cpu", "cuda", "mps")
WORKER_THREADS = 1
_RECORDED = ("lenet-ablations", "torchvision", "numpy", "mlflow", "scipy", "pandas")


def choose(kind: str) -> torch.device:
    """The device of that kind; `auto` takes cuda, then mps, then cpu.

    Raises:
        SpecError: There is no such device here.
    """
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if kind == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
    if kind not in there:
        raise SpecError("--device", [f"must be one of {', '.join(KINDS)}, got {kind!r}"])
    if not there[kind]:
        here = ", ".join(name for name, is_there in there.items() if is_there)
        raise SpecError("--device", [f"no {kind} device on this machine (here: {here})"])
    return torch.device(kind)


def prepare_process(device: torch.device) -> None:
    """Set what must be set once a process: threads, and deterministic kernels that cost nothing."""
    if device.type == "cpu":
        torch.set_num_threads(WORKER_THREADS)
        _keep_freed_memory()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Filling fresh memory with NaN finds reads of it, which our step has none of, and costs time.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010 (untyped)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's names for mallopt, in malloc.h
_KEPT_BYTES, _OLDER_BYTES = 1 << 30, 1 << 25


def _keep_freed_memory() -> None:
    """Let the C library keep what a step frees for the next, where it is glibc.

    By itself it gives tensors of a few MB back to the system and takes them anew in every step,
    page by page, which has taken up to a third of a step on a busy machine.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        # Before 2.35, glibc refuses more than 32 MiB; left at 128 KiB, it would no longer adapt.
        if not mallopt(_MMAP_THRESHOLD, _KEPT_BYTES):
            mallopt(_MMAP_THRESHOLD, _OLDER_BYTES)


def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def environment(device: torch.device, precision: str = "float32") -> Environment:
    """What a run's bits depend on here."""
    return Environment(
        torch=torch.__version__,
        device_kind=device.type,
        device_model=_model(device),
        precision=precision,
        threads=WORKER_THREADS if device.type == "cpu" else 0,
        software={"python": platform.python_version(), "platform": platform.platform()}
        | _versions(),
    )


def _model(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def memory_bytes(device: torch.device) -> int:
    """The memory of a card, or of this machine."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class PeakMemory:
    """Peak memory of a stretch of work in bytes: the card's, or this process's resident set.

    On Linux the resident peak is set back at the start, so it belongs to the stretch alone; where
    neither is possible, nothing is reported.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.is_known = device.type == "cuda" or self._reset_resident()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    @staticmethod
    def _reset_resident() -> bool:
        if sys.platform != "linux":
            return False
        trim = getattr(_c_library(), "malloc_trim", None)
        if trim is not None:
            trim(0)  # what earlier runs have freed is not this one's
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return False
        return True

    def metrics(self) -> dict[str, float]:
        """`cost/peak_memory_bytes`, if it is known."""
        if not self.is_known:
            return {}
        if self.device.type == "cuda":
            return {"cost/peak_memory_bytes": float(torch.cuda.max_memory_allocated(self.device))}
        status = Path("/proc/self/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return {"cost/peak_memory_bytes": float(peak.split()[1]) * 1024}
