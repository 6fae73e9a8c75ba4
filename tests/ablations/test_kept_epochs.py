"""Which epochs' weights are kept."""

import pytest

from ablations.kept_epochs import kept_epochs


@pytest.mark.parametrize(
    ("n_epochs", "kept"), [(1, ()), (2, (1,)), (3, (1, 2)), (4, (1, 2, 3)), (8, (1, 2, 3, 5))]
)
def test_each_is_the_sum_of_the_two_before_it_and_below_the_last(n_epochs, kept):
    assert kept_epochs(n_epochs) == kept


def test_a_longer_training_keeps_what_a_shorter_one_does():
    for n_epochs in range(1, 60):
        longer = kept_epochs(n_epochs + 1)
        assert longer[: len(kept_epochs(n_epochs))] == kept_epochs(n_epochs)
        assert all(epoch <= n_epochs for epoch in longer)
