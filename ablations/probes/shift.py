"""The probe `shift`: what a trained network makes of test images that are moved by whole pixels.

Called through `registry`. Convolutions are equivariant to shifts and networks are not invariant;
how far pooling helps is what this measures. Moved is what an image shows: where an arm's pixels
changed places, it is moved as it was before, or a step would be none in the picture.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ablations.probe_cards import MOST_PIXELS
from ablations.probes.layers import each_output
from ablations.probes.probed import Probed, batches, share

DIRECTIONS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)
"""The eight neighbours of a pixel; a step to a corner is one pixel down and one to the side."""


@torch.inference_mode()
def shift(probed: Probed) -> dict[str, float]:
    """Accuracy and consistency of moved test images, and how each layer's output changes.

    What moves in from outside is background (0). At 1 to 8 pixels everything is a mean over eight
    directions.

    Returns:
        `accuracy_K`, K from 0 to 8; `consistency_K`, the share of images whose predicted class is
        that of the image left in place; `accuracy_area`, the mean of the nine accuracies, which is
        the area under their curve on a scale where 1 is never to be wrong; and `change/LAYER`: the
        output of the layer for images moved by 1 pixel less that for images in place, as the
        Euclidean norm over all images and units, divided by the norm of the output in place. A
        layer that puts out nothing but 0 in place has none.
    """
    images, labels = probed.test_sample()
    moves = _Moves(probed)
    unmoved = probed.predict(images)
    metrics = {"accuracy_0": share(unmoved == labels)}
    for pixels in range(1, MOST_PIXELS + 1):
        moved = torch.stack([probed.predict(m) for m in moves.each_way(images, pixels)])
        metrics[f"accuracy_{pixels}"] = share(moved == labels)  # (8, n)
        metrics[f"consistency_{pixels}"] = share(moved == unmoved)
    accuracies = [metrics[f"accuracy_{pixels}"] for pixels in range(MOST_PIXELS + 1)]
    metrics["accuracy_area"] = sum(accuracies) / len(accuracies)
    changes = _changes(probed, moves, images)
    return metrics | {f"change/{name}": found for name, found in changes.items()}


def moved(images: Tensor, down: int, right: int) -> Tensor:
    """All images moved by whole pixels, negative ones up and left; 0 comes in from outside.

    Shape:
        (N, C, H, W), of any type.
    """
    height, width = images.shape[2:]
    result = torch.zeros_like(images)
    if abs(down) < height and abs(right) < width:
        to, from_ = zip(_ends(down, height), _ends(right, width), strict=True)
        result[..., to[0], to[1]] = images[..., from_[0], from_[1]]
    return result


def _ends(by: int, side: int) -> tuple[slice, slice]:
    """Along one side: where pixels go, and where they come from."""
    low, high = max(by, 0), side + min(by, 0)
    return slice(low, high), slice(low - by, high - by)


class _Moves:
    """Moves what the images of an arm show, whether or not their pixels changed places."""

    def __init__(self, probed: Probed) -> None:
        order, device = probed.pixel_order(), probed.data.test_images.device
        self._is_permuted = bool((np.diff(order) < 0).any())
        self._order = torch.from_numpy(order).to(device)
        self._back = torch.from_numpy(np.argsort(order)).to(device)

    def each_way(self, images: Tensor, pixels: int) -> list[Tensor]:
        """All images moved so far in each of `DIRECTIONS`, as the network sees them."""
        ways = [(pixels * down, pixels * right) for down, right in DIRECTIONS]
        if not self._is_permuted:
            return [moved(images, *way) for way in ways]
        shown = _taken(images, self._back)
        return [_taken(moved(shown, *way), self._order) for way in ways]


def _taken(images: Tensor, order: Tensor) -> Tensor:
    return images.flatten(2).index_select(2, order).view_as(images)


def _changes(probed: Probed, moves: _Moves, images: Tensor) -> dict[str, float]:
    """By layer, in the order in which they run."""
    before: dict[str, float] = {}
    by_way: dict[str, list[float]] = {}
    for batch in batches(images):
        in_place = _outputs(probed, batch)
        for name, output in in_place.items():
            before[name] = before.get(name, 0.0) + _squares(output)
            by_way.setdefault(name, [0.0] * len(DIRECTIONS))
        for way, shifted in enumerate(moves.each_way(batch, 1)):
            for name, output in _outputs(probed, shifted).items():
                by_way[name][way] += _squares(output - in_place[name])
    return {
        name: sum((change / before[name]) ** 0.5 for change in changes) / len(changes)
        for name, changes in by_way.items()
        if before[name]
    }


def _outputs(probed: Probed, images: Tensor) -> dict[str, Tensor]:
    """What each layer puts out; of one that runs several times, the last."""
    found: dict[str, Tensor] = {}
    with each_output(probed.model, found.__setitem__):
        probed.logits(images)
    return found


def _squares(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values.float()).item()) ** 2
