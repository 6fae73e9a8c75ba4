"""What a recipe's words mean in torch: its optimiser, schedule, losses, precision.

Called by the programs that train, by evaluation and by the epoch loop. Knows no data and no runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from ablations.spec import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]


def optimiser(model: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """The recipe's optimiser, in torch's fused form where there is one."""
    fused = device.type in ("cpu", "cuda")
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr=rate, momentum=recipe.momentum, weight_decay=decay, fused=fused
        )
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(model.parameters(), lr=rate, weight_decay=decay, fused=fused)


def rate_factor(recipe: Recipe, step: int, n_steps: int) -> float:
    """What the learning rate is multiplied with at `step` (from 0) of `n_steps`.

    `step` divides by 10 after half and again after three quarters of the steps; `cosine` falls to
    0; `onecycle` rises from 1/25 over the first 30 % and falls to 0, both as half cosines (Smith
    and Topin 2018, without the momentum cycle); `warmup` rises linearly before any but onecycle.
    """
    warm = round(recipe.warmup * n_steps / recipe.epochs)
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, n_steps - warm)
    if recipe.schedule == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    if recipe.schedule == "step":
        return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01  # noqa: PLR2004
    if recipe.schedule == "onecycle":
        rise, low = 0.3, 1 / 25
        if progress < rise:
            return low + (1 - low) * (1 - math.cos(math.pi * progress / rise)) / 2
        return (1 + math.cos(math.pi * (progress - rise) / (1 - rise))) / 2
    return 1.0


def training_loss(recipe: Recipe) -> Loss:
    """The mean loss of a batch that is minimised, from logits and class indices."""
    smoothing = recipe.label_smoothing
    if not smoothing:
        return evaluation_loss(recipe)
    return lambda logits, labels: functional.cross_entropy(
        logits, labels, label_smoothing=smoothing
    )


def evaluation_loss(recipe: Recipe) -> Loss:
    """The loss that is reported: without label smoothing, so that arms can be compared."""
    return functional.cross_entropy if recipe.loss == "cross_entropy" else _squared_error


def _squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    classes = torch.arange(logits.shape[1], device=logits.device)
    return functional.mse_loss(logits, (labels.unsqueeze(1) == classes).to(logits.dtype))


def autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    """The forward pass in bfloat16, where the recipe says so."""
    if recipe.precision != "bfloat16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def precise(recipe: Recipe) -> Iterator[None]:
    """Rounding and determinism as the recipe says, put back afterwards."""
    # `use_deterministic_algorithms` would do the same and load the compiler, to tell it too.
    matmul, deterministic = (
        torch.get_float32_matmul_precision(),
        torch.get_deterministic_debug_mode(),
    )
    convolutions = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = recipe.precision == "tf32"
    torch.set_float32_matmul_precision("high" if recipe.precision == "tf32" else "highest")
    torch.set_deterministic_debug_mode("error" if recipe.deterministic else "default")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.set_deterministic_debug_mode(deterministic)
        torch.backends.cudnn.allow_tf32 = convolutions


def sum_dtype(device: torch.device) -> torch.dtype:
    """What losses are summed in: the widest floats of a device; mps has none of 64 bits."""
    return torch.float32 if device.type == "mps" else torch.float64
