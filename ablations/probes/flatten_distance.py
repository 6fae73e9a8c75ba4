"""The probe `flatten_distance`: what becomes of neighbouring pixels in a flattened image.

Called through `registry`. Looks at the data of an arm alone, so all seeds of an arm without a
validation split have the same numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ablations.probe_cards import REACH
from ablations.probes.probed import Probed

Pixels = npt.NDArray[np.float64]


def flatten_distance(probed: Probed) -> dict[str, float]:
    """How far apart neighbours come to lie in the vector, and how much pixels tell of others.

    The vector is the image as a fully connected layer sees it: channel by channel, row by row.
    Correlations are Pearson's over all pairs at that distance in all images of the sample, in the
    image as the network sees it: after a permutation, neighbours are the pixels it put there.

    Returns:
        `row_distance`, `column_distance`: entries of the vector between two pixels that lay side by
        side, or one above the other, before any permutation; the mean over all such pairs.
        `row_correlation_K`, `column_correlation_K`: of pixels K apart along a row or a column, K
        from 1 to 4. `vector_correlation_K`: of entries K apart in the vector, and with `width` as
        far apart as an image is wide. A correlation is left out where pixels do not vary.

    Raises:
        ValueError: The images are not large enough.
    """
    images, _ = probed.training_sample()
    pixels = images.cpu().numpy().astype(np.float64)  # (n, C, H, W)
    height, width = pixels.shape[2:]
    if min(height, width) <= REACH:
        raise ValueError(
            f"flatten_distance: images must be larger than {REACH}x{REACH} pixels, "
            f"got {height}x{width}; use larger ones, or leave the probe out"
        )
    metrics = _distances(probed, height, width)
    vector = pixels.reshape(len(pixels), -1)
    for apart in range(1, REACH + 1):
        pairs = {
            f"row_correlation_{apart}": (pixels[..., apart:], pixels[..., :-apart]),
            f"column_correlation_{apart}": (pixels[..., apart:, :], pixels[..., :-apart, :]),
            f"vector_correlation_{apart}": (vector[:, apart:], vector[:, :-apart]),
        }
        metrics |= _correlations(pairs)
    return metrics | _correlations(
        {"vector_correlation_width": (vector[:, width:], vector[:, :-width])}
    )


def _distances(probed: Probed, height: int, width: int) -> dict[str, float]:
    place = np.argsort(probed.pixel_order())  # where each pixel is put, in the vector
    place = place.reshape(height, width)
    return {
        "row_distance": float(np.abs(np.diff(place, axis=1)).mean()),
        "column_distance": float(np.abs(np.diff(place, axis=0)).mean()),
    }


def _correlations(pairs: dict[str, tuple[Pixels, Pixels]]) -> dict[str, float]:
    found = {}
    for name, (one, other) in pairs.items():
        if one.std() > 0 and other.std() > 0:
            found[name] = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    return found
