from __future__ import annotations

from types import SimpleNamespace

import pytest

from reports.reading import key_of, newest_attempts


def run(key="a", attempt=1, state="FINISHED", place="here", end_time=0):
    """A run as MLflow has it; without a state its driver was stopped while it wrote it."""
    tags = {"run_key": key, "attempt": str(attempt), "place_key": place, "env_key": place}
    if state:
        tags["state"] = state
    info = SimpleNamespace(end_time=end_time, run_id=f"{key}-{attempt}-{place}")
    return SimpleNamespace(info=info, data=SimpleNamespace(tags=tags))


def chosen(runs, planned=("a", "b")):
    return sorted(one.info.run_id for one in newest_attempts(runs, set(planned)))


@pytest.mark.parametrize(
    ("states", "counts"),
    [
        (["FINISHED", "FINISHED"], 2),
        (["FAILED", "FINISHED"], 2),
        (["FINISHED", "INTERRUPTED"], 1),  # it says nothing, and takes no outcome's place
        (["INTERRUPTED", "INTERRUPTED"], 2),
    ],
)
def test_the_newest_attempt_that_says_something_counts(states, counts):
    runs = [run(attempt=number, state=state) for number, state in enumerate(states, start=1)]
    assert chosen(runs) == [f"a-{counts}-here"]


def test_runs_are_all_of_the_place_where_the_newest_was_trained():
    runs = [run(end_time=3), run("b", end_time=1), run("b", place="there", end_time=2)]
    assert chosen(runs) == ["a-1-here", "b-1-here"]
    assert chosen([*runs, run("b", 2, place="there", end_time=9)]) == ["b-2-there"]


def test_what_is_not_planned_or_not_whole_is_left_out():
    assert chosen([run(), run("c"), run("b", state="")]) == ["a-1-here"]
    assert chosen([]) == []


def test_a_run_is_known_by_its_key():
    assert key_of(run("b")) == "b"
