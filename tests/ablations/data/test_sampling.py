from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablations.data.sampling import (
    SAMPLE_SIZE,
    fifth_of_each_class,
    probed_sample,
    proportional,
    split,
    stratified,
    take,
)
from ablations.errors import DataError

LABELS = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("counts", "n", "wanted"),
    [
        ([60, 30, 10], 10, [6, 3, 1]),
        ([10, 10, 10], 10, [4, 3, 3]),  # equal remainders: the lower label
        ([98, 1, 1], 10, [8, 1, 1]),  # no class is lost
        ([98, 1, 1], 2, [2, 0, 0]),  # fewer than classes: plain proportion
        ([5, 0, 5], 4, [2, 0, 2]),
        ([3, 4], 7, [3, 4]),
        ([3, 4], 0, [0, 0]),
    ],
)
def test_shares_follow_largest_remainders(counts: list[int], n: int, wanted: list[int]):
    assert proportional(np.array(counts), n).tolist() == wanted


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.data())
def test_shares_are_exact_possible_and_leave_no_class_out(counts: list[int], data: st.DataObject):
    n = data.draw(st.integers(len(counts), sum(counts)))

    wanted = proportional(np.array(counts), n)

    assert wanted.sum() == n
    assert (wanted >= 1).all()
    assert (wanted <= counts).all()


def test_take_gives_what_was_wanted_sorted_and_nested():
    labels = LABELS.numpy()

    small = take(labels, np.array([2, 3, 1]), rng())
    large = take(labels, np.array([20, 3, 5]), rng())

    assert np.bincount(labels[small]).tolist() == [2, 3, 1]
    assert (np.diff(small) > 0).all()
    assert set(small) <= set(large)


def test_split_is_stratified_disjoint_and_complete():
    train, validation = split(LABELS, 20, rng())

    assert torch.bincount(LABELS[validation]).tolist() == [12, 6, 2]
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(100))
    assert train.dtype == validation.dtype == torch.int64
    assert train.is_contiguous()
    assert validation.is_contiguous()


def test_split_follows_its_generator():
    assert split(LABELS, 20, rng(1))[1].equal(split(LABELS, 20, rng(1))[1])
    assert not split(LABELS, 20, rng(1))[1].equal(split(LABELS, 20, rng(2))[1])


def test_without_validation_everything_trains_and_nothing_is_drawn():
    generator = rng()

    train, validation = split(LABELS, 0, generator)

    assert train.tolist() == list(range(100))
    assert validation.shape == (0,)
    assert generator.bit_generator.state == rng().bit_generator.state


@pytest.mark.parametrize("validation", [-1, 100, 101])
def test_split_refuses_to_leave_nothing_to_train_on(validation: int):
    with pytest.raises(DataError, match=f"0 <= validation < 100, got {validation}"):
        split(LABELS, validation, rng())


def test_stratified_refuses_more_than_there_is():
    with pytest.raises(DataError, match="expected 0 <= n <= 100, got 101"):
        stratified(LABELS, 101, rng())


def test_a_made_test_part_is_a_fifth_of_each_class():
    assert fifth_of_each_class(np.repeat([0, 1, 2], [100, 13, 2])).tolist() == [20, 3, 1]


def test_probes_look_at_all_of_few_images_and_at_a_fixed_share_of_many():
    assert probed_sample(LABELS).tolist() == list(range(100))
    many = LABELS.repeat(30)
    chosen = probed_sample(many)
    assert torch.equal(chosen, stratified(many, SAMPLE_SIZE, rng(0)))
    assert torch.bincount(many[chosen]).tolist() == [600, 300, 100]
