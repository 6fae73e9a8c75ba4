"""The probe `gradient_flow`: what reaches each layer backwards, and which units pass it on.

Called through `registry`. The first weights follow from the seed, the last are given, and those of
some epochs between were kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ablations.probe_cards import EPOCH, WITHIN
from ablations.probes.layers import each_output, layers
from ablations.probes.probed import Probed, batches
from ablations.programs import initial_model
from ablations.recipes import evaluation_loss


def gradient_flow(probed: Probed) -> dict[str, float]:
    """Gradients, saturated outputs and dead units by layer, on a sample of training images.

    In eval mode, in full precision of the weights, without label smoothing. Names with `epoch_K_`
    are of the network after K epochs, 0 being before its first step.

    Returns:
        `gradient_norm/LAYER`: the Euclidean norm of the gradient of the mean loss by the layer's
        own weights and biases; none for layers without. `saturation/LAYER`: of a layer that a
        sigmoid or tanh follows, the share of its outputs, over images and units, within 5 % of the
        range from an end of it. `dead/LAYER`: of a layer that one of these or ReLU follows, the
        share of units that no image moves: saturated for every image of the sample, or 0 for every
        one. A unit is one number that the layer puts out for an image.
    """
    device = probed.data.images.device
    model = initial_model(probed.run, device).eval()
    found = _named(0, _flow(probed, model))
    for epoch, weights in probed.kept.items():
        model.load_state_dict(weights)
        found |= _named(epoch, _flow(probed, model))
    model.load_state_dict(probed.model.state_dict())
    return found | _flow(probed, model)


def _named(epoch: int, found: Mapping[str, float]) -> dict[str, float]:
    return {f"{EPOCH.format(epoch)}{name}": number for name, number in found.items()}


def _flow(probed: Probed, model: nn.Module) -> dict[str, float]:
    """The measures of one network, whose gradients are left on it."""
    model.zero_grad(set_to_none=True)
    images, labels = probed.training_sample()
    loss = evaluation_loss(probed.run.recipe)
    activations = _Activations()
    for batch, own in zip(batches(images), batches(labels), strict=True):
        with each_output(model, activations.enter), activations:
            logits = model(probed.data.inputs(batch))
        (loss(logits, own) * (len(own) / len(labels))).backward()  # type: ignore[no-untyped-call]
    return _gradient_norms(model) | activations.metrics()


def _gradient_norms(model: nn.Module) -> dict[str, float]:
    found = {}
    for name, layer in layers(model).items():
        gradients = [one.grad for one in layer.parameters() if one.grad is not None]
        if gradients:
            squares = sum(float(one.double().square().sum().item()) for one in gradients)
            found[f"gradient_norm/{name}"] = squares**0.5
    return found


@dataclass
class _Counts:
    """Of the activation behind one layer, over the images so far."""

    is_bounded: bool
    n_flat: int
    n_outputs: int
    is_dead: Tensor


class _Activations(TorchFunctionMode):
    """While entered, sees what sigmoids, tanhs and ReLUs put out, modules' and functions' alike.

    Each is of the layer that ran last; a second one behind the same layer is not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_layer: dict[str, _Counts] = {}
        self._layer = ""

    def enter(self, layer: str, _: Tensor) -> None:
        """A layer has run."""
        self._layer = layer

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (PyTorch's signature)
        output = func(*args, **(kwargs or {}))
        ends = _ENDS.get(func)
        if ends is not None and self._layer:
            self._count(self._layer, output.detach(), ends)
            self._layer = ""
        return output

    def _count(self, layer: str, output: Tensor, ends: tuple[float, float]) -> None:
        low, high = ends
        is_bounded = high < float("inf")
        room = WITHIN * (high - low) if is_bounded else 0.0
        is_flat = (output <= low + room) | (output >= high - room)
        dead = is_flat.all(dim=0)
        held = self.by_layer.get(layer)
        if held is None:
            self.by_layer[layer] = _Counts(is_bounded, int(is_flat.sum()), is_flat.numel(), dead)
            return
        held.n_flat += int(is_flat.sum())
        held.n_outputs += is_flat.numel()
        held.is_dead &= dead

    def metrics(self) -> dict[str, float]:
        found = {}
        for layer, counts in self.by_layer.items():
            if counts.is_bounded:
                found[f"saturation/{layer}"] = counts.n_flat / counts.n_outputs
            found[f"dead/{layer}"] = int(counts.is_dead.sum()) / counts.is_dead.numel()
        return found


_SIGMOID, _TANH, _RELU = (0.0, 1.0), (-1.0, 1.0), (0.0, float("inf"))
# As nn.Sigmoid, nn.Tanh, nn.ReLU and ScaledTanh call them, and as a plug-in's forward may.
_ENDS: dict[Callable[..., Any], tuple[float, float]] = {
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, functional.sigmoid), _SIGMOID),
    **dict.fromkeys((torch.tanh, Tensor.tanh, functional.tanh), _TANH),
    **dict.fromkeys((torch.relu, Tensor.relu, functional.relu, Tensor.relu_, torch.relu_), _RELU),
}
