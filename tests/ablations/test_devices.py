"""Devices: which one a study gets, and what of the machine is recorded."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ablations import devices
from ablations.errors import SpecError

CPU = torch.device("cpu")


@pytest.fixture
def machine(monkeypatch):
    """Makes torch say which devices there are."""

    def has(*kinds):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)

    return has


@pytest.mark.parametrize(
    ("there", "chosen"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")],
)
def test_auto_takes_the_fastest_kind_there_is(machine, there, chosen):
    machine(*there)
    assert devices.choose("auto") == torch.device(chosen)


def test_named_device_is_taken_even_if_another_is_faster(machine):
    machine("cuda", "mps")
    assert [devices.choose(kind).type for kind in ("cpu", "mps", "cuda")] == ["cpu", "mps", "cuda"]


def test_device_that_is_not_there_is_told_with_those_that_are(machine):
    machine("mps")
    with pytest.raises(SpecError) as caught:
        devices.choose("cuda")
    assert caught.value.where == "--device"
    assert caught.value.problems == ("no cuda device on this machine (here: cpu, mps)",)


def test_unknown_device_is_told_with_those_that_may_be_named(machine):
    machine()
    with pytest.raises(SpecError) as caught:
        devices.choose("gpu")
    assert caught.value.problems == ("must be one of auto, cpu, cuda, mps, got 'gpu'",)


@pytest.fixture
def process():
    """Puts back what is set once a process."""
    threads, fill = torch.get_num_threads(), torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.set_num_threads(threads)
    torch.utils.deterministic.fill_uninitialized_memory = fill


def test_worker_on_the_cpu_computes_with_the_threads_that_are_recorded(process):
    torch.set_num_threads(2)
    devices.prepare_process(CPU)
    assert torch.get_num_threads() == devices.environment(CPU).threads == 1


def test_preparing_keeps_the_users_cublas_setting(process, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    devices.prepare_process(CPU)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    devices.prepare_process(CPU)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


class Library:
    """A C library that has `mallopt` and refuses a threshold above `most` bytes."""

    def __init__(self, most):
        self.most, self.set = most, {}

    def mallopt(self, name, value):
        if name == -3 and value > self.most:
            return 0
        self.set[name] = value
        return 1


@pytest.mark.parametrize(("most", "mapped"), [(1 << 40, 1 << 30), (1 << 25, 1 << 25)])
def test_what_a_step_frees_is_kept_by_every_glibc(process, monkeypatch, most, mapped):
    library = Library(most)
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda _: library)
    devices.prepare_process(CPU)
    assert library.set == {-1: 1 << 30, -3: mapped}


def test_a_c_library_without_mallopt_is_left_alone(process, monkeypatch):
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda _: object())
    torch.set_num_threads(2)
    devices.prepare_process(CPU)
    assert torch.get_num_threads() == 1


def test_no_c_library_is_opened_beside_linux(process, monkeypatch):
    opened = []
    monkeypatch.setattr(devices.sys, "platform", "darwin")
    monkeypatch.setattr(devices.ctypes, "CDLL", opened.append)
    devices.prepare_process(CPU)
    assert opened == []


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="the system does not tell")
def test_memory_of_the_machine_is_what_the_system_tells():
    lines = Path("/proc/meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    assert devices.memory_bytes(CPU) == pytest.approx(total * 1024, rel=0.01)


def test_memory_of_a_card_is_its_own(monkeypatch):
    asked = []

    def properties(device):
        asked.append(device)
        return SimpleNamespace(total_memory=80 << 30)

    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    assert devices.memory_bytes(torch.device("cuda", 1)) == 80 << 30
    assert asked == [torch.device("cuda", 1)]


def test_environment_says_where_it_is_and_is_the_same_twice():
    here = devices.environment(CPU)
    assert here == devices.environment(CPU)
    assert (here.torch, here.device_kind, here.precision) == (torch.__version__, "cpu", "float32")
    assert here.device_model
    assert here.software["numpy"] == np.__version__
    assert {"python", "platform"} <= set(here.software)


def test_precision_enters_the_environment():
    rough = devices.environment(CPU, "bfloat16")
    assert rough.env_key != devices.environment(CPU).env_key
    assert rough.place_key == devices.environment(CPU).place_key


def test_peak_memory_is_that_of_the_stretch_alone():
    first = devices.PeakMemory(CPU)
    if not first.is_known:
        pytest.skip("this system does not tell the resident peak")
    block = np.ones(2**27, dtype=np.uint8)  # 128 MiB, every page written
    high = first.metrics()["cost/peak_memory_bytes"]
    del block
    low = devices.PeakMemory(CPU).metrics()["cost/peak_memory_bytes"]
    assert 0.75 * 2**27 < high - low < 2 * 2**27


def test_peak_memory_is_left_out_where_it_is_not_known(monkeypatch):
    monkeypatch.setattr(devices.sys, "platform", "darwin")
    memory = devices.PeakMemory(CPU)
    assert not memory.is_known
    assert memory.metrics() == {}
