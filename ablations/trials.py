"""Trials: the trainings by which an arm's recipe is chosen, and what they come to.

Pure; called by `tuning`, which proposes them, and by the runner, which has them trained. A trial is
scored on images kept out of its training; the test images are closed to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from ablations.arms import Arm
from ablations.plan import RunSpec, run_of
from ablations.record import RunState, digest
from ablations.search_space import Axis, Side
from ablations.spec import TUNING_SEED, EndpointSpec, Recipe, StudySpec, TuningSpec, changed

Direction = Literal["maximize", "minimize"]
Values = Mapping[str, Any]
_BEYOND = 0.01  # of an axis' width: how far past an end it is asked whether a recipe could go


@dataclass(frozen=True)
class Trial:
    """One training of a search, ended.

    Attributes:
        number: From 0; the seed follows from it, and is the same in every arm's search.
        values: Of the recipe keys that are searched.
        state: FINISHED; DIVERGED, which is completed with the worst value; or how it failed.
        value: Of the metric tuned on; None unless it finished.
        n_repeats: How often it had failed before.
    """

    number: int
    values: Values
    state: RunState
    value: float | None
    n_repeats: int
    run_key: str

    @property
    def is_completed(self) -> bool:
        """Whether it counts as one of the trials that the arm was promised."""
        return self.state.is_outcome

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `tuning.json`."""
        return {
            "number": self.number,
            "seed": TUNING_SEED + self.number,
            "split_seed": TUNING_SEED,
            "values": dict(self.values),
            "state": self.state.value,
            "value": self.value,
            "n_repeats": self.n_repeats,
            "run_key": self.run_key,
        }


@dataclass(frozen=True)
class SearchState:
    """How far the search of an arm is.

    Attributes:
        n_ended: Trials that have an outcome, of `n_trials`.
        chosen: What it came to; None before it is over.
    """

    arm: str
    n_ended: int
    n_trials: int
    chosen: Values | None


def tuned_metric(endpoint: EndpointSpec) -> tuple[str, Direction]:
    """What recipes are chosen by: the endpoint's kind on the validation images, else accuracy."""
    if endpoint.metric.endswith("/loss"):
        return "validation/loss", "minimize"
    return "validation/accuracy", "maximize"


def worst(direction: Direction) -> float:
    """What a trial that diverged counts as: no image right, or an endless loss."""
    return 0.0 if direction == "maximize" else float("inf")


def trial_run(spec: StudySpec, arm: Arm, number: int, values: Values) -> RunSpec:
    """The training of one trial: the arm with these values, its seed, and the split of all trials.

    Raises:
        ValidationError: The arm's recipe does not take the values.
    """
    tuning = asked(spec)
    kept = tuning.validation or arm.dataset.validation
    return run_of(
        arm.trained_with(values, validation=kept),
        seed=TUNING_SEED + number,
        root_seed=spec.root_seed,
        curves="validation",
        trial=number,
    )


def asked(spec: StudySpec) -> TuningSpec:
    """What a study says of tuning.

    Raises:
        ValueError: It says nothing.
    """
    if spec.tuning is None:
        raise ValueError(f"study {spec.study!r}: has no tuning; give it the key tuning")
    return spec.tuning


def search_name(spec: StudySpec, arm: Arm, env_key: Callable[[RunSpec], str]) -> str:
    """Names the search of an arm in an environment, for Optuna's dashboard too.

    The number of trials is not in it, so that a search can be gone on with; nor are the values that
    the arm has at the shared recipe for what is searched.

    Args:
        spec: The study.
        arm: One of its arms, at the shared recipe.
        env_key: The environment that a run would be trained in here.
    """
    tuning = asked(spec)
    plain = tuning.model_dump(mode="json", exclude={"trials", "max_repeats", "validation"})
    run = trial_run(spec, arm, 0, {key: axis.ends[0] for key, axis in tuning.space.items()})
    metric = tuned_metric(spec.endpoint)[0]
    key = digest({"of": run.identity, "search": plain, "metric": metric, "env_key": env_key(run)})
    return f"{spec.study}: {arm.name} [{key[:12]}]"


def best(trials: Iterable[Trial], direction: Direction) -> Trial | None:
    """The trial with the best value, of equal ones the first; None if there is none.

    One that diverged has the worst value, and one that failed comes after it: an arm that nothing
    trains is reported on with the first recipe that was tried.
    """
    sign = 1 if direction == "maximize" else -1

    def rank(trial: Trial) -> tuple[bool, float, int]:
        value = worst(direction) if trial.value is None else trial.value
        return trial.is_completed, sign * value, -trial.number

    return max(trials, key=rank, default=None)


def edges(space: Mapping[str, Axis], recipe: Recipe, values: Values) -> dict[str, Side]:
    """Keys whose chosen value lies on the edge of its axis, where a recipe could go beyond it."""
    sides = {key: axis.edge(values[key]) for key, axis in space.items()}
    return {
        key: side
        for key, side in sides.items()
        if side is not None and _goes_on(space[key], key, side, recipe)
    }


def _goes_on(axis: Axis, key: str, side: Side, recipe: Recipe) -> bool:
    ends: Sequence[Any] = sorted(axis.values) if axis.values else axis.ends
    low, high = ends[0], ends[-1]
    if isinstance(getattr(recipe, key), int):
        beyond = low - 1 if side == "low" else high + 1
    elif side == "low":
        beyond = low / 2 if low > 0 else low - _BEYOND * (high - low)
    else:
        beyond = high + _BEYOND * (high - low)
    try:
        changed(recipe, {key: beyond})
    except ValidationError:
        return False
    return True
