"""What every variant promises, and whether one keeps it: for the built-in ones and for yours.

Called by `ablations check-variant` and by the tests. Each promise is one function, which says what
it found or raises `_Broken`; a promise that is broken does not keep the others from being checked.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lenet_variants import anatomy, builders, catalogue, measure, registry, stacking
from lenet_variants.card import Card, Shape
from lenet_variants.errors import VariantError
from lenet_variants.levels import Value

SIZES: tuple[Shape, ...] = ((1, 28, 28), (1, 32, 32), (3, 32, 32), (1, 64, 64))
"""The (channels, height, width) that every variant takes or refuses, beside its native one."""

OTHER_CLASSES = 7
N_IMAGES = 8


@dataclass(frozen=True)
class Check:
    """One promise of a variant.

    Attributes:
        name: Of the promise: a key of `PROMISES`.
        passed: Whether the variant keeps it.
        detail: What was seen; where it is broken, what was expected, what came, what to do.
    """

    name: str
    passed: bool
    detail: str


def check_variant(name: str) -> list[Check]:
    """Whether a registered variant keeps each promise of `PROMISES`.

    Builds and trains small copies on the CPU; torch's global generator is left as it was.

    Raises:
        UnknownVariantError: No variant has this name.

    Example:
        >>> all(check.passed for check in check_variant("softmax"))
        True
    """
    subject = _Subject(catalogue.find(name))
    with torch.random.fork_rng(devices=[]):
        return [_checked(promise, keeps, subject) for promise, keeps in PROMISES.items()]


class _Broken(Exception):  # noqa: N818 (an outcome of a check, not an error of the program)
    """A promise that is not kept, in words for the variant's author."""


class _Subject:
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
        """Why its builder makes no network for images of this size; None where it does."""
        try:
            levels = measure.resolve(self.card.name, {}, size, self.card.n_classes)
            with torch.device("meta"):
                builders.build(self.card, size, self.card.n_classes, levels)
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


def _checked(promise: str, keeps: Callable[[_Subject], str], subject: _Subject) -> Check:
    try:
        return Check(promise, passed=True, detail=keeps(subject))
    except (_Broken, VariantError) as error:
        return Check(promise, passed=False, detail=str(error))
    except Exception as error:  # a user's network may fail in any way
        return Check(promise, passed=False, detail=f"{type(error).__name__}: {error}")


def _builds(subject: _Subject) -> str:
    """Maps images to (N, n_classes) scores at every size and number of classes, or refuses."""
    if refusal := subject.refusal(subject.native):
        raise _Broken(f"its native input is refused: {refusal}")
    asked = [(size, subject.card.n_classes) for size in subject.sizes]
    for size, n_classes in [*asked, (subject.native, OTHER_CLASSES)]:
        try:
            logits = subject.network(size, n_classes)(subject.images(size))
        except VariantError as error:
            raise _Broken(
                f"expected scores for {_text(size)} in {n_classes} classes, or a ValueError from "
                f"its builder for sizes it cannot take, got: {error}"
            ) from error
        _expect(
            logits.dtype is torch.float32, f"expected float32 scores, got {logits.dtype}; convert"
        )
    refused = [size for size in SIZES if size not in subject.sizes]
    built = f"at {', '.join(map(_text, subject.sizes))} and for {OTHER_CLASSES} classes"
    return f"{built}; refuses {', '.join(map(_text, refused))}" if refused else built


def _counts(subject: _Subject) -> str:
    """The card's counts are the counted ones, and those are the network's."""
    card = subject.card
    counted = measure.count(card.name, {}, subject.native, card.n_classes)
    real = sum(one.numel() for one in subject.network().parameters())
    _expect(
        counted.n_parameters == real,
        f"expected its layers to hold all parameters, {real:,}, got {counted.n_parameters:,}; "
        "build nothing in forward",
    )
    _expect(
        card.counts in (None, counted),
        f"expected the card to say {counted}, got {card.counts}; correct its counts",
    )
    return (
        f"{counted.n_parameters:,} parameters, {counted.n_macs:,} MACs, "
        f"{counted.n_connections:,} links"
    )


def _trains(subject: _Subject) -> str:
    """The loss is finite at every size and reaches every parameter that training changes."""
    for size in subject.sizes:
        model = subject.network(size).train()
        labels = torch.arange(N_IMAGES) % subject.card.n_classes
        loss = cross_entropy(model(subject.images(size)), labels)
        _expect(bool(loss.isfinite()), f"expected a finite loss at {_text(size)}, got {loss}")
        loss.backward()  # type: ignore[no-untyped-call]
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                _expect_gradient(f"{name} at {_text(size)}", parameter)
    return "the loss is finite and reaches every parameter"


def _expect_gradient(where: str, parameter: nn.Parameter) -> None:
    found = parameter.grad
    _expect(
        found is not None and bool(found.any()),
        f"expected a gradient of {where}, got none; use it in forward, or take it out",
    )
    _expect(
        found is not None and bool(found.isfinite().all()),
        f"expected a finite gradient of {where}, got NaN or infinity; scale its values down",
    )


