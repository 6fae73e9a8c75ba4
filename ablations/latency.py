"""How long a trained network takes to answer: one forward pass, for one image and for many.

Called once a run, beside its evaluation. PyTorch's own kernels are timed, as whoever takes the
network elsewhere will have them; on a shared machine the clock tells of the neighbours too.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor, nn

from ablations.run_data import RunData

BATCHES = (1, 256)
"""Images in a pass: an answer by itself, and a service under load."""

N_PASSES, WARM_UP, MOST_SECONDS = 7, 2, 0.5


@torch.inference_mode()
def latency(model: nn.Module, data: RunData) -> dict[str, float]:
    """Seconds of a forward pass in eval mode, the median of up to 7, by batch size.

    At least one pass is timed, and no further one is begun after half a second. The images are of
    the training set: it is no evaluation.

    Returns:
        `cost/latency_1_seconds`, `cost/latency_256_seconds`.
    """
    was_training = model.training
    model.eval()
    found = {}
    for n_images in BATCHES:
        index = torch.arange(n_images, device=data.images.device) % len(data.images)
        inputs = data.inputs(data.images.index_select(0, index))
        found[f"cost/latency_{n_images}_seconds"] = _median_seconds(model, inputs)
    model.train(was_training)
    return found


def _median_seconds(model: nn.Module, inputs: Tensor) -> float:
    began = time.perf_counter()
    seconds: list[float] = []
    while len(seconds) < WARM_UP + N_PASSES:
        clock = time.perf_counter()
        if seconds and clock - began > MOST_SECONDS:
            break
        model(inputs)
        wait_for(inputs.device)
        seconds.append(time.perf_counter() - clock)
    return statistics.median(seconds[WARM_UP:] or seconds[-1:])


def wait_for(device: torch.device) -> None:
    """Until a device has done what it was given; a CPU has by the time a pass returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
