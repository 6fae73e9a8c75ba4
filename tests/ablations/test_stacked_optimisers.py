"""The stacked optimisers against `torch.optim`, run by run."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ablations.recipes import optimiser, rate_factor
from ablations.spec import Recipe
from ablations.stacked_optimisers import StackedOptimiser

CPU = torch.device("cpu")
N_STEPS = 50
SHAPES = {"weight": (4, 3), "bias": (4,), "scalar": ()}

RECIPES = {
    "sgd": [{"learning_rate": rate} for rate in (0.1, 0.01, 0.3)],
    "sgd with momentum": [
        {"learning_rate": 0.1, "momentum": 0.9},
        {"learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.1},
        {"learning_rate": 0.02, "momentum": 0.5},
    ],
    "adam": [{"learning_rate": rate} for rate in (0.1, 0.001, 0.03)],
    "adam with decay": [
        {"learning_rate": 0.01, "weight_decay": 0.1},
        {"learning_rate": 0.01},
        {"learning_rate": 0.1, "weight_decay": 0.001},
    ],
    "adamw": [
        {"learning_rate": 0.01, "weight_decay": 0.5},
        {"learning_rate": 0.1},
        {"learning_rate": 0.1, "weight_decay": 0.01},
    ],
    "adam with schedules": [
        {"learning_rate": 0.1, "schedule": "cosine"},
        {"learning_rate": 0.1, "schedule": "onecycle"},
        {"learning_rate": 0.1, "schedule": "step", "warmup": 0.4},
    ],
    "sgd with clipping": [
        {"learning_rate": 0.1, "gradient_clip": 0.5},
        {"learning_rate": 0.1},
        {"learning_rate": 0.1, "gradient_clip": 3.0},
    ],
}


def recipes(name):
    kind = name.split()[0]
    return [Recipe(optimizer=kind, epochs=1, **own) for own in RECIPES[name]]


def targets(run, dtype):
    """Where a run's weights are drawn to: its own numbers, of mixed size."""
    generator = torch.Generator().manual_seed(run)
    return {
        name: 3 * torch.randn(shape, dtype=dtype, generator=generator)
        for name, shape in SHAPES.items()
    }


def gradients(weights, aims, step):
    """Of a bowl that shakes a little, so that moments matter."""
    return {
        name: (value - aims[name]) * (1 + 0.5 * math.sin(step)) for name, value in weights.items()
    }


def alone(recipe, run, dtype):
    aims = targets(run, dtype)
    model = nn.ParameterDict(
        {name: torch.zeros(shape, dtype=dtype) for name, shape in SHAPES.items()}
    )
    theirs = optimiser(model, recipe, CPU)
    for step in range(N_STEPS):
        for group in theirs.param_groups:
            group["lr"] = recipe.learning_rate * rate_factor(recipe, step, N_STEPS)
        found = gradients({name: model[name].detach() for name in SHAPES}, aims, step)
        for name, gradient in found.items():
            model[name].grad = gradient
        if recipe.gradient_clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
        theirs.step()
    return {name: model[name].detach() for name in SHAPES}


class Together:
    """Weights of all runs as a stack has them: one vector, looked into by parameter."""

    def __init__(self, chosen, dtype, n_steps=N_STEPS):
        self.n, self.dtype = len(chosen), dtype
        counts = {name: math.prod(shape) for name, shape in SHAPES.items()}
        self.vector = torch.zeros(self.n * sum(counts.values()), dtype=dtype)
        blocks = self.vector.split([self.n * count for count in counts.values()])
        self.weights = {
            name: block.view(self.n, *SHAPES[name])
            for name, block in zip(counts, blocks, strict=True)
        }
        run_of = [torch.arange(self.n).repeat_interleave(count) for count in counts.values()]
        self.optimiser = StackedOptimiser(self.vector, torch.cat(run_of), chosen, n_steps)
        self.aims = [targets(run, dtype) for run in range(self.n)]

    def own(self, run):
        return {name: value[run].clone() for name, value in self.weights.items()}

    def step(self, number):
        found = [gradients(self.own(run), self.aims[run], number) for run in range(self.n)]
        stacked = [torch.stack([one[name] for one in found]) for name in SHAPES]
        self.optimiser.step(number, stacked)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", RECIPES)
def test_fifty_steps_are_those_of_torch(name, dtype):
    chosen = recipes(name)
    together = Together(chosen, dtype)
    for number in range(N_STEPS):
        together.step(number)
    for run, recipe in enumerate(chosen):
        expected = alone(recipe, run, dtype)
        for parameter, value in together.own(run).items():
            assert torch.allclose(value, expected[parameter], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_does_not_depend_on_its_neighbours(name):
    chosen = recipes(name)
    first = Together(chosen, torch.float32)
    other = Together(
        [chosen[0], *(one.model_copy(update={"weight_decay": 0.7}) for one in chosen[1:])],
        torch.float32,
    )
    for number in range(10):
        first.step(number)
        other.step(number)
    mine, theirs = first.own(0), other.own(0)
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


@pytest.mark.parametrize("name", RECIPES)
def test_a_frozen_run_moves_no_more_and_the_others_go_on(name):
    together, whole = (Together(recipes(name), torch.float32) for _ in range(2))
    for number in range(N_STEPS):
        if number == 20:
            together.optimiser.freeze(1)
            frozen = together.own(1)
        together.step(number)
        whole.step(number)
    assert all(torch.equal(frozen[key], together.own(1)[key]) for key in frozen)
    for run in (0, 2):
        assert all(torch.equal(together.own(run)[key], whole.own(run)[key]) for key in frozen)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd with momentum"])
def test_moments_come_back_run_by_run(name):
    first, second = (Together(recipes(name), torch.float32) for _ in range(2))
    for number in range(5):
        first.step(number)
    second.vector.copy_(first.vector)
    for run in range(3):
        second.optimiser.load(run, first.optimiser.state(run))
    for number in range(5, 10):
        first.step(number)
        second.step(number)
    assert torch.equal(first.vector, second.vector)


def test_optimisers_of_two_kinds_are_refused():
    mixed = [Recipe(optimizer="sgd"), Recipe(optimizer="adam")]
    with pytest.raises(ValueError, match="one kind of optimiser in a stack, got adam, sgd"):
        Together(mixed, torch.float32)


def test_what_no_run_asks_for_is_not_computed():
    plain = Together(recipes("adam"), torch.float32).optimiser
    assert (plain.decay, plain.momentum, plain.limits) == (None, None, None)
