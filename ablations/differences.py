"""Did the ablation ablate? What each arm of a plan has other than the control, before training.

Called by the runner and by `plan`. Layers come from `lenet_variants.anatomy`, scores from the
networks as training would start them, on the same pixels with the same seed. Trains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ablations import training
from ablations.arms import Arm
from ablations.plan import Plan, RunSpec
from ablations.spec import canonical
from lenet_variants import anatomy, catalogue
from lenet_variants.anatomy import Part

MOST_PARAMETERS = 20_000_000
"""Arms above this size are compared by their layers alone: a plan must stay quick."""

KNOCK_ON = 0.1
"""The share of the control's parameters by which layers that only follow may change unsaid."""

_N_IMAGES = 2
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class ArmDifference:
    """What one arm has other than the control.

    Attributes:
        settings: The control's value and the arm's, by level, `recipe.key` and `dataset.key`. Of
            another family also `variant`, beside the levels that both families have.
        layers: Added, removed, replaced and resized ones.
        follows: By how many parameters each resized layer grows, where it grows or shrinks.
        n_parameters: More than the control has; so are the next two.
        n_macs: Multiply-accumulates an image.
        n_connections: Links an image.
        same_scores: Whether it gives the control's scores before training, on the same pixels with
            the same seed, in training mode as in evaluation; None where it is too large to ask.
    """

    settings: Mapping[str, tuple[Any, Any]]
    layers: anatomy.Difference
    follows: Mapping[str, int]
    n_parameters: int
    n_macs: int
    n_connections: int
    same_scores: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for `plan --json`."""
        layers = {
            "added": self.layers.added,
            "removed": self.layers.removed,
            "replaced": self.layers.replaced,
            "resized": self.layers.resized,
        }
        return {
            "settings": {key: canonical(list(pair)) for key, pair in self.settings.items()},
            "layers": {kind: list(names) for kind, names in layers.items()},
            "n_parameters": self.n_parameters,
            "n_macs": self.n_macs,
            "n_connections": self.n_connections,
            "same_scores": self.same_scores,
        }


@dataclass(frozen=True)
class Comparison:
    """Every arm beside the control.

    Attributes:
        arms: The difference of each arm but the control, by name.
        warnings: A sentence for each arm that changes nothing, is another arm under another name,
            or changes more than its factor.
    """

    arms: Mapping[str, ArmDifference]
    warnings: tuple[str, ...]


def compare(plan: Plan) -> Comparison:
    """Hold every arm of a plan beside its control."""
    first_runs = {run.arm: run for run in reversed(plan.runs)}
    networks = {arm.name: _network(arm, first_runs[arm.name]) for arm in plan.arms}
    found = {
        arm.name: _difference(plan.arm(arm.control), arm, networks[arm.control], networks[arm.name])
        for arm in plan.arms
        if arm.name != arm.control
    }
    warnings = [*_same_networks(plan, networks)]
    for name, difference in found.items():
        warnings += _more_than_its_factor(plan, name, difference)
    return Comparison(found, tuple(warnings))


@dataclass(frozen=True)
class _Network:
    """An arm's network before training; `scores` is None where they could not be had."""

    parts: Mapping[str, Part]
    scores: tuple[object, ...] | None


def _network(arm: Arm, run: RunSpec) -> _Network:
    parts = anatomy.anatomy(arm.variant, arm.levels, arm.input_shape, arm.n_classes)
    if arm.n_parameters > MOST_PARAMETERS:
        return _Network(parts, None)
    try:
        return _Network(parts, _scores(run))
    except Exception:  # what a user's network raises here is told of its runs, as their outcome
        return _Network(parts, None)


def _difference(control: Arm, arm: Arm, others: _Network, own: _Network) -> ArmDifference:
    layers = anatomy.difference(others.parts, own.parts)
    grown = {
        name: _n_parameters(own.parts[name]) - _n_parameters(others.parts[name])
        for name in layers.resized
    }
    known = None not in (own.scores, others.scores)
    return ArmDifference(
        settings=_settings(control, arm, own),
        layers=layers,
        follows={name: growth for name, growth in grown.items() if growth},
        n_parameters=arm.n_parameters - control.n_parameters,
        n_macs=arm.n_macs - control.n_macs,
        n_connections=arm.n_connections - control.n_connections,
        same_scores=own.scores == others.scores if known else None,
    )


