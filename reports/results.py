"""What an analysis found: frozen records whose `to_dict` is `results.json`.

Made by `reports.analysis`, read by figures and renderers. Holds only what the runs' outcomes
determine: no clock time, duration, path or host, so that the same runs give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, cast

from reports.statistics.intervals import Interval
from reports.verdicts import ClaimVerdict, Verdict

SCHEMA = 1

Code = Literal[
    "below_test_noise",
    "capacity_confounded",
    "ceiling",
    "chance_unknown",
    "collapsed_runs",
    "confusion_left_out",
    "control_changed",
    "effects_empty_cells",
    "effects_extended",
    "effects_not_crossed",
    "effects_same_arms",
    "effects_seeds_left_out",
    "effects_too_few_seeds",
    "endpoint_changed",
    "endpoint_missing",
    "examples_unusable",
    "extended_after_results",
    "failed_runs",
    "few_pairs",
    "fragile",
    "holm_only",
    "identical",
    "mixed_devices",
    "mixed_split",
    "no_exact_test",
    "no_spread",
    "nondeterministic",
    "not_final",
    "odd_seeds",
    "one_run",
    "predictions_unusable",
    "recipes_disagree",
    "search_edge",
    "search_short",
    "seeds_dropped",
    "skewed_differences",
    "selected_on_test",
    "test_curve",
    "too_few_pairs",
    "too_few_runs",
    "two_runs",
    "unequal_epochs",
    "unequal_seeds",
    "unequal_spread",
    "unequal_trials",
    "unpaired_seeds",
    "unplanned_runs",
]
"""What a warning or a refusal is about; docs/protocol.md says of each what it means."""


@dataclass(frozen=True)
class Message:
    """A warning or a refusal: a stable code for programs, a sentence for people.

    Attributes:
        kind: Of what it is about: an arm and a contrast may have one name.
        about: Name of the arm or contrast that it is about, at the recipe of `comparison`; empty
            where it is about the study.
    """

    code: Code
    text: str
    kind: Literal["study", "arm", "contrast"] = "study"
    about: str = ""
    comparison: str = ""


@dataclass(frozen=True)
class ArmResult:
    """One arm at one recipe; values are raw, intervals at 1 - alpha.

    `control` is the arm it is compared with, on the same data set; its own name if it is that arm.
    `among_best` says whether it may be the best of the arms that are compared so.
    """

    name: str
    control: str
    comparison: str
    dataset: Mapping[str, Any]
    variant: str
    levels: Mapping[str, Any]
    recipe: Mapping[str, Any]
    changes: Mapping[str, Any]
    n_finished: int
    n_failed: int
    failures: Mapping[str, int]
    failure_ci: Interval | None
    n_collapsed: int
    collapsed_ci: Interval | None
    values: Mapping[int, float]
    mean: float | None
    sd: float | None
    ci: Interval | None
    median: float | None
    min: float | None
    max: float | None
    iqm: float | None
    iqm_ci: Interval | None
    among_best: bool | None
    n_parameters: int | None
    n_macs: int | None
    n_connections: int | None


@dataclass(frozen=True)
class ContrastResult:
    """Arm minus control, oriented so that + is better; `reports.statistics.paired` says more.

    `matched` names the contrast that answers without the difference in size, where this one is
    confounded with it and the study has one.
    """

    name: str
    arm: str
    control: str
    dataset: str | None
    family: str
    comparison: str
    method: str
    estimate: float | None
    ci: Interval | None
    ci_adjusted: Interval | None
    ci_equivalence: Interval | None
    p: float | None
    p_adjusted: float | None
    p_sign_flip: float | None
    p_equivalence: float | None
    margin: float
    sd_difference: float | None
    correlation: float | None
    hedges_dz: float | None
    win_probability: float | None
    win_probability_ci: Interval | None
    relative_error_reduction: float | None
    new_images_ci: Interval | None
    images_detectable: float | None
    estimate_with_failures: float | None
    verdict: Verdict | None
    flags: tuple[str, ...]
    n_pairs: int
    missing_pairs: tuple[int, ...]
    minimum_detectable: float | None
    seeds_for_margin: int | None
    seeds_for_verdict: int | None
    matched: str | None
    sentence: str


@dataclass(frozen=True)
class ClaimResult:
    """What became of a claim; `numbers` are those its verdict rests on, in the raw metric.

    `former` is what it said when results were seen, where it was edited since; `figure` is None
    where no figure shows more than the sentence does.
    """

    text: str
    verdict: ClaimVerdict | None
    sentence: str
    numbers: Mapping[str, Any]
    written: str
    former: str | None
    digest: str
    figure: str | None


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything a report shows, computed once."""

    study: str
    question: str
    endpoint: Mapping[str, Any]
    design: str
    plan: Mapping[str, Any]
    final: bool
    arms: tuple[ArmResult, ...]
    contrasts: tuple[ContrastResult, ...]
    effects: tuple[Mapping[str, Any], ...] = ()
    claims: tuple[ClaimResult, ...]
    failures: tuple[Mapping[str, Any], ...] = ()
    curves: tuple[Mapping[str, Any], ...]
    per_class: Mapping[str, Any] | None = None
    probes: Mapping[str, Any]
    tuning: Mapping[str, Any] | None = None
    budget: Mapping[str, Any] | None = None
    sequential: Mapping[str, Any] | None = None
    variance_budget: Mapping[str, Any] | None = None
    warnings: tuple[Message, ...]
    refusals: tuple[Message, ...]

    def to_dict(self) -> dict[str, Any]:
        """The content of `results.json`: JSON values only, missing numbers as None."""
        return {"schema": SCHEMA, **cast(dict[str, Any], _plain(self))}


def _plain(value: object) -> object:
    """`value` as JSON values: records and mappings to dicts, sequences to lists, NaN to None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
