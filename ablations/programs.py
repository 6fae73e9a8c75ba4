"""What takes an optimiser step: a program that trains runs, here one run alone.

The epoch loop in `training` drives a `Program` and does not know which kind it is; the other kind,
which trains several runs at once, is in `stacked`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ablations import seeds
from ablations.plan import RunSpec
from ablations.pooling import QuickPooling
from ablations.recipes import autocast, optimiser, rate_factor, sum_dtype, training_loss
from lenet_variants import initialisation, registry

Weights = dict[str, Tensor]
"""A network's parameters and buffers by name, on the CPU."""


@dataclass(frozen=True)
class Sums:
    """What an epoch's batches came to for one run: the sum of its losses, its right answers."""

    loss: float
    n_right: int


class Program(Protocol):
    """Trains its runs, all of one shape and in one order of the calls below.

    Attributes:
        models: One network a run, with its present weights; a step changes them.
    """

    models: list[nn.Module]

    def begin_epoch(self) -> None:
        """Put the networks in training mode and the sums of losses and right answers to 0."""

    def step(self, inputs: Tensor, labels: Tensor) -> None:
        """Take one optimiser step and add to the sums, without waiting for the device.

        Shape:
            inputs (S * B, C, H, W), the B images of the first run first; labels (S * B,).
        """

    def end_epoch(self) -> list[Sums]:
        """The sums, by run: the one time in an epoch that the device is waited for."""

    def freeze(self, number: int) -> None:
        """Change nothing more in run `number`, which has diverged; the others go on."""

    def state(self, number: int) -> dict[str, Any]:
        """What run `number` needs beside its key to go on from here; see `load`."""

    def load(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Go on from the state of every run, all after the same epoch."""


def initial_model(run: RunSpec, device: torch.device) -> nn.Module:
    """The run's network before its first step, from its own stream; global state is untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.torch_seed(run.root_seed, run.seed, "init"))
        model = registry.create(run.variant, run.input_shape, run.n_classes, **run.levels)
        initialisation.initialise(model, run.recipe.init)
    return model.to(device)


def copied_weights(model: nn.Module) -> Weights:
    """As they are now; copied, since a step changes them, and those of a stack are one tensor."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def count_steps(run: RunSpec, n_images: int) -> int:
    """Optimiser steps of a whole training on that many images."""
    return run.recipe.epochs * math.ceil(n_images / run.recipe.batch_size)


class Alone:
    """One run, as anyone would write it in PyTorch: the module and an optimiser of `torch.optim`.

    See `Program`. On a CPU the fastest way to train; on a GPU, bound by kernel launches.
    """

    def __init__(self, run: RunSpec, device: torch.device, *, n_images: int) -> None:
        self.recipe, self.device = run.recipe, device
        self.model = initial_model(run, device)
        self.models = [self.model]
        self.loss = training_loss(run.recipe)
        self.optimiser = optimiser(self.model, run.recipe, device)
        self.n_steps = count_steps(run, n_images)
        self.n_taken = 0

    def begin_epoch(self) -> None:
        """See `Program`."""
        self.model.train()
        self._loss_sum = torch.zeros((), dtype=sum_dtype(self.device), device=self.device)
        self._n_right = torch.zeros((), dtype=torch.int64, device=self.device)

    def step(self, inputs: Tensor, labels: Tensor) -> None:
        """See `Program`."""
        rate = self.recipe.learning_rate * rate_factor(self.recipe, self.n_taken, self.n_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.n_taken += 1
        self.optimiser.zero_grad(set_to_none=True)
        with autocast(self.recipe, self.device), QuickPooling():
            logits = self.model(inputs)  # (B, n_classes)
            loss = self.loss(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.gradient_clip)
        self.optimiser.step()
        self._loss_sum += loss.detach() * len(labels)  # the last, shorter batch counts by its size
        self._n_right += (logits.detach().argmax(dim=1) == labels).sum()

    def end_epoch(self) -> list[Sums]:
        """See `Program`."""
        return [Sums(self._loss_sum.item(), int(self._n_right.item()))]

    def freeze(self, number: int) -> None:
        """See `Program`; there is no other run, so no further step is asked for."""

    def state(self, number: int) -> dict[str, Any]:
        """See `Program`."""
        return {
            "model": self.models[number].state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.n_taken,
        }

    def load(self, states: Sequence[Mapping[str, Any]]) -> None:
        """See `Program`."""
        (state,) = states
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.n_taken = state["step"]
