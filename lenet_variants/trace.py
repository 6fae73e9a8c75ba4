"""One forward pass of a network that is watched: its layers, their sizes, what they cost.

Called by `measure`, mostly on the meta device, where a pass costs no memory and no arithmetic.
Knows modules, not variants: levels and cards stay outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from lenet_variants import receptive_field
from lenet_variants.card import Shape
from lenet_variants.errors import VariantError
from lenet_variants.layers import Counted
from lenet_variants.operations import Operations

N_IMAGES = 2  # one image would hide a forward that flattens the batch away


@dataclass(frozen=True)
class Layer:
    """One row of a network's table.

    Attributes:
        name: The layer's name in the network.
        kind: Its class.
        output_shape: Of one image, without the batch dimension.
        n_parameters: Numbers in its weights and biases.
        n_trainable: Those of them that training changes.
        n_connections: Links into its units, one an image: each multiply-accumulate and each bias
            of a unit; for weights that scale single units, those. 0 without parameters.
        n_macs: Multiply-accumulates an image; biases, activations and pooling are not counted.
        receptive_field: Input pixels (height, width) that one unit sees, at most the image; None
            where that is not known.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    n_parameters: int
    n_trainable: int
    n_connections: int
    n_macs: int
    receptive_field: tuple[int, int] | None


def trace(
    model: nn.Module, input_shape: Shape, n_classes: int, device: str, *, where: str
) -> list[Layer]:
    """The layers of `model` in the order in which they run.

    What a network does outside its layers (a product of its own weights in `forward`) stands in a
    last row `forward`, so that the rows sum to the network.

    Args:
        model: A network on `device`.
        input_shape: (channels, height, width) of one image.
        n_classes: Number of logits it should return.
        device: "meta" to run without numbers.
        where: What to call the network in errors.

    Raises:
        VariantError: The forward pass fails, or does not return (N, n_classes) float logits.
    """
    images = torch.zeros(N_IMAGES, *input_shape, device=device)
    watch = _Watch(model, images, where)
    was_training = model.training
    with torch.no_grad(), watch.hooks(), watch.counter:
        answer = watch.forward(model.eval())
    model.train(was_training)
    return watch.table(_checked_logits(answer, n_classes, where))


