"""Moving pixels: the augmentations of a recipe, and the translation that the shift probe uses too.

All act on raw pixels, before normalisation, so that what moves in from outside is background (0).
Random draws come from a numpy generator on the host and are moved to the images' device.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SHIFT_PIXELS = 2
CROP_PIXELS = 4
ROTATION_DEGREES = 15.0


def translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Each image moved by whole pixels; what comes in from outside is 0.

    Args:
        images: Any numeric type.
        down: Pixels to move each image down by; negative moves up.
        right: Pixels to move each image right by.

    Shape:
        images (N, C, H, W); down, right (N,) int64; the result is like images.
    """
    n, _, height, width = images.shape
    rows = torch.arange(height, device=images.device) - down[:, None]  # (N, H): source rows
    columns = torch.arange(width, device=images.device) - right[:, None]  # (N, W)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None
    ]
    index = torch.arange(n, device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[
        index, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None]
    ]  # (N, H, W, C)
    return (moved * inside[..., None]).permute(0, 3, 1, 2).contiguous()


def _translated(images: Tensor, rng: np.random.Generator, reach: int) -> Tensor:
    moves = torch.from_numpy(rng.integers(-reach, reach + 1, size=(2, len(images)))).to(
        images.device
    )
    return translate(images, moves[0], moves[1])


def shift(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Up to `SHIFT_PIXELS` in each direction."""
    return _translated(images, rng, SHIFT_PIXELS)


def crop(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A random window of the image padded by `CROP_PIXELS` on every side."""
    return _translated(images, rng, CROP_PIXELS)


def flip(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Left and right exchanged in about half of the images."""
    chosen = torch.from_numpy(rng.random(len(images)) < 0.5).to(images.device)  # noqa: PLR2004
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def rotate(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Up to `ROTATION_DEGREES` about the centre, bilinear; the result is float32."""
    turns = rng.uniform(-1.0, 1.0, size=len(images)) * math.radians(ROTATION_DEGREES)
    angle = torch.from_numpy(turns.astype(np.float32)).to(images.device)
    zero = torch.zeros_like(angle)
    ratio = images.shape[2] / images.shape[3]
    matrix = torch.stack(
        [
            torch.stack([angle.cos(), -angle.sin() * ratio, zero], dim=1),
            torch.stack([angle.sin() / ratio, angle.cos(), zero], dim=1),
        ],
        dim=1,
    )  # (N, 2, 3)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images.float(), grid, align_corners=False)


AUGMENTATIONS: dict[str, Callable[[Tensor, np.random.Generator], Tensor]] = {
    "shift": shift,
    "flip": flip,
    "crop": crop,
    "rotate": rotate,
}
