"""Programs: steps against torch written by hand, and the weights they begin with."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from ablations import seeds
from ablations.programs import Alone, count_steps, initial_model
from lenet_variants import create

CPU = torch.device("cpu")
RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def by_hand(run, data, make_optimiser):
    """The weights after the run's steps, by plain torch, and each epoch's mean training loss."""
    with torch.random.fork_rng():
        torch.manual_seed(seeds.torch_seed(run.root_seed, run.seed, "init"))
        model = create("lenet-relu", (1, 8, 8), 10, kernel_size=3, padding=1)
    optimiser = make_optimiser(model.parameters())
    losses = []
    for epoch in range(1, run.recipe.epochs + 1):
        order = seeds.generator(run.root_seed, run.seed, "order", epoch).permutation(
            len(data.train)
        )
        total = 0.0
        for start in range(0, len(order), run.recipe.batch_size):
            batch = data.train[torch.from_numpy(order[start : start + run.recipe.batch_size])]
            loss = functional.cross_entropy(
                model(data.images[batch].float() * (1 / 255)), data.labels[batch]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        losses.append(total / len(order))
    return weights(model), losses


OPTIMISERS = {
    "adam": ({"learning_rate": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01, fused=True)),
    "adamw": (
        {"learning_rate": 0.01, "weight_decay": 0.1},
        lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    ),
    "sgd": (
        {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, fused=True),
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize(("batch_size", "epochs"), [(100, 1), (32, 2)], ids=["one step", "8 steps"])
def test_steps_are_those_of_torch_by_hand_bit_for_bit(run, placed, train, name, batch_size, epochs):
    values, make_optimiser = OPTIMISERS[name]
    recipe = {"optimizer": name, "batch_size": batch_size, "epochs": epochs, **values}
    one = run(control=RELU, recipe=recipe)
    expected, losses = by_hand(one, placed(one), make_optimiser)
    trained = train(one)
    assert torch.equal(weights(trained.model), expected)
    assert trained.curves["train/loss"] == pytest.approx(losses, rel=1e-6)


def test_last_short_batch_counts_by_its_size(run, train, placed):
    one = run(recipe={"optimizer": "sgd", "learning_rate": 1e-30, "epochs": 1, "batch_size": 64})
    data = placed(one)
    assert len(data.train) == 100  # batches of 64 and 36
    model = initial_model(one, CPU)
    logits = model(data.images.float() / 255)
    (epoch,) = train(one, data).epochs
    assert epoch.metrics["train/loss"] == pytest.approx(
        functional.cross_entropy(logits, data.labels).item(), rel=1e-6
    )
    assert epoch.metrics["train/accuracy"] == (logits.argmax(1) == data.labels).sum().item() / 100
    assert epoch.n_images == 100


@pytest.fixture
def initial(run):
    def model(init="default", seed=0):
        return initial_model(run(seed, control=RELU, recipe={"init": init}), CPU)

    return model


def fans(weight):
    receptive = weight[0, 0].numel() if weight.dim() > 2 else 1
    return weight.shape[1] * receptive, weight.shape[0] * receptive


@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("default", lambda n_in, _: math.sqrt(1 / (3 * n_in))),
        ("xavier_uniform", lambda n_in, n_out: math.sqrt(2 / (n_in + n_out))),
        ("kaiming", lambda n_in, _: math.sqrt(2 / n_in)),
    ],
)
def test_init_rule_gives_its_deviation_to_every_layer(initial, init, deviation):
    layers = [
        layer for layer in initial(init).modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    for layer in layers:
        expected = deviation(*fans(layer.weight))
        spread = 4 / math.sqrt(2 * layer.weight.numel())  # four standard errors
        assert layer.weight.std().item() == pytest.approx(expected, rel=spread)


def test_init_rule_moves_weights_only(initial):
    # Biases are drawn layer by layer before the rule draws the weights again.
    default, xavier = initial().state_dict(), initial("xavier_uniform").state_dict()
    for name, value in default.items():
        assert torch.equal(value, xavier[name]) == name.endswith("bias")


def test_initial_weights_follow_the_seed_and_not_the_callers_state(initial):
    torch.manual_seed(1)
    first = weights(initial())
    torch.manual_seed(2)
    assert torch.equal(first, weights(initial()))
    assert not torch.equal(first, weights(initial(seed=1)))


@pytest.fixture
def batch(run, placed):
    """Twenty images and labels as a step gets them."""
    data = placed(run())
    return data.inputs(data.images[:20]), data.labels[:20]


def test_sums_are_of_one_epoch_and_count_every_image(run, batch):
    one = run(control=RELU, recipe={"optimizer": "sgd", "learning_rate": 1e-30})
    program = Alone(one, CPU, n_images=100)
    inputs, labels = batch
    logits = program.models[0](inputs)
    loss = functional.cross_entropy(logits, labels, reduction="sum").item()
    n_right = int((logits.argmax(1) == labels).sum())
    for _ in range(2):
        program.begin_epoch()
        program.step(inputs[:15], labels[:15])
        program.step(inputs[15:], labels[15:])
        (sums,) = program.end_epoch()
        assert (sums.loss, sums.n_right) == (pytest.approx(loss, rel=1e-6), n_right)


def test_an_epoch_begins_in_training_mode(run):
    program = Alone(run(), CPU, n_images=100)
    program.models[0].eval()
    program.begin_epoch()
    assert program.models[0].training


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_program_goes_on_from_its_state_with_the_same_bits(run, batch, name):
    recipe = {"optimizer": name, "schedule": "cosine", "epochs": 4, **OPTIMISERS[name][0]}
    one = run(control=RELU, recipe=recipe)
    whole, stopped, resumed = (Alone(one, CPU, n_images=20) for _ in range(3))
    for program, n_steps in ((whole, 3), (stopped, 2)):
        program.begin_epoch()
        for _ in range(n_steps):
            program.step(*batch)
    resumed.load([stopped.state(0)])
    resumed.begin_epoch()
    resumed.step(*batch)
    assert torch.equal(weights(resumed.models[0]), weights(whole.models[0]))
    assert not torch.equal(weights(resumed.models[0]), weights(stopped.models[0]))


@pytest.mark.parametrize(("n_images", "n_steps"), [(100, 12), (96, 9), (97, 12), (1, 3)])
def test_steps_of_a_training_count_the_last_short_batch(run, n_images, n_steps):
    assert count_steps(run(recipe={"epochs": 3, "batch_size": 32}), n_images) == n_steps