def _checked_logits(answer: object, n_classes: int, where: str) -> torch.Tensor:
    expected = (N_IMAGES, n_classes)
    if not isinstance(answer, torch.Tensor) or answer.shape != expected:
        got = list(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
        raise VariantError(
            f"{where} forward: expected logits of shape {list(expected)} for {N_IMAGES} images, "
            f"got {got}; return one row an image and one column a class"
        )
    if not answer.is_floating_point():
        raise VariantError(
            f"{where} forward: expected float logits, got {answer.dtype}; "
            "return scores, not classes"
        )
    return answer


class _Watch:
    """The hooks of one forward pass and what they saw."""

    def __init__(self, model: nn.Module, images: torch.Tensor, where: str) -> None:
        self.model = model
        self.where = where
        self.images = images
        self.counter = Operations()
        self.layers: dict[str, Layer] = {}
        self._at = "its first layer"
        self._macs_before = 0
        self._macs_of_layers = 0  # as the counter saw them; some layers count otherwise
        self._field: receptive_field.Field | None = None
        # The tensors are kept, so that no id is used twice; an in-place change raises a version.
        self._fields: dict[int, tuple[torch.Tensor, int, receptive_field.Field | None]] = {}
        self._counted: set[int] = set()
        self._keep(images, receptive_field.Field())

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Watch every module without children until the context is left."""
        handles = []
        for name, module in self.model.named_modules():
            if name and not any(True for _ in module.children()):
                handles.append(module.register_forward_pre_hook(partial(self._enter, name)))
                handles.append(module.register_forward_hook(partial(self._leave, name)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def forward(self, model: nn.Module) -> object:
        """What `model` returns for the images; a failure is given its address."""
        try:
            return model(self.images)
        except VariantError:
            raise
        except Exception as error:  # a user's forward may raise anything
            shape = list(self.images.shape[1:])
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise VariantError(
                f"{self.where} forward: expected it to run on images of {shape}, got an error "
                f"after entering {self._at}: {reason}; use larger images or mend that layer"
            ) from error

    def table(self, logits: torch.Tensor) -> list[Layer]:
        """The layers, and a last row for what the network does outside them."""
        rows = list(self.layers.values())
        n_parameters, n_trainable = self._parameters(self.model)
        n_macs = self._macs() - self._macs_of_layers
        if n_parameters or n_macs:
            rows.append(
                Layer(
                    name="forward",
                    kind=type(self.model).__name__,
                    output_shape=tuple(logits.shape[1:]),
                    n_parameters=n_parameters,
                    n_trainable=n_trainable,
                    n_connections=n_macs,
                    n_macs=n_macs,
                    receptive_field=None,
                )
            )
        return rows

    def _enter(self, name: str, module: nn.Module, args: tuple[object, ...]) -> None:
        given = _first_tensor(args)
        shape = "nothing" if given is None else list(given.shape[1:])
        self._at = f"{name} ({type(module).__name__}) with {shape}"
        self._macs_before = self._macs()
        self._field = None if given is None else self._known_field(given)

    def _leave(self, name: str, module: nn.Module, args: object, output: object) -> None:
        del args  # seen on entering, before the layer could change them in place
        made = _first_tensor(output)
        if made is None:
            return
        if made.numel() == 0:
            raise VariantError(
                f"{self.where} forward: expected every layer to have an output, "
                f"got {list(made.shape[1:])} from {self._at}; "
                "use larger images, smaller kernels or fewer layers"
            )
        whole = (self.images.shape[2], self.images.shape[3])
        field = receptive_field.after(module, self._field, made, whole)
        self._keep(made, field)
        seen_macs = self._macs() - self._macs_before
        self._macs_of_layers += seen_macs
        n_macs, n_connections = _links(module, made, seen_macs)
        n_parameters, n_trainable = self._parameters(module)
        layer = Layer(
            name=name,
            kind=type(module).__name__,
            output_shape=tuple(made.shape[1:]),
            n_parameters=n_parameters,
            n_trainable=n_trainable,
            n_connections=n_connections,
            n_macs=n_macs,
            receptive_field=None if field is None else field.clipped(whole),
        )
        earlier = self.layers.get(name)
        self.layers[name] = layer if earlier is None else _used_again(earlier, layer)

    def _keep(self, tensor: torch.Tensor, field: receptive_field.Field | None) -> None:
        self._fields[id(tensor)] = (tensor, tensor._version, field)

    def _known_field(self, tensor: torch.Tensor) -> receptive_field.Field | None:
        _, version, field = self._fields.get(id(tensor), (tensor, -1, None))
        return field if version == tensor._version else None

    def _macs(self) -> int:
        """Multiply-accumulates an image so far; the counter counts each as two operations."""
        return self.counter.n_flops // (2 * N_IMAGES)

    def _parameters(self, module: nn.Module) -> tuple[int, int]:
        """Numbers, and trainable ones, in the parameters of `module` that no layer had before."""
        new = [one for one in module.parameters() if id(one) not in self._counted]
        self._counted.update(id(one) for one in new)
        return sum(one.numel() for one in new), sum(one.numel() for one in new if one.requires_grad)


def _used_again(earlier: Layer, later: Layer) -> Layer:
    """The row of a layer that runs twice: it works twice and weighs once."""
    return replace(
        later,
        n_parameters=earlier.n_parameters,
        n_trainable=earlier.n_trainable,
        n_connections=earlier.n_connections + later.n_connections,
        n_macs=earlier.n_macs + later.n_macs,
    )


def _first_tensor(value: object) -> torch.Tensor | None:
    """The tensor a layer takes or returns, or the first of several."""
    if isinstance(value, tuple | list):
        return next((item for item in value if isinstance(item, torch.Tensor)), None)
    return value if isinstance(value, torch.Tensor) else None


def _links(module: nn.Module, output: torch.Tensor, seen_macs: int) -> tuple[int, int]:
    """Multiply-accumulates of a layer for one image, and links into the units of `output`.

    A convolution or linear layer has a link a multiply-accumulate. Weights that scale single units
    (normalisation) are not products the counter sees: one link a unit. A layer that counts its
    own links knows better than both.
    """
    if isinstance(module, Counted):
        return module.links(output.shape[1:])
    own = dict(module.named_parameters(recurse=False))
    if not own:
        return seen_macs, 0
    n_units = math.prod(output.shape[1:])
    has_bias = any("bias" in name for name in own)
    return seen_macs, (seen_macs or n_units) + n_units * has_bias
