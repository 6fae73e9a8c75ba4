"""What `plan` says of the seeds: the difference that they can show, and how many the margin takes.

Known before any run, in standard deviations of the paired differences; the report has the same in
the metric's unit, once there are differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablations.errors import counted
from ablations.plan import Plan
from reports.statistics.power import POWER, detectable_in_sd, seeds_needed

SPREADS = (0.25, 0.5, 1.0)
"""Standard deviations of a paired difference for which the seeds are told, in margins."""


def resolution_json(plan: Plan) -> dict[str, Any]:
    """What `plan --json` says under `resolution`; None where there is nothing to say."""
    endpoint = plan.spec.endpoint
    asked = {(frozenset((one["arm"], one["control"])), endpoint.metric) for one in plan.primary}
    asked |= {claim.asks(endpoint.metric) for claim in plan.claims if claim.name}
    alpha_each = endpoint.alpha / max(1, len(asked))
    n_seeds = len(plan.spec.seeds)
    in_sd = detectable_in_sd(n_seeds, alpha=alpha_each)
    return {
        "n_seeds": n_seeds,
        "n_contrasts": len(asked),
        "alpha_each": alpha_each,
        "power": POWER,
        "detectable_in_sd": in_sd,
        "sd_that_shows_margin": None if in_sd is None else endpoint.margin / in_sd,
        "seeds_for_margin": [
            {
                "sd": share * endpoint.margin,
                "seeds": seeds_needed(share * endpoint.margin, endpoint.margin, alpha=alpha_each),
            }
            for share in SPREADS
        ],
    }


def resolution_text(found: Mapping[str, Any], margin: float) -> str:
    """The same in a line or two."""
    if not found["n_contrasts"]:
        return ""
    seeds, family = counted(found["n_seeds"], "seed"), counted(found["n_contrasts"], "contrast")
    wanted = ", ".join(
        f"{one['seeds']:,} at SD {one['sd']:.3g}" for one in found["seeds_for_margin"]
    )
    needed = f"the margin takes {wanted}"
    if found["detectable_in_sd"] is None:
        return f"{seeds}: no verdict on fewer than 3; {needed}"
    return (
        f"{seeds} and {family}: {100 * found['power']:.0f} % power to show a difference of "
        f"{found['detectable_in_sd']:.1f} SD of the paired differences, so the margin of "
        f"{margin:g} if that SD is {found['sd_that_shows_margin']:.2g} or less; in seeds, {needed}"
    )
