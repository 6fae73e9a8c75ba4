"""The runner's first half: what of a study's trials is trained, and what the plan has after it."""

from __future__ import annotations

import pytest

from ablations.options import RunOptions
from ablations.preparation import Prepared
from ablations.progress import Searching
from ablations.study_file import parse_study
from ablations.tracking.tracker import Tracker
from ablations.tuner import Tuner

TUNING = {"sampler": "grid", "space": {"learning_rate": [0.01, 0.1]}, "validation": 20}


@pytest.fixture
def tuner(home, store_uri, tiny):
    """The tuner of the tiny study, what it observed, and how often it stored the plan."""

    def make(**changes):
        spec = parse_study(tiny(seeds=1, tuning=TUNING, **changes))
        prepared = Prepared(spec, RunOptions(device="cpu"))
        tracker, told, opened = Tracker(store_uri, home / ".ablations"), [], []

        def open_study():
            opened.append(tracker.open_study(prepared.plan))

        open_study()
        return Tuner(prepared, tracker, told.append, open_study), told, opened

    return make


def drive(tuner, stop_after=99):
    """Do every round as the runner does; the trials that were trained."""
    trained = []
    for stacks in tuner.rounds():
        worker = tuner.prepared.worker([job for stack in stacks for job in stack.jobs])
        for stack in stacks:
            for (outcome,) in worker.prepared().perform(stack, lambda *_: None):
                if len(trained) == stop_after:
                    return trained
                record = outcome.record.as_attempt(1)
                tuner.tracker.add_run(tuner.prepared.spec.study, record, outcome.files)
                tuner.take(outcome.job.run, record)
                trained.append(outcome.job.run)
    return trained


def test_after_the_last_round_the_plan_has_the_recipes_that_were_chosen(tuner):
    one, told, _ = tuner()
    assert one.prepared.plan.tuned == ()
    trained = drive(one)
    assert [(run.arm, run.trial) for run in trained] == [
        ("control", 0),
        ("control", 1),
        ("activation=relu", 0),
        ("activation=relu", 1),
    ]
    assert [arm.name for arm in one.prepared.plan.tuned] == ["control", "activation=relu"]
    assert [type(event) for event in told] == [Searching]
    stored = one.tracker.stored_plan("tiny")
    assert list(stored["tuned"]) == ["control", "activation=relu"]
    assert one.is_stored


def test_a_search_that_was_stopped_goes_on_and_one_that_is_over_is_not_begun_again(tuner):
    first, _, _ = tuner()
    assert len(drive(first, stop_after=1)) == 1
    second, told, _ = tuner()
    assert second.prepared.plan.tuned == ()
    assert len(drive(second)) == 3
    assert told[0].n_ended == 1
    third, told, _ = tuner()
    assert len(third.prepared.plan.tuned) == 2  # known before anything is asked
    assert drive(third) == []
    assert (told, third.is_stored) == ([], False)


def test_trials_of_another_study_are_linked_once_this_one_is_stored(tuner):
    drive(tuner()[0])
    other, _, opened = tuner(study="other")
    before = len(opened)
    assert drive(other) == []
    assert len(opened) > before
    ours = [run for run in other.tracker.stored_runs(kind="tuning") if run.study == "other"]
    assert len(ours) == 4
