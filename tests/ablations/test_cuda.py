"""What only a card can show: stacks there, their graphs, and that a run's bits come back."""

from __future__ import annotations

import pytest
import torch

from ablations import data
from ablations.run_data import place
from ablations.training import Member, train, train_together

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
CUDA = torch.device("cuda")
SMALL = {"kernel_size": 3, "padding": 1}
CONTROLS = {
    "plain": {"variant": "lenet", "levels": SMALL},
    "batch norm": {"variant": "lenet-bn", "levels": SMALL},
    "average pooling": {"variant": "lenet-avg", "levels": SMALL},
    "1998": {"variant": "lenet5-1998", "levels": SMALL},
    "locally connected": {"variant": "locally-connected", "levels": SMALL},
    "global average": {"variant": "lenet-gap", "levels": SMALL},
    "mlp": "mlp",
}


@pytest.fixture
def members(plan, digits):
    """Four runs of a kind, their data on the card once."""

    def make(control):
        planned = plan(
            design="arms",
            factors={},
            control=control,
            seeds=4,
            dataset={"name": "digits", "subset": 200, "validation": 60},
            recipe={"epochs": 2, "batch_size": 32, "learning_rate": 0.003},
        )
        there = data.prepare(digits, planned.runs[0].dataset).to(CUDA)
        return [Member(run, place(there, run, CUDA), lambda _: None) for run in planned.runs]

    return make


def losses(trained):
    return [
        epoch.metrics[f"{split}/loss"]
        for one in trained
        for epoch in one.epochs
        for split in ("train", "validation")
    ]


def bits(trained):
    return [one.cpu() for run in trained for one in run.model.state_dict().values()]


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
def test_a_stack_agrees_with_its_runs_alone(members, control):
    these = members(control)
    alone = [train(one.run, one.data, CUDA, one.on_epoch) for one in these]
    together = train_together(these, CUDA, size=4)
    assert losses(together) == pytest.approx(losses(alone), rel=1e-3)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
def test_training_again_gives_the_same_bits(members, control, size):
    these = members(control)[:size]
    first, again = (train_together(these, CUDA, size=size) for _ in range(2))
    assert all(torch.equal(one, two) for one, two in zip(bits(first), bits(again), strict=True))


def test_bits_do_not_depend_on_position(members):
    these = members(CONTROLS["batch norm"])
    first = train_together(these, CUDA, size=4)
    turned = train_together([*these[1:], these[0]], CUDA, size=4)
    assert all(
        torch.equal(one, two) for one, two in zip(bits(first[:1]), bits(turned[3:]), strict=True)
    )


def test_graphs_agree_with_the_eager_step(members):
    these = members(CONTROLS["plain"])
    eager = train_together(these, CUDA, size=4)
    graphed = train_together(these, CUDA, size=4, compiled=True)
    assert losses(graphed) == pytest.approx(losses(eager), rel=1e-3)
