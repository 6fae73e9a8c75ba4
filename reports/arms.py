"""One arm: what its runs came to, before it is compared with anything.

Called by `reports.analysis`. Works on outcomes by seed, never on a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from reports.plan import AnalysisPlan
from reports.results import ArmResult
from reports.statistics.descriptives import describe
from reports.statistics.intervals import wilson
from reports.table import FAILURES, Cell, Outcome, is_fraction

NEAR_CHANCE = 0.1
FAR_FROM_CHANCE = 0.3


def described_arm(cell: Cell, plan: AnalysisPlan, runs: Mapping[int, Outcome]) -> ArmResult:
    """Facts, failures and the spread of one arm's endpoint.

    Args:
        cell: The arm and its recipe.
        plan: For the arm's facts and the endpoint.
        runs: Its outcomes by seed.
    """
    name, comparison = cell
    facts, endpoint = plan.facts(name), plan.endpoint
    values = {seed: run.value for seed, run in sorted(runs.items()) if run.value is not None}
    failures = Counter(run.state for run in runs.values() if run.state in FAILURES)
    n_finished = sum(run.state == "FINISHED" for run in runs.values())
    n_failed = failures.total()
    level = 1 - endpoint.alpha
    summary = describe(values.values(), level=level)
    n_lost = len(collapsed(values, chance := chance_of(name, plan)))
    return ArmResult(
        name=name,
        control=plan.control_of(name),
        comparison=comparison,
        dataset=facts.dataset,
        variant=facts.variant,
        levels=facts.levels,
        recipe=facts.tuned_recipe if comparison == "tuned" else facts.recipe,
        changes=facts.changes,
        n_finished=n_finished,
        n_failed=n_failed,
        failures={state: failures[state] for state in FAILURES if failures[state]},
        failure_ci=wilson(n_failed, n_finished + n_failed, level=level),
        n_collapsed=n_lost,
        collapsed_ci=None if chance is None else wilson(n_lost, len(values), level=level),
        values=values,
        mean=summary.mean,
        sd=summary.sd,
        ci=summary.ci,
        median=summary.median,
        min=summary.min,
        max=summary.max,
        iqm=summary.iqm,
        iqm_ci=summary.iqm_ci,
        among_best=None,  # a question to several arms, which `reports.best` asks
        n_parameters=facts.n_parameters,
        n_macs=facts.n_macs,
        n_connections=facts.n_connections,
    )


def chance_of(arm: str, plan: AnalysisPlan) -> float | None:
    """The endpoint of a network of `arm` that learnt nothing, where a perfect one's is known too.

    That is so of accuracies only: 1, which is to be maximised.
    """
    endpoint = plan.endpoint
    is_known = is_fraction(endpoint.metric) and endpoint.direction == "maximize"
    return plan.chance(arm, endpoint.metric) if is_known else None


def collapsed(values: Mapping[int, float], chance: float | None) -> list[int]:
    """Seeds of finished runs that learnt next to nothing while another run of the arm learnt.

    A run is near chance if it got at most a tenth of the way from chance to a perfect 1; it
    collapsed if the arm's best run got three tenths of the way. An arm that never learns is a bad
    arm, not a collapsed one. The best run is asked, not the median, so that an arm of which most
    runs collapse is seen too. None where chance is not known.
    """
    if chance is None or chance >= 1 or not values:
        return []
    learnt = {seed: (value - chance) / (1 - chance) for seed, value in values.items()}
    if max(learnt.values()) < FAR_FROM_CHANCE:
        return []
    return [seed for seed, share in sorted(learnt.items()) if share <= NEAR_CHANCE]
