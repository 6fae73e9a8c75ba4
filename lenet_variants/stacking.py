"""Whether several copies of a network can be trained as one program, or what stands against it.

Called by the contract of the variants, and by whoever wants to train runs side by side. A stack
holds the weights of all copies in tensors with one more dimension; `torch.func.vmap` runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from textwrap import shorten

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy
from torch.nn.modules.dropout import _DropoutNd

from lenet_variants.card import Shape

N_IMAGES = 4
Gradients = dict[str, Tensor]


def why_not_stacked(model: nn.Module, input_shape: Shape, n_classes: int) -> str | None:
    """Why copies of `model` cannot be trained in one stack; None where they can.

    Two copies with different weights and different images are trained one step alone and stacked:
    every gradient must be the same. Dropout layers are switched off for it, since a stack draws
    other numbers.

    Args:
        model: A network on any device; it is left as it is.
        input_shape: (channels, height, width) of one image.
        n_classes: Number of its class scores.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        return "it has no parameters to train"
    copies = [_copy(model, scale) for scale in (1.0, 1.1)]
    device = next(model.parameters()).device
    fixed = torch.Generator().manual_seed(0)
    images = torch.rand(2, N_IMAGES, *input_shape, generator=fixed).to(device)
    labels = torch.arange(2 * N_IMAGES, device=device).reshape(2, N_IMAGES) % n_classes
    parameters, buffers = stack_module_state(copies)
    bare = deepcopy(copies[0])  # on the meta device, weights that are one would become two

    def loss(own: Mapping[str, Tensor], kept: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(bare, (dict(own), dict(kept)), (x,)), y)

    try:
        stacked = vmap(grad(loss))(parameters, buffers, images, labels)
    except Exception as error:  # whatever a network's forward meets under vmap
        return shorten(f"{type(error).__name__}: {error}", 160, placeholder=" ...")
    for number, copy in enumerate(copies):
        alone = _gradients(copy, images[number], labels[number])
        whole = torch.stack([one.norm() for one in alone.values()]).norm()
        for name, one in alone.items():
            # Beside the whole gradient: a bias that a normalisation cancels has but rounding.
            if (stacked[name][number] - one).norm() > 1e-3 * one.norm() + 1e-4 * whole:
                return f"{name} has another gradient in a stack than alone"
    return None


def random_layers(model: nn.Module) -> list[str]:
    """The names of the layers that draw at random while they train."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, _DropoutNd) and module.p > 0
    ]


def _copy(model: nn.Module, scale: float) -> nn.Module:
    copied = deepcopy(model).train()
    for module in copied.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.mul_(scale)
    return copied


def _gradients(model: nn.Module, images: Tensor, labels: Tensor) -> Gradients:
    """By trained parameter; zero where the loss does not depend on it, as `torch.func` has it."""
    cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
    return {
        name: torch.zeros_like(one) if one.grad is None else one.grad
        for name, one in model.named_parameters()
        if one.requires_grad
    }
