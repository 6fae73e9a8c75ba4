"""Every stream of randomness in a run, from the study's root seed, the run's seed and the epoch.

Streams do not depend on the arm, so arms that share a seed share split and data order and are
paired; they are keyed by epoch, so a resumed run needs no generator state. Knows only numpy.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Stream = Literal["split", "order", "init", "augment", "dropout", "search"]

# Fixed for ever: renumbering would change every stored run without changing its key.
STREAM_IDS: dict[str, int] = {
    "split": 0,
    "order": 1,
    "init": 2,
    "augment": 3,
    "dropout": 4,
    "search": 5,  # what a sampler draws a trial's recipe with
}


def generator(root_seed: int, seed: int, stream: Stream, epoch: int = 0) -> np.random.Generator:
    """The stream's numpy generator for one epoch (0 before the first)."""
    return np.random.default_rng(_sequence(root_seed, seed, stream, epoch))


def torch_seed(root_seed: int, seed: int, stream: Stream, epoch: int = 0) -> int:
    """A 63-bit seed for torch's own generators, from the same stream."""
    return int(_sequence(root_seed, seed, stream, epoch).generate_state(1, np.uint64)[0] >> 1)


def _sequence(root_seed: int, seed: int, stream: Stream, epoch: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(entropy=root_seed, spawn_key=(seed, STREAM_IDS[stream], epoch))
