"""Several runs of one shape trained in one program: a stack.

The weights of all its runs lie side by side in one tensor a parameter, `torch.func.vmap` runs the
network over them, and one launch on a GPU does for all what it would do for one. Made by
`training`; which runs may share a stack is for `grouping` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from ablations.plan import RunSpec
from ablations.programs import Sums, copied_weights, count_steps, initial_model
from ablations.recipes import autocast, sum_dtype, training_loss
from ablations.stacked_optimisers import StackedOptimiser

Named = Mapping[str, Tensor]

CPU_LANES = 64
"""Numbers that a processor's kernels take at once, at most."""


def depends_on_place(model: nn.Module, device: torch.device, n_images: int) -> bool:
    """Whether kernels that take all runs of a stack at once would round each by its place in it.

    What is left over at the end of a tensor goes through other code of a CPU's kernels, which
    rounds otherwise: in a stack that is the last run's. Batch norm has such an end in its channels.

    Args:
        model: The network of every run.
        device: Where it is trained.
        n_images: Of a step of all runs together.
    """
    has_batch_norm = any(isinstance(module, _BatchNorm) for module in model.modules())
    return device.type == "cpu" and (has_batch_norm or n_images % CPU_LANES != 0)


class Stacked:
    """See `Program`. Bits depend on the number of runs, and neither on which nor on their order.

    Args:
        runs: S runs that `grouping` lets share a stack.
        device: Where to train.
        n_images: Training images of each.
        compiled: Whether gradients go through `torch.compile`, on a GPU as a CUDA graph.
    """

    def __init__(
        self,
        runs: Sequence[RunSpec],
        device: torch.device,
        *,
        n_images: int,
        compiled: bool = False,
    ) -> None:
        self.recipe, self.device, self.size = runs[0].recipe, device, len(runs)
        self.models = [initial_model(run, device) for run in runs]
        self.bare = deepcopy(self.models[0]).train()  # lends its forward to all of them
        self.parameters, self.weights, run_of = _weights_side_by_side(self.models)
        self.held = _rest_side_by_side(self.models)
        recipes = [run.recipe for run in runs]
        n_steps = count_steps(runs[0], n_images)
        self.optimiser = StackedOptimiser(self.weights, run_of, recipes, n_steps)
        self.loss = training_loss(self.recipe)
        self.n_taken = 0
        together = vmap(grad_and_value(self._batch_loss, has_aux=True))
        self._together = self._compiled(together) if compiled else together

    def _compiled(self, together: Callable[..., Any]) -> Callable[..., Any]:
        torch._dynamo.reset()  # only so many programs are compiled in a process, and the rest not
        for tensor in (*self.parameters.values(), *self.held.values()):
            torch._dynamo.mark_static_address(tensor)  # else a graph copies them, or is not used
        return torch.compile(together, mode="reduce-overhead")

    def begin_epoch(self) -> None:
        """See `Program`."""
        self._loss_sums = torch.zeros(self.size, dtype=sum_dtype(self.device), device=self.device)
        self._n_right = torch.zeros(self.size, dtype=torch.int64, device=self.device)

    def step(self, inputs: Tensor, labels: Tensor) -> None:
        """See `Program`."""
        images = inputs.reshape(self.size, -1, *inputs.shape[1:])
        with autocast(self.recipe, self.device):
            gradients, losses, n_right = self._gradients(images, labels.reshape(self.size, -1))
        self.optimiser.step(self.n_taken, gradients)
        self.n_taken += 1
        self._loss_sums += losses * images.shape[1]
        self._n_right += n_right

    def _gradients(self, images: Tensor, labels: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """By parameter; and of every run's batch the mean loss, and how many were right."""
        if not depends_on_place(self.bare, self.device, labels.numel()):
            gradients, (losses, n_right) = self._together(
                self.parameters, self.held, images, labels
            )
            return list(gradients.values()), losses, n_right
        rows = [slice(row, row + 1) for row in range(self.size)]
        parts = [
            self._together(_of(self.parameters, row), _of(self.held, row), images[row], labels[row])
            for row in rows
        ]
        named = [gradients for gradients, _ in parts]
        return (
            [torch.cat([one[name] for one in named]) for name in self.parameters],
            torch.cat([losses for _, (losses, _) in parts]),
            torch.cat([n_right for _, (_, n_right) in parts]),
        )

    def _batch_loss(
        self, parameters: Named, held: Named, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Of one run: the loss, and with it how many were right."""
        logits = functional_call(self.bare, (dict(parameters), dict(held)), (images,))
        return self.loss(logits, labels), (logits.detach().argmax(dim=1) == labels).sum()

    def end_epoch(self) -> list[Sums]:
        """See `Program`."""
        pairs = zip(self._loss_sums.tolist(), self._n_right.tolist(), strict=True)
        return [Sums(loss, n_right) for loss, n_right in pairs]

    def freeze(self, number: int) -> None:
        """See `Program`."""
        self.optimiser.freeze(number)

    def state(self, number: int) -> dict[str, Any]:
        """See `Program`."""
        return {
            "model": copied_weights(self.models[number]),
            "optimiser": self.optimiser.state(number),
            "step": self.n_taken,
        }

    def load(self, states: Sequence[Mapping[str, Any]]) -> None:
        """See `Program`."""
        for number, state in enumerate(states):
            self.models[number].load_state_dict(state["model"])
            self.optimiser.load(number, state["optimiser"])
        self.n_taken = states[0]["step"]


def _of(stacked: Named, row: slice) -> dict[str, Tensor]:
    return {name: value[row] for name, value in stacked.items()}


def _weights_side_by_side(models: Sequence[nn.Module]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The trained parameters of all models in one vector, which the models then look into.

    Returns:
        The parameters by name, (S, ...) each, as views of the vector; the vector, whose end is
        filling; and the model that each of its other entries belongs to.
    """
    size = len(models)
    named = [dict(model.named_parameters()) for model in models]
    trained = [name for name, one in named[0].items() if one.requires_grad]
    blocks = [torch.stack([own[name].detach() for own in named]) for name in trained]
    of = torch.arange(size, device=blocks[0].device)
    n_left = -sum(block.numel() for block in blocks) % CPU_LANES
    filling = blocks[0].new_zeros(n_left)
    weights = torch.cat([*(block.reshape(-1) for block in blocks), filling])
    run_of = torch.cat([of.repeat_interleave(block[0].numel()) for block in blocks])
    parameters: dict[str, Tensor] = {}
    start = 0
    for name, block in zip(trained, blocks, strict=True):
        parameters[name] = weights[start : start + block.numel()].view_as(block)
        start += block.numel()
        for number, own in enumerate(named):
            own[name].data = parameters[name][number]
    return parameters, weights, run_of


def _rest_side_by_side(models: Sequence[nn.Module]) -> dict[str, Tensor]:
    """The buffers of all models, and parameters that are not trained, by name: (S, ...) each.

    The models then look into them: what a layer keeps in training is there in evaluation.
    """
    held: dict[str, Tensor] = {}
    for name, one in models[0].named_parameters():
        if not one.requires_grad:
            owners = [model.get_parameter(name) for model in models]
            held[name] = torch.stack([own.detach() for own in owners])
            for number, own in enumerate(owners):
                own.data = held[name][number]
    for name, _ in models[0].named_buffers():
        held[name] = torch.stack([model.get_buffer(name) for model in models])
        path, _, leaf = name.rpartition(".")
        for number, model in enumerate(models):
            setattr(model.get_submodule(path), leaf, held[name][number])
    return held
