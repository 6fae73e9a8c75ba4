"""Which modules of a network are its layers, and what they put out in a pass.

Called by the probes that measure by layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn

from lenet_variants.layers import ScaledTanh

# What lies between the layers: it has no units of its own, or scales those of a layer.
_BETWEEN = tuple(
    f"torch.nn.modules.{name}"
    for name in ("activation", "batchnorm", "dropout", "flatten", "instancenorm", "normalization")
)


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """The modules without children that have units of their own, by name.

    Convolutions, poolings, fully connected layers and whatever a plug-in made; not activations,
    normalisations, dropout and what only reshapes.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if name and not any(True for _ in module.children()) and not _is_between(module)
    }


@contextmanager
def each_output(model: nn.Module, take: Callable[[str, Tensor], None]) -> Iterator[None]:
    """While entered, `take(name, output)` is called for every layer as it runs."""

    def leave(name: str, _: nn.Module, __: object, output: object) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            take(name, output)

    handles = [
        module.register_forward_hook(partial(leave, name)) for name, module in layers(model).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_between(module: nn.Module) -> bool:
    kind = type(module)
    return kind.__module__ in _BETWEEN or isinstance(module, ScaledTanh | nn.Identity)
