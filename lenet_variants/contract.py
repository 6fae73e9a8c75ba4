"""What every variant promises, and whether one keeps it: for the built-in ones and for yours.

Called by `ablations check-variant` and by the tests. Each promise is one function, which says what
it found or raises `Broken`; a promise that is broken does not keep the others from being checked.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lenet_variants import catalogue, measure, stacking
from lenet_variants.errors import VariantError
from lenet_variants.mutation import every_level
from lenet_variants.subject import N_IMAGES, SIZES, Broken, Subject, expect, text

OTHER_CLASSES = 7
_ROUNDING = 1e-5
"""A gradient this small beside that of the whole network is a sum that cancels."""


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
    subject = Subject(catalogue.find(name))
    with torch.random.fork_rng(devices=[]):
        if subject.refusal(subject.native) is None:
            return [_checked(promise, keeps, subject) for promise, keeps in PROMISES.items()]
        unbuilt = "not checked, since it is not built at its native input"
        others = [Check(one, passed=False, detail=unbuilt) for one in PROMISES if one != "builds"]
        return [_checked("builds", _builds, subject), *others]


def _checked(promise: str, keeps: Callable[[Subject], str], subject: Subject) -> Check:
    try:
        return Check(promise, passed=True, detail=keeps(subject))
    except (Broken, VariantError) as error:
        return Check(promise, passed=False, detail=str(error))
    except Exception as error:  # a user's network may fail in any way
        return Check(promise, passed=False, detail=f"{type(error).__name__}: {error}")


def _builds(subject: Subject) -> str:
    """Maps images to (N, n_classes) scores at every size and number of classes, or refuses."""
    if refusal := subject.refusal(subject.native):
        raise Broken(f"its native input is refused: {refusal}")
    asked = [(size, subject.card.n_classes) for size in subject.sizes]
    for size, n_classes in [*asked, (subject.native, OTHER_CLASSES)]:
        try:
            logits = subject.network(size, n_classes)(subject.images(size))
        except VariantError as error:
            raise Broken(
                f"expected scores for {text(size)} in {n_classes} classes, or a ValueError from "
                f"its builder for sizes it cannot take, got: {error}"
            ) from error
        expect(
            logits.dtype is torch.float32, f"expected float32 scores, got {logits.dtype}; convert"
        )
    refused = [size for size in SIZES if size not in subject.sizes]
    built = f"at {', '.join(map(text, subject.sizes))} and for {OTHER_CLASSES} classes"
    return f"{built}; refuses {', '.join(map(text, refused))}" if refused else built


def _counts(subject: Subject) -> str:
    """The card's counts are the counted ones, and those are the network's."""
    card = subject.card
    counted = measure.count(card.name, {}, subject.native, card.n_classes)
    real = sum(one.numel() for one in subject.network().parameters())
    expect(
        counted.n_parameters == real,
        f"expected its layers to hold all parameters, {real:,}, got {counted.n_parameters:,}; "
        "build nothing in forward",
    )
    expect(
        card.counts in (None, counted),
        f"expected the card to say {counted}, got {card.counts}; correct its counts",
    )
    return (
        f"{counted.n_parameters:,} parameters, {counted.n_macs:,} MACs, "
        f"{counted.n_connections:,} links"
    )


def _trains(subject: Subject) -> str:
    """The loss is finite at every size and reaches every parameter that training changes."""
    cancelled: dict[str, None] = {}
    for size in subject.sizes:
        model = subject.network(size).train()
        trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
        expect(
            bool(trained),
            "expected parameters to train, got none that require a gradient; unfreeze some",
        )
        labels = torch.arange(N_IMAGES) % subject.card.n_classes
        loss = cross_entropy(model(subject.images(size)), labels)
        expect(bool(loss.isfinite()), f"expected a finite loss at {text(size)}, got {loss}")
        loss.backward()  # type: ignore[no-untyped-call]
        for name in _unmoved(f"at {text(size)}", trained):
            expect(
                _matters_in_evaluation(model, trained[name], subject.images(size)),
                f"expected a gradient of {name} at {text(size)}, got none; use it in forward, or "
                "take it out",
            )
            cancelled[name] = None
    reached = "the loss is finite and reaches every parameter"
    if not cancelled:
        return reached
    return f"{reached}; a normalisation takes {', '.join(cancelled)} out again in training"


def _unmoved(where: str, trained: Mapping[str, nn.Parameter]) -> list[str]:
    """The parameters whose gradient is nothing, or no more than rounding beside the whole."""
    found = {name: one.grad for name, one in trained.items() if one.grad is not None}
    for name, gradient in found.items():
        expect(
            bool(gradient.isfinite().all()),
            f"expected a finite gradient of {name} {where}, got NaN or infinity; scale its values "
            "down",
        )
    whole = float(torch.stack([gradient.norm() for gradient in found.values()]).norm())
    return [
        name
        for name in trained
        if name not in found or float(found[name].norm()) <= _ROUNDING * whole
    ]


def _matters_in_evaluation(model: nn.Module, parameter: nn.Parameter, images: Tensor) -> bool:
    """Whether another value of a parameter gives other scores, once nothing is normalised anew."""
    model.eval()
    with torch.no_grad():
        before = model(images)
        parameter.add_(1.0)
        after = model(images)
        parameter.sub_(1.0)
    model.train()
    return not torch.equal(before, after)


def _seeds(subject: Subject) -> str:
    """One seed gives one set of weights; another seed moves all that are drawn."""
    first, again, other = (dict(subject.network(seed=s).named_parameters()) for s in (0, 0, 1))
    moved = [name for name in first if not torch.equal(first[name], again[name])]
    expect(
        not moved,
        f"expected equal weights from equal seeds, got others in {', '.join(moved)}; "
        "draw from torch's generator alone",
    )
    drawn = [name for name, value in first.items() if bool((value != value.flatten()[0]).any())]
    fixed = [name for name in drawn if torch.equal(first[name], other[name])]
    expect(
        not fixed,
        f"expected other weights from another seed, got the same in {', '.join(fixed)}; "
        "draw from torch's generator, without a seed of your own",
    )
    expect(bool(drawn), "expected weights that a seed moves, got constants; draw them")
    constant = f"; {len(first) - len(drawn)} start as constants" if len(drawn) < len(first) else ""
    return f"move {len(drawn)} of {len(first)} parameters{constant}"


def _alone(subject: Subject) -> str:
    """In evaluation, the scores of an image do not depend on the images beside it."""
    model, images = subject.network().eval(), subject.images()
    with torch.no_grad():
        together, again = model(images), model(images)
        expect(
            torch.equal(images, subject.images()),
            "expected images that are left as they were, got them changed; do not write to them",
        )
        expect(
            bool(together.isfinite().all()),
            "expected finite scores in eval mode, got NaN or infinity; scale its values down",
        )
        expect(
            torch.equal(together, again),
            "expected the same scores for the same images in eval mode, got others the second "
            "time; draw nothing and keep nothing there",
        )
        alone = torch.cat([model(image[None]) for image in images])
    expect(
        torch.allclose(together, alone, rtol=1e-4, atol=1e-5),
        "expected the same scores for an image in eval mode, alone or in a batch, got others; "
        "use nothing of the other images but in training mode",
    )
    return "an image's scores do not depend on its batch"


def _stacks(subject: Subject) -> str:
    """Copies can be trained as one program, or the reason why not is known."""
    reason = stacking.why_not_stacked(subject.network(), subject.native, subject.card.n_classes)
    return f"no: {reason}" if reason else "copies train as one program"


def _saves(subject: Subject) -> str:
    """A saved state dict makes another network the same."""
    saved, other = subject.network(seed=0).eval(), subject.network(seed=1).eval()
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        same = torch.equal(saved(subject.images()), other(subject.images()))
    expect(
        same,
        "expected the scores of the saved network after loading its state dict, got others; "
        "hold all it depends on in parameters and buffers",
    )
    return "its state dict is all it is"


PROMISES: dict[str, Callable[[Subject], str]] = {
    "builds": _builds,
    "counts": _counts,
    "trains": _trains,
    "seeds": _seeds,
    "alone": _alone,
    "stacks": _stacks,
    "saves": _saves,
    "levels": every_level,
}
"""The promises by name, each a function that says what it saw or raises."""
