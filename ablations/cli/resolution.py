"""What `plan` says of the seeds: the difference that they can show, and how many the margin takes.

Known before any run, in standard deviations of the paired differences; the report has the same in
the metric's unit, once there are differences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ablations.errors import counted
from ablations.plan import Plan
from ablations.seeding import seeding_of
from reports.statistics.power import POWER, detectable_in_sd, seeds_needed
from reports.statistics.sequential import SequentialPlan

EFFECTS = (0.0, 1.0, 2.0)
"""True differences, in standard deviations of the paired ones, for which runs are told."""

SPREADS = (0.25, 0.5, 1.0)
"""Standard deviations of a paired difference for which the seeds are told, in margins."""


def resolution_json(plan: Plan) -> dict[str, Any]:
    """What `plan --json` says under `resolution`; None where there is nothing to say."""
    endpoint = plan.spec.endpoint
    asked = {(frozenset((one["arm"], one["control"])), endpoint.metric) for one in plan.primary}
    asked |= {claim.asks(endpoint.metric) for claim in plan.claims if claim.name}
    alpha_each = endpoint.alpha / max(1, len(asked))
    n_seeds = len(plan.spec.seeds)
    if plan.spec.looks:  # at the last of them
        alpha_each = _sequential(plan, plan.primary[0]["comparison"]).nominal
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


def looks_json(plan: Plan) -> dict[str, Any] | None:
    """What `plan --json` says under `looks`: the runs there are at the most, and to be expected.

    What to expect depends on the true differences, which nobody knows: it is told for three.
    """
    if not plan.spec.looks:
        return None
    groups = Counter((one["control"], one["comparison"]) for one in plan.contrasts)
    comparisons = {one["comparison"] for one in plan.contrasts}
    sequential = {one: _sequential(plan, one) for one in comparisons}
    return {
        "seeds": list(plan.spec.looks),
        "n_runs_at_most": len(plan.arms) * len(plan.spec.seeds) * len(comparisons),
        "expected": [
            {
                "effect_in_sd": effect,
                "runs": round(
                    sum(
                        sequential[comparison].expected_runs(n, effect)
                        for (_, comparison), n in groups.items()
                    ),
                    1,
                ),
            }
            for effect in EFFECTS
        ],
    }


def looks_text(found: Mapping[str, Any]) -> str:
    """The same in a line or two."""
    seeds = ", ".join(map(str, found["seeds"]))
    told = ", ".join(
        f"{one['runs']:.0f} at {one['effect_in_sd']:g} SD" for one in found["expected"]
    )
    return (
        f"looks at {seeds} seeds: {counted(found['n_runs_at_most'], 'run')} at the most; to be "
        f"expected, if every arm differs from its control by as many SD of the paired differences: "
        f"{told}; fewer where the margin shows that arms are equivalent"
    )


def _sequential(plan: Plan, comparison: str) -> SequentialPlan:
    """The looks at the contrasts of one recipe, which share alpha with what claims ask there."""
    seeding = seeding_of(plan.to_dict(), [])
    contrasts = seeding.contrasts if seeding else ()
    return next(one.plan for one in contrasts if one.arm[1] == comparison)


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
