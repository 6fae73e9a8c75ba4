"""The searches of a study: which trials are to be trained next, over all of its arms.

Called by the runner, which has them trained and hands back what came of them. What a search found
is written down for reports, which know no sampler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ablations import tuning
from ablations.arms import Arm
from ablations.plan import RunSpec
from ablations.record import RunRecord, RunState, StoredRun
from ablations.spec import TUNING_SEED, StudySpec
from ablations.trials import Trial, Values, asked, best, edges, search_name, trial_run, tuned_metric

TUNING_SCHEMA = 1


@dataclass(frozen=True)
class Round:
    """Trials that may be trained at one time.

    Attributes:
        runs: Those that are to be trained.
        planned: Also those that have ended before: what is stacked together depends on all.
    """

    runs: list[RunSpec]
    planned: list[RunSpec]


@dataclass(frozen=True)
class Past:
    """What was trained of a study's searches before.

    Attributes:
        ours: The trials of the study that the store holds, of every attempt.
        read: The record of one of them.
        elsewhere: The record of a trial that another study has trained; None if none has.
    """

    ours: Sequence[StoredRun]
    read: Callable[[StoredRun], RunRecord]
    elsewhere: Callable[[RunSpec], RunRecord | None]


@dataclass
class _Search:
    """One arm's: its name in the journal, and the trials that have ended, by number."""

    arm: Arm
    name: str
    ended: dict[int, Trial] = field(default_factory=dict)


class Searches:
    """Every arm's search, as far as it has come.

    The store is what says which trials have ended; the journal follows it.

    Args:
        spec: A study with tuning.
        arms: Those whose recipes are searched.
        journal: Where each trial is written as it ends.
        env_key: The environment that a run would be trained in here.
        past: What was trained before.
        is_patient: Whether trials that failed as often as they may are tried anew.
        is_named: Whether an arm is one that trials are to be trained of.
    """

    def __init__(
        self,
        spec: StudySpec,
        arms: Sequence[Arm],
        journal: tuning.Journal,
        *,
        env_key: Callable[[RunSpec], str],
        past: Past,
        is_patient: bool = False,
        is_named: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.spec, self.tuning, self.journal = spec, asked(spec), journal
        self.metric, self.direction = tuned_metric(spec.endpoint)
        self._past, self._is_patient = past, is_patient
        self._failures = Counter(run.run_key for run in past.ours if run.state.is_failure)
        self._searches = [
            self._begun(_Search(arm, search_name(spec, arm, env_key))) for arm in arms
        ]
        self._named = [search for search in self._searches if is_named(search.arm.name)]

    def _begun(self, search: _Search) -> _Search:
        """A search with what has ended of it."""
        attempts: dict[int, list[StoredRun]] = {}
        for run in self._past.ours:
            number = run.seed - TUNING_SEED
            if run.search == search.name and number < self.tuning.n_trials:
                attempts.setdefault(number, []).append(run)
        journaled = self.journal.trials(search.name)
        for number, runs in sorted(attempts.items()):
            newest = max(runs, key=lambda run: (run.state.is_outcome, run.attempt))
            is_lost = self._failures[newest.run_key] > self.tuning.max_repeats
            if not newest.state.is_outcome and (self._is_patient or not is_lost):
                continue
            known = journaled.get(number)
            if known and (known.run_key, known.state) == (newest.run_key, newest.state):
                search.ended[number] = known
            else:
                self._end(search, number, newest.run_key, self._past.read(newest))
        return search

    @property
    def n_trials(self) -> int:
        """Trials of the searches of all arms that are named, together."""
        return self.tuning.n_trials * len(self._named)

    @property
    def n_ended(self) -> int:
        """Those of them that have ended, well or not."""
        return sum(len(search.ended) for search in self._named)

    @property
    def n_lost(self) -> int:
        """Trials of any arm that failed as often as they may."""
        trials = [trial for search in self._searches for trial in search.ended.values()]
        return sum(not trial.is_completed for trial in trials)

    def rounds(self) -> Iterator[Round]:
        """The trials to be trained next, until the searches of all arms that are named are over.

        Between two rounds, `take` is to be given what came of each; one that it was not given, or
        that failed, is in the next round again.
        """
        while True:
            found = [self._round(search) for search in self._named]
            runs = [run for one in found for run in one.runs]
            if not runs:
                return
            yield Round(runs, [run for one in found for run in one.planned])

    def take(self, run: RunSpec, record: RunRecord) -> None:
        """Note how a trial ended; written to the journal unless it is to be tried again."""
        if record.state is RunState.INTERRUPTED:
            return
        search = next(one for one in self._searches if one.arm.name == run.arm)
        if record.state.is_failure:
            self._failures[run.run_key] += 1
            if self._failures[run.run_key] <= self.tuning.max_repeats:
                return
        self._end(search, run.trial or 0, run.run_key, record)

    def _round(self, search: _Search) -> Round:
        """The next round of a search of which a trial is nowhere to be had; empty at its end."""
        while values := self._proposed(search):
            runs = [
                replace(trial_run(self.spec, search.arm, *one), search=search.name)
                for one in values.items()
            ]
            missing = [run for run in runs if run.trial not in search.ended]
            wanted = []
            for run in missing:
                known = self._past.elsewhere(run)
                if known is None:
                    wanted.append(run)
                else:
                    self._end(search, run.trial or 0, run.run_key, known)
            if wanted:
                return Round(wanted, runs)
        return Round([], [])

    def _proposed(self, search: _Search) -> dict[int, Values]:
        return tuning.proposed(
            self.tuning,
            search.ended,
            root_seed=self.spec.root_seed,
            direction=self.direction,
        )

    def _end(self, search: _Search, number: int, run_key: str, record: RunRecord) -> None:
        n_failures = self._failures[run_key]
        trial = Trial(
            number=number,
            values={key: record.spec["recipe"][key] for key in self.tuning.space},
            state=record.state,
            value=record.metrics[self.metric] if record.state is RunState.FINISHED else None,
            n_repeats=n_failures - record.state.is_failure,
            run_key=run_key,
        )
        search.ended[number] = trial
        self.journal.add(search.name, trial, self.tuning.space, self.direction)

    def to_dict(self) -> dict[str, Any]:
        """`tuning.json`: what was searched, every trial, and what was chosen."""
        return {
            "schema": TUNING_SCHEMA,
            "metric": self.metric,
            "direction": self.direction,
            **self.tuning.to_dict(),
            "importance": {
                "evaluator": tuning.IMPORTANCE_EVALUATOR,
                "seed": tuning.IMPORTANCE_SEED,
            },
            "arms": [self._found(search) for search in self._searches],
        }

    def _found(self, search: _Search) -> dict[str, Any]:
        trials = [search.ended[number] for number in sorted(search.ended)]
        is_over = len(trials) == self.tuning.n_trials
        winner = best(trials, self.direction) if is_over else None
        space = self.tuning.space
        return {
            "arm": search.arm.name,
            "search": search.name,
            "n_completed": sum(trial.is_completed for trial in trials),
            "chosen": dict(winner.values) if winner else None,
            "value": winner.value if winner else None,
            "trial": winner.number if winner else None,
            "edges": edges(space, search.arm.recipe, winner.values) if winner else {},
            "importance": tuning.importances(trials, space, self.direction) if is_over else None,
            "trials": [trial.to_dict() for trial in trials],
        }
