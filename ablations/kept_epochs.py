"""The epochs after which a run's weights are kept, for probes that follow its training.

Read by `training`, which keeps them beside the last, and by study files, whose claims may name
them. Loads no torch.
"""

from __future__ import annotations

MOST_PARAMETERS = 1_000_000
"""A larger network keeps its last weights alone: a run of 20 epochs has seven times as many."""


def kept_epochs(n_epochs: int) -> tuple[int, ...]:
    """1, 2, 3, 5, 8, 13, ... below the last: close at the start, where training moves most.

    Example:
        >>> kept_epochs(5), kept_epochs(100)
        ((1, 2, 3), (1, 2, 3, 5, 8, 13, 21, 34, 55, 89))
    """
    kept: list[int] = []
    one, other = 1, 2
    while one < n_epochs:
        kept.append(one)
        one, other = other, one + other
    return tuple(kept)
