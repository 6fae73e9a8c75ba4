"""Did the ablation ablate? What each arm of a plan has other than the control, before training.

Called by the runner and by `plan`. Layers come from `lenet_variants.anatomy`, scores from the
networks as training would start them, on the same pixels with the same seed. Trains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ablations.arms import Arm, size_target
from ablations.plan import Plan, RunSpec
from ablations.programs import initial_model
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
        follows: Each resized layer that grows or shrinks, by (parameters, multiply-accumulates).
        sizes: Output shape, parameters and multiply-accumulates of each layer that both have and
            that is not the same, the control's first.
        n_parameters: More than the control has; so are the next two.
        n_macs: Multiply-accumulates an image.
        n_connections: Links an image.
        same_scores: Whether it gives the control's scores before training, on the same pixels with
            the same seed, in training mode as in evaluation; None where it is too large to ask.
    """

    settings: Mapping[str, tuple[Any, Any]]
    layers: anatomy.Difference
    follows: Mapping[str, tuple[int, int]]
    sizes: Mapping[str, Mapping[str, tuple[Any, Any]]]
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
            "sizes": {
                layer: {what: canonical(list(pair)) for what, pair in pairs.items()}
                for layer, pairs in self.sizes.items()
            },
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
            or changes more than its factor; and for each contrast that will get no verdict.
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
        warnings += _more_than_its_factor(plan, name, difference, networks[name])
    return Comparison(found, (*warnings, *_knock_ons(plan, found), *_unequal_epochs(plan)))


def _unequal_epochs(plan: Plan) -> Iterator[str]:
    """A sentence for every contrast, claimed ones too, that a report will give no verdict on."""
    if "recipe.epochs" in plan.factors or "unequal_epochs" in plan.spec.accept:
        return
    asked = {one["name"]: (one["arm"], one["control"]) for one in plan.contrasts}
    asked |= {one.name: one.sides for one in plan.claims if one.name}
    for name, sides in asked.items():
        epochs = [plan.arm(side).recipe.epochs for side in sides]
        if len(set(epochs)) > 1:
            yield (
                f"contrast {name!r}: its arms are trained for {' and '.join(map(str, epochs))} "
                "epochs, so it gets no verdict; train both as long, or set "
                "accept: [unequal_epochs]"
            )


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
    sizes = {
        name: _sizes(others.parts[name], own.parts[name])
        for name in others.parts
        if name in own.parts
    }
    grown = {
        name: (
            own.parts[name].n_parameters - others.parts[name].n_parameters,
            own.parts[name].n_macs - others.parts[name].n_macs,
        )
        for name in layers.resized
    }
    known = None not in (own.scores, others.scores)
    return ArmDifference(
        settings=_settings(control, arm, own),
        layers=layers,
        follows={name: growth for name, growth in grown.items() if any(growth)},
        sizes={name: pairs for name, pairs in sizes.items() if pairs},
        n_parameters=arm.n_parameters - control.n_parameters,
        n_macs=arm.n_macs - control.n_macs,
        n_connections=arm.n_connections - control.n_connections,
        same_scores=own.scores == others.scores if known else None,
    )


def _sizes(one: Part, other: Part) -> dict[str, tuple[Any, Any]]:
    names = ("output_shape", "n_parameters", "n_macs")
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


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
    model = initial_model(run, _CPU)
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