def _n_parameters(part: Part) -> int:
    return sum(math.prod(shape) for _, shape in part.parameter_shapes)


def _settings(control: Arm, arm: Arm, own: _Network) -> dict[str, tuple[Any, Any]]:
    one, other = catalogue.find(control.variant), catalogue.find(arm.variant)
    pairs: dict[str, tuple[Any, Any]] = {"variant": (control.variant, arm.variant)}
    shared = [name for name in control.levels if name in arm.levels]
    if one.family == other.family:
        pairs = {}
    else:
        # Sizes of another network are no change of this one, nor are levels it has no layers for.
        stems = {_stem(name) for name in own.parts}
        shared = [
            name for name in shared if name != "hidden" and stems & {*one.levels[name].layers}
        ]
    for name in shared:
        level = one.levels[name]
        pairs[name] = (level.canonical(control.levels[name]), level.canonical(arm.levels[name]))
    for group in ("recipe", "dataset"):
        ours, theirs = (getattr(each, group).model_dump() for each in (control, arm))
        pairs |= {f"{group}.{key}": (ours[key], theirs[key]) for key in ours}
    return {key: (ours, theirs) for key, (ours, theirs) in pairs.items() if ours != theirs}


def _scores(run: RunSpec) -> tuple[object, ...]:
    """The shapes of a network's parameters, and its scores before training.

    The last scores are taken after a pass in training mode, which moves running averages.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(_N_IMAGES, *run.input_shape, generator=generator)
    model = training.initial_model(run, _CPU)
    shapes = sorted((tuple(one.shape), one.requires_grad) for one in model.parameters())
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        scores = [model.train(mode)(images) for mode in (False, True, False)]
    return (*shapes, *(each.numpy().tobytes() for each in scores))


def _same_networks(plan: Plan, networks: Mapping[str, _Network]) -> Iterator[str]:
    first: dict[tuple[object, ...], str] = {}
    for arm in plan.arms:
        scores = networks[arm.name].scores
        key = (scores, arm.recipe, arm.dataset)
        held = arm.name if scores is None else first.setdefault(key, arm.name)
        if held == arm.control != arm.name:
            yield (
                f"arm {arm.name!r} changes nothing: it gives the control's scores before training, "
                "with the same recipe and data; drop it, or mend the level it sets"
            )
        elif held != arm.name:
            yield (
                f"arm {arm.name!r} is arm {held!r} under another name: it gives the same scores "
                "before training, with the same recipe and data; drop one"
            )


def _more_than_its_factor(plan: Plan, name: str, difference: ArmDifference) -> Iterator[str]:
    arm, settings = plan.arm(name), list(difference.settings)
    listed = plan.listed(arm)
    if listed is not None:
        is_matched = bool(listed.matched_to or catalogue.find(listed.variant).matched_to)
        if is_matched and "hidden" in settings:
            settings.remove("hidden")  # which keeps the size, as asked
        if len(settings) > 1:
            yield (
                f"arm {name!r} changes {_listing(settings)} at once: its contrast cannot say "
                "which of them matters; add arms that change one each"
            )
        if is_matched or "variant" in settings:
            return
    else:
        overridden = [key for key in settings if f"{key}=" not in name]
        if overridden:
            yield (
                f"arm {name!r} differs from the control in {_listing(overridden)} too, by an "
                "override: its contrast speaks of both"
            )
    growth = sum(difference.follows.values())
    share = growth / plan.arm(arm.control).n_parameters
    if len(settings) == 1 and abs(share) > KNOCK_ON:
        keeps = "an arm with matched_to: control keeps the size"
        yield (
            f"arm {name!r} changes more than {settings[0]}: {_listing(difference.follows)} only "
            f"{'follow' if len(difference.follows) > 1 else 'follows'}, by {growth:+,} parameters "
            f"({share:+.0%} of the control's); "
            + (keeps if "hidden" in arm.levels else "its size changes with it")
        )


def _stem(layer: str) -> str:
    """`act` of `act1`."""
    return layer.rstrip("0123456789")


def _listing(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
