"""The order of runs: whole seeds first, and no core left idle for longer than need be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.ordering import ordered


@dataclass(frozen=True)
class Seeded:
    seed: int


@dataclass(frozen=True)
class Timed:
    """A job of a made length."""

    run: Seeded
    length: float


def jobs(lengths, n_seeds):
    longest_first = sorted(lengths, reverse=True)
    return [Timed(Seeded(seed), length) for seed in range(n_seeds) for length in longest_first]


def put_in_order(made, n_workers):
    return ordered(made, lambda job: job.length, n_workers)


def ends(made, n_workers):
    """When each worker is done, if each takes the next job as soon as it is free."""
    busy_until = [0.0] * n_workers
    for job in made:
        first_free = busy_until.index(min(busy_until))
        busy_until[first_free] += job.length
    return sorted(busy_until)


@pytest.mark.parametrize("n_seeds", [3, 5, 10])
@pytest.mark.parametrize("n_workers", [2, 4])
@pytest.mark.parametrize("lengths", [(10, 3, 2, 1), (5, 4, 3, 2, 1), (4.5, 4, 1.2, 1)], ids=str)
def test_cores_end_within_the_shortest_run_of_each_other(lengths, n_workers, n_seeds):
    done = ends(put_in_order(jobs(lengths, n_seeds), n_workers), n_workers)
    assert done[-1] - done[0] <= min(lengths)


def test_seed_by_seed_they_would_not():
    done = ends(jobs((10, 3, 2, 1), 5), 2)
    assert done[-1] - done[0] == 4


def test_all_seeds_but_the_last_ones_stay_whole():
    made = jobs((4, 2, 1), 10)
    found = put_in_order(made, 2)
    assert found[:24] == made[:24]
    assert [job.length for job in found[24:]] == [4, 4, 2, 2, 1, 1]


def test_one_worker_keeps_the_plans_order():
    made = jobs((4, 2, 1), 3)
    assert put_in_order(made, 1) == made


lengths = st.lists(st.floats(0, 100), min_size=1, max_size=6)


@given(lengths, st.integers(1, 6), st.integers(1, 5))
def test_every_job_stays_and_one_seed_is_ordered_by_length(lengths, n_seeds, n_workers):
    made = jobs(lengths, n_seeds)
    found = put_in_order(made, n_workers)
    assert Counter(found) == Counter(made)
    assert put_in_order(jobs(lengths, 1), n_workers) == jobs(lengths, 1)


def test_nothing_is_nothing():
    assert put_in_order([], 2) == []
