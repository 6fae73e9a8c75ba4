from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from ablations.record import RunState, StoredRun
from ablations.searching import Past, Searches
from ablations.tuning import Journal

TUNING = {
    "trials": 7,
    "space": {"learning_rate": {"low": 0.001, "high": 1, "log": True}},
    "validation": 20,
    "max_repeats": 2,
}


def ended(run, state=RunState.FINISHED, value=0.5):
    """The record of a trial, as far as a search reads it."""
    metrics = {"validation/accuracy": value} if state is RunState.FINISHED else {}
    return SimpleNamespace(state=state, metrics=metrics, spec=run.to_dict())


class Shelf:
    """What a store holds of trials: attempts, and their records."""

    def __init__(self):
        self.stored, self.records, self.foreign = [], {}, {}

    def keep(self, run, record):
        attempt = 1 + sum(held.run_key == run.run_key for held in self.stored)
        run_id = f"{run.run_key}-{attempt}"
        identity = (run_id, "example", run.run_key, "here", attempt, record.state)
        self.stored.append(StoredRun(*identity, arm=run.arm, seed=run.seed, search=run.search))
        self.records[run_id] = record

    def lose(self, run_key):
        self.stored = [held for held in self.stored if held.run_key != run_key]

    def searches(self, plan, tmp_path, **changes):
        past = Past(
            self.stored,
            lambda held: self.records[held.run_id],
            lambda run: self.foreign.get(run.run_key),
        )
        here = {"env_key": lambda _: "here", "past": past}
        return Searches(plan.spec, plan.arms, Journal(tmp_path), **here, **changes)


@pytest.fixture
def past():
    return Shelf()


@pytest.fixture(scope="module")
def tuned(plan):
    return lambda **changes: plan(tuning={**TUNING, **changes})


def train(searches, past, ending=ended, rounds=99):
    """Train the trials of so many rounds; the rounds."""
    seen = []
    for part in searches.rounds():
        if len(seen) == rounds:
            break
        seen.append(part)
        for run in part.runs:
            record = ending(run)
            past.keep(run, record)
            searches.take(run, record)
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
    other = Shelf()
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
    assert len(train(Shelf().searches(made, tmp_path), Shelf())) == 2


def test_a_round_says_what_it_would_be_whole(tuned, past, tmp_path):
    made = tuned()
    (whole,) = train(past.searches(made, tmp_path / "a"), past, rounds=1)
    gone = whole.runs[3].run_key
    past.lose(gone)
    part = next(past.searches(made, tmp_path / "b").rounds())
    assert [run.run_key for run in part.runs if run.arm == "control"] == [gone]
    assert [run for run in part.planned if run.arm == "control"] == whole.planned[:5]


def test_a_trial_that_fails_is_repeated_and_counted(tuned, past, tmp_path):
    n_tried = Counter()

    def ending(run):
        n_tried[run.run_key] += 1
        is_bad = (run.arm, run.trial) == ("control", 1) and n_tried[run.run_key] <= 2
        return ended(run, RunState.FAILED) if is_bad else ended(run)

    searches = past.searches(tuned(), tmp_path)
    train(searches, past, ending)
    control, other = searches.to_dict()["arms"]
    assert (control["n_completed"], other["n_completed"]) == (7, 7)
    assert [trial["n_repeats"] for trial in control["trials"]] == [0, 2, 0, 0, 0, 0, 0]
    again = past.searches(tuned(), tmp_path / "lost").to_dict()["arms"]
    assert again == [control, other]  # from the store alone


def failing(run):
    """Every trial but the control's second ends well."""
    is_bad = (run.arm, run.trial) == ("control", 1)
    return ended(run, RunState.OOM) if is_bad else ended(run)


def test_a_trial_that_fails_too_often_leaves_its_arm_short(tuned, past, tmp_path):
    searches = past.searches(tuned(), tmp_path)
    train(searches, past, failing)
    assert sum(held.state is RunState.OOM for held in past.stored) == 3  # once, and twice again
    control, other = searches.to_dict()["arms"]
    assert (control["n_completed"], other["n_completed"]) == (6, 7)
    assert (control["trials"][1]["state"], control["trials"][1]["n_repeats"]) == ("OOM", 2)
    assert control["chosen"] is not None
    assert searches.n_lost == 1


def test_a_lost_trial_is_tried_again_only_where_that_is_asked_for(tuned, past, tmp_path):
    made = tuned()
    train(past.searches(made, tmp_path), past, failing)
    for journal in (tmp_path, tmp_path / "lost"):
        kept = past.searches(made, journal)
        assert list(kept.rounds()) == []
        assert kept.n_lost == 1
    again = past.searches(made, tmp_path, is_patient=True)
    (part,) = train(again, past)
    assert [(run.arm, run.trial) for run in part.runs] == [("control", 1)]
    assert again.to_dict()["arms"][0]["n_completed"] == 7
    after = past.searches(made, tmp_path / "lost")
    assert list(after.rounds()) == []  # nothing is proposed anew, though later trials knew less
    assert after.to_dict()["arms"] == again.to_dict()["arms"]


def test_an_interrupted_trial_is_no_failure(tuned, past, tmp_path):
    searches = past.searches(tuned(), tmp_path)
    part = next(searches.rounds())
    for run in part.runs:
        searches.take(run, ended(run, RunState.INTERRUPTED))
    assert searches.n_ended == 0
    assert next(searches.rounds()).runs == part.runs


def test_a_trial_that_diverged_counts_and_is_chosen_last(tuned, past, tmp_path):
    searches = past.searches(tuned(), tmp_path)
    train(
        searches, past, lambda run: ended(run, RunState.DIVERGED) if run.trial != 2 else ended(run)
    )
    arm = searches.to_dict()["arms"][0]
    assert (arm["n_completed"], arm["trial"]) == (7, 2)
    assert [trial["value"] for trial in arm["trials"]] == [None, None, 0.5, *[None] * 4]


def test_an_arm_that_nothing_trains_has_a_recipe_all_the_same(tuned, past, tmp_path):
    """Its runs then show what became of it; a report that waits for them would never end."""
    searches = past.searches(tuned(), tmp_path)
    train(searches, past, lambda run: ended(run, RunState.DIVERGED))
    arm = searches.to_dict()["arms"][0]
    assert (arm["trial"], arm["value"]) == (0, None)
    assert arm["chosen"] == arm["trials"][0]["values"]


def test_trials_of_another_study_are_taken_over(tuned, past, tmp_path):
    made = tuned()
    train(past.searches(made, tmp_path / "a"), past)
    other = Shelf()
    keys_of = {held.run_id: held.run_key for held in past.stored}
    other.foreign = {keys_of[run_id]: record for run_id, record in past.records.items()}
    searches = other.searches(made, tmp_path / "b")
    assert list(searches.rounds()) == []
    assert searches.n_ended == 14


def test_nothing_is_chosen_before_a_search_is_over(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path)
    train(searches, past, rounds=1)
    assert [arm["chosen"] for arm in searches.to_dict()["arms"]] == [None, None]


def test_only_the_arms_that_are_named_are_searched(tuned, past, tmp_path):
    made = tuned()
    searches = past.searches(made, tmp_path, is_named=lambda arm: arm == "control")
    rounds = train(searches, past)
    assert {run.arm for part in rounds for run in part.runs} == {"control"}
    assert (searches.n_ended, searches.n_trials) == (7, 7)
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
