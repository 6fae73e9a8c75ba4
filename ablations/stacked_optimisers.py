"""SGD, Adam and AdamW for many runs at once, each with its own rate, decay, momentum and clipping.

`torch.optim` has one learning rate a tensor, and a stack keeps the weights of all its runs in one.
Called by `stacked`. A step is a few operations on one long vector, whatever the number of runs, and
reads nothing back from the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ablations.recipes import rate_factor
from ablations.spec import Recipe

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam and AdamW, as in torch.optim
_CLIP_EPSILON = 1e-6  # as in torch.nn.utils.clip_grad_norm_


class StackedOptimiser:
    """The optimiser of S runs that share a kind (sgd, adam or adamw) and a number of steps.

    Args:
        weights: Every weight of every run, changed in place; after those of `run_of`, filling.
        run_of: Which run each of them belongs to.
        recipes: One a run.
        n_steps: Of a whole training.

    Raises:
        ValueError: The recipes name several kinds.

    Shape:
        weights (P,) floats; run_of (at most P,) int64 below S.

    Source:
        The update rules of `torch.optim`; Loshchilov and Hutter 2019 for AdamW.
    """

    def __init__(
        self, weights: Tensor, run_of: Tensor, recipes: Sequence[Recipe], n_steps: int
    ) -> None:
        filling = len(weights) - len(run_of)
        self.weights, self.n_owned = weights, len(run_of)
        self.run_of = torch.cat([run_of, run_of.new_zeros(filling)])
        self.filling = weights.new_zeros(filling)
        self.kind = _kind(recipes)
        rates = _rates(recipes, n_steps)
        self.rates = rates.to(weights)  # (n_steps, S)
        self.sizes = self.rates
        self.decay = self._each([recipe.weight_decay for recipe in recipes])
        self.momentum = self._each([recipe.momentum for recipe in recipes])
        self.limits = self._limits([recipe.gradient_clip for recipe in recipes])
        self.moments = {name: torch.zeros_like(weights) for name in _MOMENTS[self.kind]}
        self.roots: Tensor | None = None
        if self.kind != "sgd":
            first, second = (1 - _powers(beta, n_steps) for beta in BETAS)
            self.sizes = (rates / first[:, None]).to(weights)
            self.roots = second.sqrt().to(weights)  # (n_steps,)

    def _each(self, values: Sequence[float]) -> Tensor | None:
        """A run's value for each of its weights; None where all are 0."""
        if not any(values):
            return None
        return torch.tensor(values).to(self.weights).index_select(0, self.run_of)

    def _limits(self, clips: Sequence[float | None]) -> Tensor | None:
        if not any(clips):
            return None
        return torch.tensor([clip or float("inf") for clip in clips]).to(self.weights)

    @torch.no_grad()
    def step(self, number: int, gradients: Sequence[Tensor]) -> None:
        """Take step `number`, from 0.

        Shape:
            gradients: One tensor a parameter, (S, ...), in the order of the weights.
        """
        rates, sizes = self.rates[number], self.sizes[number]
        root = None if self.roots is None else self.roots[number]
        gradient = torch.cat([*(one.reshape(-1) for one in gradients), self.filling])
        if self.limits is not None:
            gradient = gradient * self._shrinkage(gradients, self.limits)
        if self.decay is not None and self.kind == "adamw":
            self.weights.mul_(1 - rates.index_select(0, self.run_of) * self.decay)
        elif self.decay is not None:
            gradient = torch.addcmul(gradient, self.weights, self.decay)
        direction = self._velocity(gradient) if root is None else self._adam(gradient, root)
        self.weights.sub_(direction * sizes.index_select(0, self.run_of))

    def _shrinkage(self, gradients: Sequence[Tensor], limits: Tensor) -> Tensor:
        """What the gradient of each weight is multiplied with, to bring its run to its norm."""
        norms = torch.stack([one.reshape(len(one), -1).norm(dim=1) for one in gradients]).norm(
            dim=0
        )  # (S,)
        shrinkage: Tensor = (limits / (norms + _CLIP_EPSILON)).clamp(max=1.0)
        return shrinkage.index_select(0, self.run_of)

    def _velocity(self, gradient: Tensor) -> Tensor:
        if self.momentum is None:
            return gradient
        velocity = self.moments["velocity"]
        return velocity.mul_(self.momentum).add_(gradient)

    def _adam(self, gradient: Tensor, root: Tensor) -> Tensor:
        mean, square = self.moments["mean"], self.moments["square"]
        mean.lerp_(gradient, 1 - BETAS[0])
        square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        return mean / square.sqrt().div_(root).add_(EPSILON)

    def freeze(self, run: int) -> None:
        """Let every further step of this run be 0."""
        self.rates[:, run] = 0
        self.sizes[:, run] = 0

    def state(self, run: int) -> dict[str, Tensor]:
        """The moments of one run."""
        return {name: moment[self._own(run)].cpu() for name, moment in self.moments.items()}

    def load(self, run: int, state: Mapping[str, Tensor]) -> None:
        """Take up the moments of one run."""
        for name, moment in self.moments.items():
            moment[self._own(run)] = state[name].to(moment)

    def _own(self, run: int) -> Tensor:
        return (self.run_of[: self.n_owned] == run).nonzero().squeeze(1)


_MOMENTS = {"sgd": ("velocity",), "adam": ("mean", "square"), "adamw": ("mean", "square")}


def _kind(recipes: Sequence[Recipe]) -> str:
    kinds = sorted({recipe.optimizer for recipe in recipes})
    if len(kinds) > 1:
        raise ValueError(
            f"recipes: expected one kind of optimiser in a stack, got {', '.join(kinds)}"
        )
    return kinds[0]


def _rates(recipes: Sequence[Recipe], n_steps: int) -> Tensor:
    """The learning rate of every run at every step: (n_steps, S)."""
    factors = {
        key: [rate_factor(recipe, step, n_steps) for step in range(n_steps)]
        for key, recipe in {_schedule(recipe): recipe for recipe in recipes}.items()
    }
    columns = [
        torch.tensor(factors[_schedule(recipe)], dtype=torch.float64) * recipe.learning_rate
        for recipe in recipes
    ]
    return torch.stack(columns, dim=1)


def _schedule(recipe: Recipe) -> tuple[str, float, int]:
    return recipe.schedule, recipe.warmup, recipe.epochs


def _powers(base: float, n: int) -> Tensor:
    """base, base ** 2, ..., base ** n."""
    return base ** torch.arange(1, n + 1, dtype=torch.float64)
