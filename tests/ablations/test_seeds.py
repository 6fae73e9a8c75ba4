"""Streams of randomness: each its own, and none of them the arm's."""

from __future__ import annotations

import inspect
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations import seeds

PLACES = list(product([0, 1], [0, 1], sorted(seeds.STREAM_IDS), [0, 1]))


def draws(*place):
    return seeds.generator(*place).integers(2**63, size=4).tolist()


def test_stream_ids_are_pinned():
    streams = ("split", "order", "init", "augment", "dropout", "search")
    assert {name: number for number, name in enumerate(streams)} == seeds.STREAM_IDS


def test_first_draws_are_pinned():
    assert seeds.generator(0, 0, "order", 1).permutation(6).tolist() == [2, 3, 5, 1, 0, 4]
    assert seeds.torch_seed(0, 0, "init") == 3_408_919_366_147_714_228


@given(st.integers(0, 2**40), st.integers(0, 2**31 - 1), st.integers(0, 1000))
def test_the_same_place_gives_the_same_stream(root_seed, seed, epoch):
    place = (root_seed, seed, "order", epoch)
    assert draws(*place) == draws(*place)
    assert seeds.torch_seed(*place) == seeds.torch_seed(*place)


def test_root_seed_seed_stream_and_epoch_each_give_another_stream():
    assert len({tuple(draws(*place)) for place in PLACES}) == len(PLACES)
    assert len({seeds.torch_seed(*place) for place in PLACES}) == len(PLACES)


def test_streams_that_only_differ_in_order_of_numbers_are_different():
    assert draws(1, 2, "split", 0) != draws(2, 1, "split", 0)
    assert draws(0, 1, "split", 2) != draws(0, 2, "split", 1)


def test_torch_seed_fits_torch_and_numpy_alike():
    values = [seeds.torch_seed(*place) for place in PLACES]
    assert all(0 <= value < 2**63 for value in values)
    assert isinstance(np.int64(values[0]), np.int64)


def test_no_stream_can_depend_on_the_arm():
    for function in (seeds.generator, seeds.torch_seed):
        assert list(inspect.signature(function).parameters) == [
            "root_seed",
            "seed",
            "stream",
            "epoch",
        ]


def test_unknown_stream_is_refused():
    with pytest.raises(KeyError, match="noise"):
        seeds.generator(0, 0, "noise")
