"""The probe `filters`: the weights of a network's first layer, and its maps of a few test images.

Called through `registry`, once an arm, whose pictures are of one seed. Yields a file, not numbers:
nothing can be concluded from it.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ablations.probes.layers import each_output, layers
from ablations.probes.probed import Probed
from lenet_variants.layers import LocalConv2d, TableConv2d

MOST = 16
"""Filters and maps that are kept, the first ones."""


@torch.inference_mode()
def filters(probed: Probed) -> bytes:
    """The content of `filters.npz`, compressed and without pickles.

    Returns:
        `layer` () text, the name of the first layer; `filters` (k, h, w) float32, its weights as
        the image sees them, mean over the image's channels: kernels of a convolution, of a locally
        connected layer those at the middle of the image, and of a fully connected layer each
        unit's weights as an image. `indices` (n,) int64, the images' places among the test images;
        `pixels` (n, C, H, W) uint8; `maps` (n, k, h, w) float32, the layer's output for them,
        before its activation; (n, 0, 0, 0) where it has no maps.

    Raises:
        ValueError: The first layer has no weights that could be shown.
    """
    images, _ = probed.test_sample()
    name, layer = next(iter(layers(probed.model).items()))
    outputs: dict[str, Tensor] = {}
    with each_output(probed.model, outputs.__setitem__):
        probed.model(probed.data.inputs(images))
    maps = outputs[name]
    has_maps = maps.dim() == images.dim()
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        layer=np.str_(name),
        filters=_array(_weights(name, layer, images).mean(dim=1)[:MOST]),
        indices=probed.test_indices().cpu().numpy(),
        pixels=images.cpu().numpy(),
        maps=_array(maps[:, :MOST]) if has_maps else np.zeros((len(images), 0, 0, 0), np.float32),
    )
    return buffer.getvalue()


def _weights(name: str, layer: nn.Module, images: Tensor) -> Tensor:
    """A filter for each of the first layer's maps or units: (maps, channels, h, w)."""
    shape = images.shape[1:]
    if isinstance(layer, nn.Conv2d):
        return layer.weight
    if isinstance(layer, nn.Linear) and layer.in_features == shape.numel():
        return layer.weight.reshape(-1, *shape)
    if isinstance(layer, TableConv2d | LocalConv2d):
        window = (shape[0], layer.kernel_size, layer.kernel_size)
        if isinstance(layer, LocalConv2d):
            _, height, width = layer.output
            middle = layer.weight[height // 2 * width + width // 2]  # (C * kernel^2, maps)
            return middle.T.reshape(-1, *window)
        return layer.weight.reshape(-1, *window)  # the first layer sees every channel
    raise ValueError(
        f"filters: the first layer must be a convolution or take the whole image, got {name!r}, "
        f"a {type(layer).__name__}; leave the probe out"
    )


def _array(values: Tensor) -> npt.NDArray[np.float32]:
    return values.float().cpu().numpy()
