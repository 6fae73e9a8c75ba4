"""Several contrasts in one family: p values that stay honest together.

Called by the analysis once per family of contrasts.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None], *, family_size: int | None = None) -> list[float | None]:
    """Holm's adjusted p values, in the order given; None stays None.

    Args:
        p_values: Unadjusted; None where a contrast has none.
        family_size: Contrasts planned. A planned contrast without a p still counts, as if its p
            were 1, so that losing runs never makes the others look better. Without it the
            family is the p values that exist.

    Raises:
        ValueError: The family is smaller than its p values, or one is no probability: NaN is
            refused, so that a contrast without a p is left out by name and never by accident.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6. Not statsmodels' `multipletests`, which
        collects garbage in every call: a tenth of a second where much is loaded.
    """
    for position, p in enumerate(p_values):
        if p is not None and not 0 <= p <= 1:
            raise ValueError(
                f"holm: every p must be from 0 to 1, got {p!r} at position {position}; "
                f"give None where a contrast has no p"
            )
    known = [p for p in p_values if p is not None]
    size = len(known) if family_size is None else family_size
    if size < len(known):
        raise ValueError(
            f"holm: family_size must be >= the {len(known)} p values given, got {size}; "
            f"count every planned contrast"
        )
    adjusted: list[float | None] = [None] * len(p_values)
    least = 0.0  # a p is never adjusted below that of a smaller one
    smallest_first = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    for rank, (p, place) in enumerate(smallest_first):
        least = max(least, min(1.0, (size - rank) * p))
        adjusted[place] = least
    return adjusted
