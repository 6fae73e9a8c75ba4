"""The measured half of the probe `image_size`: what a training step costs on larger images.

Called through `registry`, once an arm: the clock says nothing of a seed. What is counted instead
of measured stands in the plan (`ablations.arms`).
"""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from ablations import devices
from ablations.latency import wait_for
from ablations.plan import RunSpec
from ablations.probes.probed import Probed
from ablations.programs import Alone
from ablations.sizes import GROWTH_FACTORS
from lenet_variants import measure

BATCH = 32
MOST_SECONDS = 2.0
"""A size is left out whose step is expected to take longer, by the step before it."""
MOST_MEMORY = 1 / 16
"""And one whose weights and activations would fill more of the machine, or card, than this."""
N_STEPS = 3


def step_costs(probed: Probed) -> dict[str, float]:
    """Seconds and memory of a training step on 32 images of 1, 2, 4 and 8 times the arm's side.

    Forward, backward and the recipe's optimiser, on noise, in a network of its own.

    Returns:
        `step_seconds_HxW`, the fastest of up to three steps after a first one; and
        `step_peak_bytes_HxW`, the peak of memory meanwhile: the card's, or all of the process's,
        where it is known. Sizes that would take too long or too much are left out.
    """
    run, device = probed.run, probed.data.images.device
    found: dict[str, float] = {}
    seconds, n_pixels = 0.0, 1
    for factor in GROWTH_FACTORS:
        channels, height, width = run.input_shape
        larger = replace(run, input_shape=(channels, height * factor, width * factor))
        longer = height * width * factor**2 / n_pixels
        if seconds * longer > MOST_SECONDS or not _fits(larger, device):
            break
        memory = devices.PeakMemory(device)
        seconds, n_pixels = _step_seconds(larger, device), height * width * factor**2
        size = "x".join(map(str, larger.input_shape[1:]))
        found[f"step_seconds_{size}"] = seconds
        for peak in memory.metrics().values():
            found[f"step_peak_bytes_{size}"] = peak
    return found


def _fits(run: RunSpec, device: torch.device) -> bool:
    """Whether a step has room: activations and their gradients; weights, theirs, two moments."""
    shape = (run.variant, run.levels, run.input_shape, run.n_classes)
    numbers = 2 * BATCH * measure.n_activations(*shape) + 4 * measure.count(*shape).n_parameters
    return 4 * numbers <= MOST_MEMORY * devices.memory_bytes(device)


def _step_seconds(run: RunSpec, device: torch.device) -> float:
    program = Alone(run, device, n_images=BATCH)
    program.begin_epoch()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, *run.input_shape, generator=generator).to(device)
    labels = (torch.arange(BATCH) % run.n_classes).to(device)
    taken: list[float] = []
    while len(taken) <= N_STEPS and sum(taken) <= MOST_SECONDS:
        clock = time.perf_counter()
        program.step(images, labels)
        wait_for(device)
        taken.append(time.perf_counter() - clock)
    return min(taken[1:] or taken)  # the first step also makes what the others find made
