"""What a training step costs on larger images: measured, and left out where it is too much."""

from __future__ import annotations

import pytest

from ablations import devices
from ablations.probes import image_size
from ablations.probes.image_size import step_costs


def sizes(found):
    return [name.rpartition("_")[2] for name in found if name.startswith("step_seconds")]


def test_a_step_is_timed_at_1_2_4_and_8_times_the_side(probed):
    found = step_costs(probed())
    assert sizes(found) == ["8x8", "16x16", "32x32", "64x64"]
    assert all(value > 0 for value in found.values())
    assert found["step_seconds_64x64"] > found["step_seconds_8x8"]  # 64 times the pixels
    if devices.PeakMemory(devices.choose("cpu")).is_known:
        assert found["step_peak_bytes_64x64"] > 10 * 2**20


def test_no_larger_size_is_tried_that_would_take_too_long(probed, monkeypatch):
    taken = iter([0.01, 0.3])
    monkeypatch.setattr(image_size, "_step_seconds", lambda *_: next(taken))
    # By the pixels, the second was expected to take 0.04 s, and the third is, 1.2 s.
    monkeypatch.setattr(image_size, "MOST_SECONDS", 1.0)
    assert sizes(step_costs(probed())) == ["8x8", "16x16"]


def test_no_larger_size_is_tried_that_would_not_fit(probed, monkeypatch):
    monkeypatch.setattr(devices, "memory_bytes", lambda _: 16 * 4 * 1_500_000)
    assert sizes(step_costs(probed())) == ["8x8", "16x16"]


@pytest.mark.parametrize("seconds", [0.001, 100.0])
def test_a_slow_step_is_taken_once(probed, monkeypatch, seconds):
    clock = iter(range(1000))
    monkeypatch.setattr(image_size.time, "perf_counter", lambda: seconds * next(clock))
    found = step_costs(probed())
    assert sizes(found)[0] == "8x8"
    assert found["step_seconds_8x8"] == pytest.approx(seconds)
    assert next(clock) == (2 if seconds > 2 else 2 * 4 * 4)
