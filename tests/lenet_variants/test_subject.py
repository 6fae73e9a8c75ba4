"""The variant under test, as the contract builds it."""

from __future__ import annotations

import pytest
import torch

from lenet_variants import catalogue
from lenet_variants.subject import Broken, Subject, expect, text


@pytest.fixture
def subject():
    return Subject(catalogue.find("net3"))


def test_its_native_size_comes_first_and_refused_ones_are_left_out(subject):
    assert subject.sizes[0] == (1, 16, 16)
    assert len(subject.sizes) == 5
    assert "conv1: expected an input of at least" in Subject(catalogue.find("lenet")).refusal(
        (1, 4, 4)
    )


def test_a_seed_gives_the_same_network_and_the_images_are_always_the_same(subject):
    one, same, other = (subject.network(seed=seed).conv1.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(subject.images(), subject.images())
    assert subject.network(levels={"channels": [2, 1]}).conv1.weight.shape[-1] == 2


def test_a_promise_that_is_not_kept_says_why():
    expect(kept=True, otherwise="never")
    with pytest.raises(Broken, match="otherwise"):
        expect(kept=False, otherwise="otherwise")
    assert text((1, 28, 28)) == "1x28x28"