def _seeds(subject: _Subject) -> str:
    """One seed gives one set of weights; another seed moves all that are drawn."""
    first, again, other = (dict(subject.network(seed=s).named_parameters()) for s in (0, 0, 1))
    moved = [name for name in first if not torch.equal(first[name], again[name])]
    _expect(
        not moved,
        f"expected equal weights from equal seeds, got others in {', '.join(moved)}; "
        "draw from torch's generator alone",
    )
    drawn = [name for name, value in first.items() if bool((value != value.flatten()[0]).any())]
    fixed = [name for name in drawn if torch.equal(first[name], other[name])]
    _expect(
        not fixed,
        f"expected other weights from another seed, got the same in {', '.join(fixed)}; "
        "draw from torch's generator, without a seed of your own",
    )
    _expect(bool(drawn), "expected weights that a seed moves, got constants; draw them")
    constant = f"; {len(first) - len(drawn)} start as constants" if len(drawn) < len(first) else ""
    return f"move {len(drawn)} of {len(first)} parameters{constant}"


def _alone(subject: _Subject) -> str:
    """In evaluation, the scores of an image do not depend on the images beside it."""
    model, images = subject.network().eval(), subject.images()
    with torch.no_grad():
        together = model(images)
        alone = torch.cat([model(image[None]) for image in images])
    _expect(
        torch.allclose(together, alone, rtol=1e-4, atol=1e-5),
        "expected the same scores for an image in eval mode, alone or in a batch, got others; "
        "use nothing of the other images but in training mode",
    )
    return "an image's scores do not depend on its batch"


def _stacks(subject: _Subject) -> str:
    """Copies can be trained as one program, or the reason why not is known."""
    reason = stacking.why_not_stacked(subject.network(), subject.native, subject.card.n_classes)
    return f"no: {reason}" if reason else "copies train as one program"


def _saves(subject: _Subject) -> str:
    """A saved state dict makes another network the same."""
    saved, other = subject.network(seed=0).eval(), subject.network(seed=1).eval()
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        same = torch.equal(saved(subject.images()), other(subject.images()))
    _expect(
        same,
        "expected the scores of the saved network after loading its state dict, got others; "
        "hold all it depends on in parameters and buffers",
    )
    return "its state dict is all it is"


def _levels(subject: _Subject) -> str:
    """Every level changes the network, and sets no layer but its own."""
    card = subject.card
    resolved = measure.resolve(card.name, {}, subject.native, card.n_classes)
    base = anatomy.anatomy(card.name, {}, subject.native, card.n_classes)
    if not card.levels:
        return "it has no levels"
    shown = dict.fromkeys(card.levels, 0)
    for level in card.levels:
        for value in card.levels[level].neighbours(resolved[level]):
            try:
                other = anatomy.anatomy(card.name, {level: value}, subject.native, card.n_classes)
            except VariantError:  # refused beside the other levels, or by the size of the input
                continue
            _expect_own_change(subject, level, value, anatomy.difference(base, other), base, other)
            shown[level] += 1
    untried = [level for level, n_changes in shown.items() if not n_changes]
    n_shown = sum(shown.values())
    said = f"the network changes with each of {n_shown} other values"
    return f"{said}; none fits here for {', '.join(untried)}" if untried else said


def _expect_own_change(
    subject: _Subject,
    level: str,
    value: Value,
    found: anatomy.Difference,
    base: Mapping[str, anatomy.Part],
    other: Mapping[str, anatomy.Part],
) -> None:
    setting = f"{level}={value!r}"
    _expect(
        bool(found) or not _same_scores(subject, {level: value}),
        f"expected {setting} to change layers, shapes or scores, got the same network; "
        "use the level in the builder, or take it out",
    )
    stems = subject.card.levels[level].layers
    if stems:
        strange = [name for name in found.own if name.rstrip("0123456789") not in stems]
        strange += [name for name in found.resized if _comes_first(name, found.own, base, other)]
        _expect(
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


def _same_scores(subject: _Subject, levels: Mapping[str, Value]) -> bool:
    """Whether another setting gives the same scores, in training mode as in evaluation."""
    images = subject.images()
    for training in (False, True):
        scores = []
        for one in (None, levels):
            model = subject.network(levels=one).train(training)
            with torch.no_grad():
                scores.append(model(images))
        if not torch.equal(*scores):
            return False
    return True


def _expect(kept: bool, otherwise: str) -> None:  # noqa: FBT001 (a condition)
    if not kept:
        raise _Broken(otherwise)


def _text(size: Shape) -> str:
    return "x".join(map(str, size))


PROMISES: dict[str, Callable[[_Subject], str]] = {
    "builds": _builds,
    "counts": _counts,
    "trains": _trains,
    "seeds": _seeds,
    "alone": _alone,
    "stacks": _stacks,
    "saves": _saves,
    "levels": _levels,
}
"""The promises by name, each a function that says what it saw or raises."""
