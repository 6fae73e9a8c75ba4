"""A variant under test, and what to say of a promise that it breaks.

Called by the contract and by its mutation test, which hold variants to what they promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor, nn

from lenet_variants import builders, measure, registry
from lenet_variants.card import Card, Shape
from lenet_variants.errors import BuilderError, VariantError
from lenet_variants.levels import Value

SIZES: tuple[Shape, ...] = ((1, 28, 28), (1, 32, 32), (3, 32, 32), (1, 64, 64))
"""The (channels, height, width) that every variant takes or refuses, beside its native one."""

N_IMAGES = 8


class Broken(Exception):  # noqa: N818 (an outcome of a check, not an error of the program)
    """A promise that is not kept, in words for the variant's author."""


class Subject:
    """The variant under test, built as the checks need it."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.native = card.native_input

    @cached_property
    def sizes(self) -> tuple[Shape, ...]:
        """Its native input first, then the `SIZES` it does not refuse."""
        others = [size for size in SIZES if size != self.native and self.refusal(size) is None]
        return (self.native, *others)

    def refusal(self, size: Shape) -> str | None:
        """Why its builder makes no network for images of this size; None where it does.

        A builder that fails has not refused: then what uses the network tells how it failed.
        """
        try:
            levels = measure.resolve(self.card.name, {}, size, self.card.n_classes)
            with torch.device("meta"):
                builders.build(self.card, size, self.card.n_classes, levels)
        except BuilderError:
            return None
        except VariantError as error:
            return str(error)
        return None

    def network(
        self,
        size: Shape | None = None,
        n_classes: int | None = None,
        *,
        seed: int = 0,
        levels: Mapping[str, Value] | None = None,
    ) -> nn.Module:
        """A network with the weights of a seed; native where nothing else is asked for."""
        torch.manual_seed(seed)
        return registry.create(
            self.card.name, size or self.native, n_classes or self.card.n_classes, **(levels or {})
        )

    def images(self, size: Shape | None = None) -> Tensor:
        """The same random pixels in [0, 1] at every call."""
        generator = torch.Generator().manual_seed(0)
        return torch.rand(N_IMAGES, *(size or self.native), generator=generator)


def expect(kept: bool, otherwise: str) -> None:  # noqa: FBT001 (a condition)
    """Raise `Broken` with the words of `otherwise` unless a promise is kept."""
    if not kept:
        raise Broken(otherwise)


def text(size: Shape) -> str:
    """`1x28x28`."""
    return "x".join(map(str, size))
