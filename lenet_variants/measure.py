"""What a network costs, before anyone builds it: counts, layer tables, matched sizes.

Called by plans, by `create` and by the command line. Works on the meta device, where tensors have
shapes and no numbers, so that even a network too large for the machine is described at once.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import asdict

import torch
from torch import nn

from lenet_variants import builders
from lenet_variants.card import Counts, Shape
from lenet_variants.catalogue import find
from lenet_variants.errors import VariantError
from lenet_variants.levels import Value
from lenet_variants.trace import Layer, trace

QUANTITIES = ("connections", "macs", "parameters")
_KEEP_NOTHING = ("Dropout", "Flatten", "Identity")
_POWERS = 12  # of 2, tried as the smallest width
_MOST_ABOVE = 0.1  # the share of its target by which a matched network may be too large


def resolve(
    name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
) -> dict[str, Value]:
    """Every level of a variant with its value, the hidden sizes of a matched variant included.

    Raises:
        UnknownVariantError: No variant has this name.
        LevelError: Names every unknown level and every bad value.
        VariantError: The variant it is matched to cannot be built for this input.
    """
    card = find(name)
    resolved = card.resolve(levels)
    if card.matched_to is None or "hidden" in levels:
        return resolved
    try:
        target = count(card.matched_to, {}, input_shape, n_classes)
    except VariantError as error:
        raise VariantError(
            f"{name}: expected {card.matched_to!r} to fit, whose size it takes, got: {error}; "
            "or give the level 'hidden'"
        ) from error
    return match(name, levels, input_shape, n_classes, target)


def count(name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int) -> Counts:
    """The size of a variant at these levels for one input shape.

    Raises:
        VariantError: The variant, a level or the input is refused, or a layer has no output.

    Example:
        >>> count("lenet", {}, (1, 28, 28), 10).n_parameters
        44426
    """
    return _total(layers(name, levels, input_shape, n_classes))


def layers(
    name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
) -> list[Layer]:
    """The layers of a variant in the order in which they run; their counts sum to `count`'s.

    Raises:
        VariantError: As for `count`.
    """
    _, found = traced(name, levels, input_shape, n_classes)
    return found


def n_activations(
    name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
) -> int:
    """Numbers that training keeps of one image: its pixels, and what every layer puts out.

    What only reshapes, and dropout, which may keep its input, count nothing. Nothing is said of
    what an implementation frees, or keeps twice.

    Raises:
        VariantError: As for `count`.

    Example:
        >>> n_activations("softmax", {}, (1, 28, 28), 10)
        794
    """
    _, layers = traced(name, levels, input_shape, n_classes)
    kept = [layer for layer in layers if layer.kind not in _KEEP_NOTHING]
    return math.prod(input_shape) + sum(math.prod(layer.output_shape) for layer in kept)


def describe(
    name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
) -> dict[str, object]:
    """A variant's card with the table of its layers, in plain values ready for JSON.

    The rows of the table sum to the totals. `trace.Layer` says what each column counts.

    Raises:
        VariantError: As for `count`.
    """
    card = find(name)
    resolved = resolve(name, levels, input_shape, n_classes)
    table = layers(name, resolved, input_shape, n_classes)
    return {
        **card.to_dict(),
        "input": list(input_shape),
        "n_classes": n_classes,
        "levels": {level: _plain(value) for level, value in resolved.items()},
        "layers": [{key: _plain(value) for key, value in asdict(layer).items()} for layer in table],
        **asdict(_total(table)),
    }


def match(
    name: str,
    levels: Mapping[str, object],
    input_shape: Shape,
    n_classes: int,
    target: Counts,
    by: str = "parameters",
) -> dict[str, Value]:
    """The variant's levels with hidden layers of one width, sized to come nearest to `target`.

    The number of hidden layers stays as the levels say, but at least one. Counts grow with the
    width, so the nearest is one of the two on either side of the target; of a tie the smaller.

    Raises:
        VariantError: The variant has no hidden layers, `by` is no quantity, or the fewest hidden
            units it takes are far more than the target already.
    """
    resolved = find(name).resolve(levels)
    hidden = resolved.get("hidden")
    if not isinstance(hidden, tuple):
        raise VariantError(
            f"{name}: expected a variant with a level 'hidden' to match by, got levels "
            f"{sorted(resolved)}; match an mlp or a lenet"
        )
    if by not in QUANTITIES:
        raise VariantError(
            f"{name}: expected a quantity to match by, got {by!r}; name one "
            f"(allowed: {', '.join(QUANTITIES)})"
        )

    def at(width: int) -> dict[str, Value]:
        return {**resolved, "hidden": (width,) * max(len(hidden), 1)}

    def size(width: int) -> int:
        return int(getattr(count(name, at(width), input_shape, n_classes), f"n_{by}"))

    goal = int(getattr(target, f"n_{by}"))
    fewest = _narrowest(size)
    if size(fewest) > (1 + _MOST_ABOVE) * goal:
        raise VariantError(
            f"{name}: expected a network that hidden sizes can bring to n_{by} {goal:,}, got "
            f"{size(fewest):,} with hidden layers of {fewest}; match by another quantity, or a "
            "smaller network"
        )
    widest = fewest
    while size(widest) < goal:
        if size(2 * widest) <= size(widest):
            raise VariantError(
                f"{name}: expected n_{by} to grow with 'hidden', got {size(widest):,} for "
                f"{widest} and for {2 * widest} units; match by another quantity"
            )
        widest *= 2
    widths = range(fewest, widest + 1)
    above = bisect_left(widths, goal, key=size)
    nearest = min(widths[max(above - 1, 0) : above + 1], key=lambda width: abs(size(width) - goal))
    return at(nearest)


def _narrowest(size: Callable[[int], int]) -> int:
    """The smallest power of 2 that a network takes as a width: codes or groups may need several."""
    for width in (1 << power for power in range(_POWERS)):
        try:
            size(width)
        except VariantError as error:
            refusal = error
        else:
            return width
    raise refusal


def traced(
    name: str, levels: Mapping[str, object], input_shape: Shape, n_classes: int
) -> tuple[nn.Module, list[Layer]]:
    """A network without numbers, and its layers in the order in which they run.

    A plug-in that cannot run without numbers is run with them, on the CPU.

    Raises:
        VariantError: As for `count`.
    """
    card = find(name)
    resolved = resolve(name, levels, input_shape, n_classes)
    devices = ["meta"] if card.plugin_digest is None else ["meta", "cpu"]
    for device in devices:
        try:
            # A plug-in may draw while it is built; whoever counts must not move the caller's draws.
            with torch.random.fork_rng(devices=[]), torch.device(device):
                model = builders.build(card, input_shape, n_classes, resolved)
                return model, trace(model, input_shape, n_classes, device, where=card.name)
        except VariantError as error:
            failure = error
        except RuntimeError as error:  # more numbers than torch can address
            reason = str(error).splitlines()[0]
            failure = VariantError(
                f"{card.name}: expected a network that can be built for {list(input_shape)}, got "
                f"an error: {reason}; use smaller images or fewer units"
            )
    raise failure


def _total(layers: list[Layer]) -> Counts:
    return Counts(
        n_parameters=sum(layer.n_parameters for layer in layers),
        n_macs=sum(layer.n_macs for layer in layers),
        n_connections=sum(layer.n_connections for layer in layers),
    )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
