"""Whether every level of a variant changes it, each value otherwise, and nothing but what it says.

The mutation test of the contract: each level is set to its neighbours in turn. Called by it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch

from lenet_variants import anatomy, measure
from lenet_variants.errors import BuilderError, VariantError
from lenet_variants.levels import Value
from lenet_variants.subject import Subject, expect


def every_level(subject: Subject) -> str:
    """Every level changes the network, and sets no layer but its own."""
    card = subject.card
    resolved = measure.resolve(card.name, {}, subject.native, card.n_classes)
    base = anatomy.anatomy(card.name, {}, subject.native, card.n_classes)
    if not card.levels:
        return "it has no levels"
    untried, n_shown = [], 0
    for level, kind in card.levels.items():
        networks = {resolved[level]: base}
        for value in kind.neighbours(resolved[level]):
            try:
                other = anatomy.anatomy(card.name, {level: value}, subject.native, card.n_classes)
            except BuilderError:
                raise
            except VariantError:  # refused beside the other levels, or by the size of the input
                continue
            _expect_own_layers(f"{level}={value!r}", kind.layers, base, other)
            networks[value] = other
        for one, other_value in combinations(networks, 2):
            _expect_change(subject, level, (one, other_value), networks)
        n_shown += len(networks) - 1
        untried += [level] if len(networks) == 1 else []
    said = f"the network is another at each of {n_shown} other value{'s' * (n_shown != 1)}"
    return f"{said}; none fits here for {', '.join(untried)}" if untried else said


def _expect_change(
    subject: Subject,
    level: str,
    values: tuple[Value, Value],
    networks: Mapping[Value, Mapping[str, anatomy.Part]],
) -> None:
    """Any two values of a level make two networks: a word must not be another's namesake."""
    one, other = values
    expect(
        bool(anatomy.difference(networks[one], networks[other]))
        or not _same_scores(subject, {level: one}, {level: other}),
        f"expected {level}={other!r} to change layers, shapes or scores, got the same network as "
        f"with {level}={one!r}; use the level in the builder, or take it out",
    )


def _expect_own_layers(
    setting: str,
    stems: tuple[str, ...],
    base: Mapping[str, anatomy.Part],
    other: Mapping[str, anatomy.Part],
) -> None:
    """A level sets the layers it names, and what follows them may change its sizes alone."""
    if stems:
        found = anatomy.difference(base, other)
        strange = [name for name in found.own if name.rstrip("0123456789") not in stems]
        strange += [name for name in found.resized if _comes_first(name, found.own, base, other)]
        expect(
            not strange,
            f"expected {setting} to change layers named {', '.join(stems)}, and the sizes of what "
            f"follows, got a change of {', '.join(strange)}; name them in the level's `layers`",
        )


def _comes_first(
    name: str, changed: tuple[str, ...], *networks: Mapping[str, anatomy.Part]
) -> bool:
    """Whether a layer runs before every changed one, so that it cannot follow from them."""
    orders = [list(network) for network in networks]
    return all(
        order.index(name) < order.index(one) for order in orders for one in changed if one in order
    )


def _same_scores(subject: Subject, *settings: Mapping[str, Value]) -> bool:
    """Whether two settings give the same scores, in training mode as in evaluation."""
    images = subject.images()
    for training in (False, True):
        scores = []
        for one in settings:
            model = subject.network(levels=one).train(training)
            with torch.no_grad():
                scores.append(model(images))
        if not torch.equal(*scores):
            return False
    return True
