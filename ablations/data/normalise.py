"""From bytes to network inputs: one scale and one shift a channel.

Called once a run; the product is applied to batches on the device.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ablations.data.dataset import Dataset

Normalisation = Literal["unit", "standard", "lecun1998"]


def affine(dataset: Dataset, normalise: Normalisation) -> tuple[Tensor, Tensor]:
    """Scale and shift so that `images * scale + shift` is what a network sees.

    `unit` gives 0 to 1; `standard` gives mean 0 and standard deviation 1 over all training images
    of the data set as prepared (a validation part included), channel by channel; `lecun1998`
    gives -0.1 for 0 and 1.175 for 255.

    Shape:
        Both (C, 1, 1) float32, contiguous.

    Source:
        `lecun1998`: LeCun et al. 1998, section III-A.
    """
    channels = dataset.input_shape[0]
    if normalise == "standard":
        mean, deviation = pixel_moments(dataset.train_images)
        scale, shift = 1 / deviation, -mean / deviation
    else:
        low, span = (-0.1, 1.275) if normalise == "lecun1998" else (0.0, 1.0)
        scale = torch.full((channels,), span / 255, dtype=torch.float64)
        shift = torch.full((channels,), low, dtype=torch.float64)
    return scale.float().reshape(-1, 1, 1), shift.float().reshape(-1, 1, 1)


def pixel_moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, exact from a histogram of the 256 values.

    A constant channel gets a deviation of 1: it carries nothing, and must not become infinite.

    Shape:
        images (N, C, H, W) uint8; both (C,) float64.

    Units:
        Pixel values, 0 to 255.
    """
    by_channel = images.transpose(0, 1).flatten(1)  # (C, N * H * W)
    counts = torch.stack([torch.bincount(pixels, minlength=256) for pixels in by_channel]).double()
    values = torch.arange(256, dtype=torch.float64)
    n = counts.sum(dim=1)
    mean = (counts @ values) / n
    variance = (counts * (values - mean[:, None]) ** 2).sum(dim=1) / n
    return mean, torch.where(variance > 0, variance.sqrt(), 1.0)
