"""The search for each arm's recipe, with Optuna; the only module that knows it.

A search is a function of its past: which trial comes next follows from the study's root seed, the
number of the trial and the trials of earlier rounds, so that a search which was stopped goes on as
it would have. Optuna's journal in the working folder holds each trial as it ends; its dashboard
reads it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from ablations import seeds
from ablations.record import RunState
from ablations.search_space import Axis, cells
from ablations.spec import TUNING_SEED, Recipe, TuningSpec
from ablations.trials import Direction, Trial, Values, worst

JOURNAL_FILE = "optuna.journal"
AT_A_TIME = 5
"""Trials of a search that learns from its past, between two of its lessons."""
IMPORTANCE_EVALUATOR, IMPORTANCE_SEED = "fanova", 0
FEWEST_FOR_IMPORTANCE = 4

optuna.logging.set_verbosity(logging.WARNING)


def proposed(
    tuning: TuningSpec, ended: Mapping[int, Trial], *, root_seed: int, direction: Direction
) -> dict[int, Values]:
    """The values of the first round of trials that has not ended, by number; empty at the end.

    A grid and a random search have one round; one that learns from its past has one for each
    `AT_A_TIME` trials. Trials of the round that have ended keep the values they had.

    Args:
        tuning: What is searched.
        ended: The trials so far, by number.
        root_seed: The study's; two arms of one study are searched alike.
        direction: Whether the best is the largest or the smallest.
    """
    missing = [number for number in range(tuning.n_trials) if number not in ended]
    if not missing:
        return {}
    start, end = 0, tuning.n_trials
    if tuning.sampler == "tpe":
        start = missing[0] // AT_A_TIME * AT_A_TIME
        end = min(end, start + AT_A_TIME)
    found: dict[int, Values] = dict(enumerate(cells(tuning.space)))
    if tuning.sampler != "grid":
        study = _study_of([ended[number] for number in range(start)], tuning.space, direction)
        for number in range(start, end):
            study.sampler = _sampler(tuning, _seed(root_seed, number))
            found[number] = study.ask(_distributions(tuning.space)).params
    held = {number: ended[number].values for number in range(start, end) if number in ended}
    return {number: found[number] for number in range(start, end)} | held


def importances(
    trials: Sequence[Trial], space: Mapping[str, Axis], direction: Direction
) -> dict[str, float] | None:
    """The share of each key in the variance of the value over the space, all together 1.

    None where there is one key, or too few trials finished, or all came to one value.

    Source:
        Hutter, Hoos, Leyton-Brown 2014 (fANOVA), as Optuna has it, with the seed `IMPORTANCE_SEED`.
    """
    finished = [trial for trial in trials if trial.value is not None]
    is_flat = len({trial.value for trial in finished}) == 1
    if len(space) == 1 or len(finished) < FEWEST_FOR_IMPORTANCE or is_flat:
        return None
    study = _study_of(finished, space, direction)
    evaluator = FanovaImportanceEvaluator(seed=IMPORTANCE_SEED)
    found = get_param_importances(study, evaluator=evaluator)
    return {key: float(found[key]) for key in space}


class Journal:
    """Optuna's journal in a working folder: one study of its for each arm that is searched.

    Written by the driver alone, each trial at once when it ends.
    """

    def __init__(self, work_dir: Path) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        path = work_dir / JOURNAL_FILE
        _mend(path)
        self._storage = JournalStorage(JournalFileBackend(str(path)))

    def trials(self, search: str) -> dict[int, Trial]:
        """What has ended of a search, by number; of a number that was tried twice the last."""
        held = {study.study_name: study for study in optuna.get_all_study_summaries(self._storage)}
        if search not in held:
            return {}
        study = optuna.load_study(study_name=search, storage=self._storage)
        return {trial.number: trial for trial in map(_read, study.get_trials(deepcopy=False))}

    def add(
        self, search: str, trial: Trial, space: Mapping[str, Axis], direction: Direction
    ) -> None:
        """Write a trial that has ended; a search is made with its first."""
        study = optuna.create_study(
            study_name=search, storage=self._storage, direction=direction, load_if_exists=True
        )
        study.add_trial(_frozen(trial, space, direction))


def _mend(path: Path) -> None:
    """Drop what a full disk left of a line: the next one would be written behind it."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)


def _seed(root_seed: int, number: int) -> int:
    rng = seeds.generator(root_seed, TUNING_SEED + number, "search")
    return int(rng.integers(2**32))


def _sampler(tuning: TuningSpec, seed: int) -> optuna.samplers.BaseSampler:
    """A sampler of its own for each trial: one that lives on would not be where it was."""
    if tuning.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def _study_of(
    trials: Sequence[Trial], space: Mapping[str, Axis], direction: Direction
) -> optuna.Study:
    study = optuna.create_study(direction=direction)
    study.add_trials([_frozen(trial, space, direction) for trial in trials])
    return study


def _distributions(space: Mapping[str, Axis]) -> dict[str, BaseDistribution]:
    return {key: _distribution(key, axis) for key, axis in space.items()}


def _distribution(key: str, axis: Axis) -> BaseDistribution:
    if axis.values is not None:
        return CategoricalDistribution(axis.values)
    low, high = axis.ends
    if Recipe.model_fields[key].annotation is int:
        return IntDistribution(int(low), int(high), log=axis.log, step=int(axis.step or 1))
    return FloatDistribution(low, high, log=axis.log, step=axis.step)


def _frozen(trial: Trial, space: Mapping[str, Axis], direction: Direction) -> FrozenTrial:
    plain = trial.to_dict()
    attributes = {key: plain[key] for key in ("number", "seed", "split_seed", "state", "run_key")}
    return create_trial(
        state=TrialState.COMPLETE if trial.is_completed else TrialState.FAIL,
        value=_told(trial, direction) if trial.is_completed else None,
        params=dict(trial.values),
        distributions=_distributions(space),
        user_attrs={**attributes, "n_repeats": trial.n_repeats},
    )


def _told(trial: Trial, direction: Direction) -> float:
    return worst(direction) if trial.value is None else trial.value


def _read(frozen: FrozenTrial) -> Trial:
    told: dict[str, Any] = frozen.user_attrs
    state = RunState(told["state"])
    value = frozen.value if state is RunState.FINISHED else None
    return Trial(
        number=told["number"],
        values=frozen.params,
        state=state,
        value=None if value is None or not math.isfinite(value) else value,
        n_repeats=told["n_repeats"],
        run_key=told["run_key"],
    )
