"""Probes: extra measurements on trained weights, each with a key of its own.

A probe trains nothing, so adding one to a study measures the weights already stored. Called by
`jobs`. Two probes need no weights: `image_size` is counted in `plan`, `images` stored by `labels`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ablations.augmentation import translate
from ablations.data import SAMPLE_SIZE, probed_sample
from ablations.evaluation import EVALUATION_BATCH
from ablations.record import Measurement, digest, now_ms
from ablations.run_data import RunData

DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))
SHIFTS = (1, 2)


@dataclass(frozen=True)
class Probe:
    """A measurement by name. Raise `revision` when its numbers change."""

    measure: Callable[[nn.Module, RunData], dict[str, float]]
    parameters: Mapping[str, object]
    revision: int = 1


@torch.inference_mode()
def shift(model: nn.Module, data: RunData) -> dict[str, float]:
    """Accuracy and consistency when test images move by 0, 1 and 2 pixels, mean of four directions.

    Measured on a fixed stratified sample of the test images. Consistency is the share of images
    whose prediction is that of the image left in place.
    """
    chosen = probed_sample(data.test_labels.cpu()).to(data.test_images.device)
    images, labels = data.test_images[chosen], data.test_labels[chosen]
    unmoved = _predict(model, data, images)
    metrics = {"accuracy_0": _share(unmoved == labels)}
    for pixels in SHIFTS:
        moved = [_predict(model, data, _moved(images, pixels, way)) for way in DIRECTIONS]
        metrics[f"accuracy_{pixels}"] = _share(torch.stack([each == labels for each in moved]))
        metrics[f"consistency_{pixels}"] = _share(torch.stack([each == unmoved for each in moved]))
    return metrics


PROBES: Mapping[str, Probe] = {
    "shift": Probe(shift, {"pixels": list(SHIFTS), "directions": 4, "n_images": SAMPLE_SIZE}),
}


def probe_key(run_key: str, name: str) -> str:
    """Digest of the run, the probe, its parameters and its code's revision."""
    probe = PROBES[name]
    return digest(
        {"run": run_key, "probe": name, "parameters": probe.parameters, "revision": probe.revision}
    )


def measure(name: str, run_key: str, model: nn.Module, data: RunData) -> Measurement:
    """One probe of one trained network, in eval mode."""
    was_training = model.training
    model.eval()
    metrics = PROBES[name].measure(model, data)
    model.train(was_training)
    named = {f"probe/{name}/{metric}": value for metric, value in metrics.items()}
    return Measurement(name, probe_key(run_key, name), named, now_ms())


def _moved(images: Tensor, pixels: int, direction: tuple[int, int]) -> Tensor:
    down, right = (
        torch.full((len(images),), pixels * way, device=images.device) for way in direction
    )
    return translate(images, down, right)


def _predict(model: nn.Module, data: RunData, images: Tensor) -> Tensor:
    batches = torch.split(images, EVALUATION_BATCH)
    return torch.cat([model(data.inputs(batch)).argmax(dim=1) for batch in batches])


def _share(flags: Tensor) -> float:
    return flags.to(torch.float64).mean().item()
