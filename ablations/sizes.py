"""Sizes of networks: what a plan counts of them without building any.

Pure; called by `arms` and `quantities`. What counts comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from ablations.record import digest
from ablations.spec import canonical
from lenet_variants.errors import VariantError

Shape = tuple[int, int, int]
GROWTH_FACTORS = (1, 2, 4, 8)
"""Image sizes at which the `image_size` probe counts, as multiples of the arm's own input."""

MEGAPIXEL, N_OUTPUTS = (3, 1000, 1000), 256
"""The photograph of the books' worked example, and its outputs: one layer has 768,000,000 weights.

Source: Dive into Deep Learning, first Chinese edition, section 5.5.
"""
FLOAT_BYTES = 4


class Layer(Protocol):
    """Size of a layer: learnable numbers, multiply-accumulates an image, links, output."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def output_shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def n_parameters(self) -> int: ...  # noqa: D102
    @property
    def n_macs(self) -> int: ...  # noqa: D102
    @property
    def n_connections(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Counts:
    """Size of a network: the sums over its layers, in the order in which they run."""

    layers: tuple[Layer, ...]

    @cached_property
    def n_parameters(self) -> int:
        """Learnable numbers."""
        return sum(layer.n_parameters for layer in self.layers)

    @cached_property
    def n_macs(self) -> int:
        """Multiply-accumulates an image."""
        return sum(layer.n_macs for layer in self.layers)

    @cached_property
    def n_connections(self) -> int:
        """Links, with those of biases."""
        return sum(layer.n_connections for layer in self.layers)


class Networks(Protocol):
    """Counting without building; `lenet_variants.measure` is the implementation."""

    def layers(
        self, name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
    ) -> Sequence[Layer]:
        """The layers of one network; raises `VariantError` where a layer's output vanishes."""

    def n_activations(
        self, name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
    ) -> int:
        """Numbers that training keeps of one image; see `measure.n_activations`."""

    def match(
        self,
        name: str,
        levels: Mapping[str, object],
        input_shape: Shape,
        n_classes: int,
        target: Any,
        by: Literal["parameters", "macs"] = "parameters",
    ) -> Mapping[str, object]:
        """`levels` with the hidden sizes that bring the network nearest to `target`."""


class Sizes:
    """Counts of the networks that arms of one data set have, each made once.

    Args:
        networks: Counts.
        n_classes: Of the data set.
    """

    def __init__(self, networks: Networks, n_classes: int) -> None:
        self.networks, self.n_classes = networks, n_classes
        self._counted: dict[tuple[str, str, Shape], Counts] = {}

    def count(self, variant: str, levels: Mapping[str, Any], shape: Shape) -> Counts:
        """The size of a network; raises as `Networks.layers` does."""
        key = (variant, digest(canonical(levels)), shape)
        if key not in self._counted:
            layers = self.networks.layers(variant, levels, shape, self.n_classes)
            self._counted[key] = Counts(tuple(layers))
        return self._counted[key]

    def growth(
        self, variant: str, levels: Mapping[str, Any], shape: Shape
    ) -> Iterator[Mapping[str, Any]]:
        """Counts at `GROWTH_FACTORS` times the side of an image."""
        for factor in GROWTH_FACTORS:
            larger = (shape[0], shape[1] * factor, shape[2] * factor)
            counts = self.count(variant, levels, larger)
            n_activations = self.networks.n_activations(variant, levels, larger, self.n_classes)
            yield {
                "input": list(larger),
                "n_parameters": counts.n_parameters,
                "n_macs": counts.n_macs,
                "activation_bytes": FLOAT_BYTES * n_activations,
            }

    def megapixel(self, variant: str, levels: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the network would be for a photograph; some variants take no such image."""
        try:
            counts = Counts(tuple(self.networks.layers(variant, levels, MEGAPIXEL, N_OUTPUTS)))
        except VariantError:
            return {}
        return {
            "input": list(MEGAPIXEL),
            "n_outputs": N_OUTPUTS,
            "n_parameters": counts.n_parameters,
            "parameter_bytes": FLOAT_BYTES * counts.n_parameters,
            "n_macs": counts.n_macs,
        }
