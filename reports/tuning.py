"""What tuning found, and what it means for the contrasts: sections and notes of a report.

Called by `reports.analysis`. Reads what the driver wrote of the searches; searches nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from reports.results import ContrastResult, Message
from reports.statistics.budget import expected_best_curve

Tuning = Mapping[str, Any]
"""`tuning.json`: metric, direction, sampler, n_trials, space, importance, and by arm its trials."""

_KEPT = ("arm", "n_completed", "chosen", "value", "trial", "edges", "importance")


def tuning_section(tuning: Tuning) -> dict[str, Any]:
    """How recipes were searched for, and by arm what was chosen; the trials themselves are counted.

    `edges` names the searched keys whose chosen value lies at an end of what was searched.
    `importance` is the share of each key in the variance of the value over the space, of that arm.
    """
    asked = ("metric", "direction", "sampler", "n_trials", "space", "importance")
    return {
        **{key: tuning[key] for key in asked},
        "arms": [
            {
                **{key: arm[key] for key in _KEPT},
                "n_diverged": sum(trial["state"] == "DIVERGED" for trial in arm["trials"]),
                "n_repeats": sum(trial["n_repeats"] for trial in arm["trials"]),
            }
            for arm in tuning["arms"]
        ],
    }


def budget_section(tuning: Tuning) -> dict[str, Any] | None:
    """The best value that so many trials are expected to find, by arm; None before any has ended.

    A trial that diverged counts as the worst: no image right, or the greatest loss that any trial
    of the study came to.
    """
    direction: Literal["maximize", "minimize"] = tuning["direction"]
    trials = [trial for arm in tuning["arms"] for trial in arm["trials"]]
    finished = [trial["value"] for trial in trials if trial["value"] is not None]
    if not finished:
        return None
    worst = 0.0 if direction == "maximize" else max(finished)
    arms = []
    for arm in tuning["arms"]:
        counted = [one for one in arm["trials"] if one["state"] in ("FINISHED", "DIVERGED")]
        values = [worst if one["value"] is None else one["value"] for one in counted]
        if values:
            best = [float(one) for one in expected_best_curve(values, direction=direction)]
            arms.append({"arm": arm["arm"], "expected_best": best})
    return {"metric": tuning["metric"], "arms": arms}


def tuning_notes(tuning: Tuning, contrasts: Sequence[ContrastResult]) -> Iterator[Message]:
    """Where the two recipes disagree; where a search was too narrow, or cut short."""
    chosen = {arm["arm"]: arm["chosen"] for arm in tuning["arms"]}
    shared = {one.name: one for one in contrasts if one.comparison == "shared"}
    for one in contrasts:
        if one.comparison == "tuned" and one.name in shared:
            yield from _disagreement(one, shared[one.name], chosen)
    for arm in tuning["arms"]:
        for key, side in arm["edges"].items():
            yield _edge(arm, key, side, tuning["space"][key])
        n_done, n_asked = arm["n_completed"], tuning["n_trials"]
        if n_done < n_asked:
            yield Message(
                "search_short",
                f"arm {arm['arm']!r}: {n_done} of {n_asked} trials were completed, so its recipe "
                "was searched for less than was planned",
                "arm",
                arm["arm"],
                "tuned",
            )


def _disagreement(
    tuned: ContrastResult, shared: ContrastResult, chosen: Mapping[str, Any]
) -> Iterator[Message]:
    if tuned.verdict is None or shared.verdict in (None, tuned.verdict):
        return
    arm, control = (_told(chosen.get(side)) for side in (tuned.arm, tuned.control))
    yield Message(
        "recipes_disagree",
        f"{tuned.name}: {shared.verdict} at the shared recipe, {tuned.verdict} where each arm has "
        f"the recipe that tuning chose for it: {arm} for {tuned.arm!r}, {control} for "
        f"{tuned.control!r}. What the shared recipe shows is of that recipe as much as of the arm",
        "contrast",
        tuned.name,
        "tuned",
    )


def _edge(arm: Mapping[str, Any], key: str, side: str, axis: Mapping[str, Any]) -> Message:
    values = axis["values"]
    low, high = (min(values), max(values)) if values else (axis["low"], axis["high"])
    end = "lower" if side == "low" else "upper"
    return Message(
        "search_edge",
        f"arm {arm['arm']!r}: the {key} that was chosen, {_number(arm['chosen'][key])}, lies at "
        f"the {end} end of what was searched, {_number(low)} to {_number(high)}; better may lie "
        f"beyond it: widen tuning.space.{key}",
        "arm",
        arm["arm"],
        "tuned",
    )


def _told(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{key} {_number(value)}" for key, value in (values or {}).items())


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
