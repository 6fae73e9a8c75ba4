from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from ablations.record import RunState
from ablations.searching import Searches
from ablations.tuning import Journal

TUNING = {
    "trials": 7,
    "space": {"learning_rate": {"low": 0.001, "high": 1, "log": True}},
    "validation": 20,
    "max_repeats": 2,
}


@dataclass
class Ended:
    """How a trial ended, as a record says it."""

    state: RunState = RunState.FINISHED
    metrics: dict[str, float] = field(default_factory=lambda: {"validation/accuracy": 0.5})


class Past:
    """What a store holds of trials: how they ended, and how often they failed, by run key."""

    def __init__(self):
        self.ended, self.failures = {}, {}

    def searches(self, plan, tmp_path, *, failed=(), **changes):
        return Searches(
            plan.spec,
            plan.arms,
            Journal(tmp_path),
            env_key=lambda _: "here",
            held={*self.ended, *failed},
            stored=lambda run: self.ended.get(run.run_key),
            failures=self.failures,
            **changes,
        )


@pytest.fixture
def past():
    return Past()


@pytest.fixture(scope="module")
def tuned(plan):
    return lambda **changes: plan(tuning={**TUNING, **changes})


def train(searches, past, ending=lambda _: Ended(), rounds=99, is_named=lambda _: True):
    """Train the trials of so many rounds; the runs of each."""
    seen = []
    for part in searches.rounds(is_named):
        if len(seen) == rounds:
            break
        seen.append(part)
        for run in part.runs:
            told = ending(run)
            past.ended[run.run_key] = told
            searches.take(run, told)
    return seen


def test_every_arm_has_the_same_trials(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path)
    rounds = train(searches, past)
    assert [len(part.runs) for part in rounds] == [10, 4]
    by_arm = {
        arm.name: {(run.seed, run.recipe.learning_rate) for p in rounds for run in p.runs
                   if run.arm == arm.name}
        for arm in made.arms
    }  # fmt: skip
    assert len(set(map(frozenset, by_arm.values()))) == 1  # they scored alike, so they agree
    assert (searches.n_ended, searches.n_trials, searches.n_lost) == (14, 14, 0)


def keys(rounds):
    return [run.run_key for part in rounds for run in part.runs]


def test_a_search_is_gone_on_with_where_it_was(tuned, past, tmp_path):
    made = tuned()
    whole = keys(train(past.searches(made, tmp_path / "a"), past))
    other = Past()
    first = keys(train(other.searches(made, tmp_path / "b"), other, rounds=1))
    rest = keys(train(other.searches(made, tmp_path / "b"), other))
    assert len(first) == 10
    assert first + rest == whole


def test_trials_that_the_store_has_are_not_trained_and_are_journaled(tuned, past, tmp_path):
    made = tuned()
    train(past.searches(made, tmp_path / "a"), past)
    searches = past.searches(made, tmp_path / "b")
    assert train(searches, past) == []
    assert searches.n_ended == 14
    found = [arm["trials"] for arm in searches.to_dict()["arms"]]
    assert [len(trials) for trials in found] == [7, 7]


def test_what_the_journal_has_and_the_store_has_not_is_trained(tuned, past, tmp_path):
    made = tuned()
    train(past.searches(made, tmp_path), past)
    assert len(train(Past().searches(made, tmp_path), Past())) == 2


def test_a_round_says_what_it_would_be_whole(tuned, past, tmp_path):
    made = tuned()
    (whole,) = train(past.searches(made, tmp_path / "a"), past, rounds=1)
    gone = whole.runs[3].run_key
    del past.ended[gone]
    part = next(past.searches(made, tmp_path / "b").rounds())
    assert [run.run_key for run in part.runs if run.arm == "control"] == [gone]
    assert [run for run in part.planned if run.arm == "control"] == whole.planned[:5]


def test_a_trial_that_fails_is_repeated_and_counted(tuned, past, tmp_path):
    searches = past.searches(tuned(), tmp_path)
    n_tried = Counter()
    for part in searches.rounds():
        for run in part.runs:
            n_tried[run.run_key] += 1
            is_bad = run.trial == 1 and n_tried[run.run_key] <= 2
            searches.take(run, Ended(RunState.FAILED, {}) if is_bad else Ended())
    control, other = searches.to_dict()["arms"]
    assert (control["n_completed"], other["n_completed"]) == (7, 7)
    assert [trial["n_repeats"] for trial in control["trials"]] == [0, 2, 0, 0, 0, 0, 0]


def lose_one(searches, past):
    """Train all, but the control's second trial, which fails each time; its key, and how often."""
    lost = []
    for part in searches.rounds():
        for run in part.runs:
            if (run.arm, run.trial) == ("control", 1):
                lost.append(run.run_key)
                searches.take(run, Ended(RunState.OOM, {}))
            else:
                past.ended[run.run_key] = Ended()
                searches.take(run, Ended())
    return lost[0], len(lost)


def test_a_trial_that_fails_too_often_leaves_its_arm_short(tuned, past, tmp_path):
    searches = past.searches(tuned(), tmp_path)
    _, n_tried = lose_one(searches, past)
    assert n_tried == 3  # once, and twice again
    control, other = searches.to_dict()["arms"]
    assert (control["n_completed"], other["n_completed"]) == (6, 7)
    assert control["trials"][1]["state"] == "OOM"
    assert control["chosen"] is not None
    assert searches.n_lost == 1


def test_a_lost_trial_is_tried_again_only_where_that_is_asked_for(tuned, past, tmp_path):
    made = tuned()
    lost, _ = lose_one(past.searches(made, tmp_path), past)
    past.failures[lost] = 3
    kept = past.searches(made, tmp_path, failed={lost})
    assert list(kept.rounds()) == []
    assert kept.n_lost == 1
    again = past.searches(made, tmp_path, failed={lost}, is_patient=True)
    assert keys(train(again, past)) == [lost]
    assert again.to_dict()["arms"][0]["n_completed"] == 7


def test_an_interrupted_trial_is_no_failure(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path)
    part = next(searches.rounds())
    for run in part.runs:
        searches.take(run, Ended(RunState.INTERRUPTED, {}))
    assert searches.n_ended == 0
    assert next(searches.rounds()).runs == part.runs


def test_a_trial_that_diverged_counts_and_is_never_chosen(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path)
    train(searches, past, lambda run: Ended(RunState.DIVERGED, {}) if run.trial else Ended())
    arm = searches.to_dict()["arms"][0]
    assert arm["n_completed"] == 7
    assert arm["trial"] == 0
    assert [trial["value"] for trial in arm["trials"]] == [0.5] + [None] * 6


def test_nothing_is_chosen_before_a_search_is_over(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path)
    train(searches, past, rounds=1)
    assert [arm["chosen"] for arm in searches.to_dict()["arms"]] == [None, None]


def test_only_the_arms_that_are_named_are_searched(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path)
    rounds = train(searches, past, is_named=lambda arm: arm == "control")
    assert {run.arm for part in rounds for run in part.runs} == {"control"}
    found = {arm["arm"]: arm["chosen"] for arm in searches.to_dict()["arms"]}
    assert found["control"] is not None
    assert found["activation=relu"] is None


def test_what_was_searched_is_written_down(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path)
    train(searches, past)
    found = searches.to_dict()
    assert (found["metric"], found["direction"]) == ("validation/accuracy", "maximize")
    assert (found["sampler"], found["n_trials"]) == ("tpe", 7)
    trial = found["arms"][1]["trials"][2]
    assert (trial["number"], trial["seed"], trial["split_seed"]) == (2, 1_000_002, 1_000_000)