def _more_than_its_factor(
    plan: Plan, name: str, difference: ArmDifference, own: _Network
) -> Iterator[str]:
    arm = plan.arm(name)
    settings = _asked_for(plan, arm, difference.settings)
    if plan.listed(arm) is not None:
        if len(settings) > 1:
            advice, fewest = "add arms that change one each", len(settings)
            for other in _claimed_beside(plan, name):
                between = _asked_for(plan, arm, _settings(plan.arm(other), arm, own))
                if between and len(between) < fewest:
                    advice = f"beside arm {other!r}, as claimed, it changes {_listing(between)}"
                    fewest = len(between)
            yield (
                f"arm {name!r} changes {_listing(settings)} at once: its contrast cannot say "
                f"which of them matters; {advice}"
            )
    else:
        overridden = [key for key in settings if f"{key}=" not in name]
        if overridden:
            yield (
                f"arm {name!r} differs from the control in {_listing(overridden)} too, by an "
                "override: its contrast speaks of both"
            )
    strange = _strange_layers(arm, difference)
    if strange:
        yield (
            f"arm {name!r} changes more than {_listing(settings)}: {_listing(strange)} too, which "
            f"{'belong' if len(strange) > 1 else 'belongs'} to no level it sets; mend the builder, "
            "or its `layers`"
        )


def _claimed_beside(plan: Plan, name: str) -> list[str]:
    """The arms, other than its control, that a claim's contrast holds this one beside."""
    pairs = [{*claim.sides} for claim in plan.claims if claim.contrast]
    others = [other for pair in pairs if name in pair for other in pair - {name}]
    return [other for other in dict.fromkeys(others) if other != plan.arm(name).control]


def _asked_for(plan: Plan, arm: Arm, settings: Iterable[str]) -> list[str]:
    """The settings that are an arm's, less the hidden sizes of one that is sized as asked."""
    listed = plan.listed(arm)
    is_sized = listed is not None and size_target(listed) is not None
    return [key for key in settings if not (is_sized and key == "hidden")]


def _strange_layers(arm: Arm, difference: ArmDifference) -> list[str]:
    """Layers that were changed and belong to none of the levels that were, where that is known."""
    levels = catalogue.find(arm.variant).levels
    changed = [key for key in difference.settings if "." not in key]
    if not changed or "variant" in changed or not all(levels[key].layers for key in changed):
        return []
    stems = {stem for key in changed for stem in levels[key].layers}
    return [name for name in difference.layers.own if _stem(name) not in stems]


def _knock_ons(plan: Plan, found: Mapping[str, ArmDifference]) -> Iterator[str]:
    """Arms whose layers only follow and yet move the size; those of one cause are told together."""
    alike: dict[str, list[str]] = {}
    for name, difference in found.items():
        told = _knock_on(plan, name, difference)
        if told:
            alike.setdefault(told, []).append(name)
    for told, names in alike.items():
        if len(names) == 1:
            settings = _listing(_asked_for(plan, plan.arm(names[0]), found[names[0]].settings))
            yield f"arm {names[0]!r} changes more than {settings}: {told}"
        else:
            yield f"arms {_listing(map(repr, names))} change more than their factors: {told}"


def _knock_on(plan: Plan, name: str, difference: ArmDifference) -> str | None:
    arm = plan.arm(name)
    control = plan.arm(arm.control)
    settings = _asked_for(plan, arm, difference.settings)
    listed = plan.listed(arm)
    is_sized = len(settings) < len(difference.settings)
    if "variant" in settings or is_sized or (listed and len(settings) > 1):
        return None  # another network, a size that was asked for, or told already
    n_parameters = sum(growth for growth, _ in difference.follows.values())
    n_macs = sum(growth for _, growth in difference.follows.values())
    shares = {
        "parameters": (n_parameters, n_parameters / control.n_parameters),
        "MACs": (n_macs, n_macs / max(control.n_macs, 1)),
    }
    if all(abs(share) <= KNOCK_ON for _, share in shares.values()):
        return None
    growth = " and ".join(
        f"{number:+,} {what} ({share:+.0%} of the control's)"
        for what, (number, share) in shares.items()
        if number
    )
    keeps = "an arm with matched_to: control keeps the size"
    verb = "follow" if len(difference.follows) > 1 else "follows"
    return f"{_listing(difference.follows)} only {verb}, by {growth}; " + (
        keeps if "hidden" in arm.levels else "its size changes with it"
    )


def _stem(layer: str) -> str:
    """`act` of `act1`."""
    return layer.rstrip("0123456789")


def _listing(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
