"""What identifies a training, spelled out: its digest is the `run_key` under which it is stored.

Pure; called by `arms` and `plan`, and by `replay`, which holds what was trained against what would
be. A change of the spelling raises `KEY_SCHEMA` and says here how the schema before had it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ablations import record
from ablations.record import digest
from ablations.spec import DataSpec, Recipe, canonical
from lenet_variants.card import Card
from lenet_variants.levels import Value

Identity = dict[str, Any]

FORMER: dict[int, Callable[[Identity], Identity | None]] = {}
"""By schema n, from an identity of schema n + 1: how n had it, or None if n could not say it.

Backwards, since the plan knows its identities and the store knows keys alone: so every run that was
ever stored is found, and none has to be read for it.
"""


def arm_identity(
    card: Card, levels: Mapping[str, Value], recipe: Recipe, dataset: DataSpec, data_digest: str
) -> Identity:
    """All that decides an arm's numbers but the seed.

    Args:
        card: Its variant.
        levels: Every level, resolved.
        recipe: The whole recipe.
        dataset: What is asked of the data.
        data_digest: Digest of the data's content; their name says nothing.
    """
    return {
        "schema": record.KEY_SCHEMA,
        "code": card.code,
        "training": record.TRAINING_REVISION,
        "levels": canonical(card.identity(levels)),
        "data": {"digest": data_digest, **_set_keys(dataset, DataSpec(name="-"))},
        "recipe": _set_keys(recipe, Recipe()),
    }


def retrained(arm: Mapping[str, Any], recipe: Recipe, dataset: DataSpec) -> Identity:
    """The identity of the same network on the same images with another recipe, or another split."""
    return {
        **arm,
        "data": {"digest": arm["data"]["digest"], **_set_keys(dataset, DataSpec(name="-"))},
        "recipe": _set_keys(recipe, Recipe()),
    }


def run_identity(
    arm: Mapping[str, Any], *, seed: int, root_seed: int, curves: str, is_trial: bool = False
) -> Identity:
    """What an arm's identity becomes with a seed: its digest is the `run_key`."""
    identity: Identity = {**arm, "seed": seed}
    if is_trial:  # which never sees the test images, and has the split of all trials
        identity["trial"] = True
    if root_seed:
        identity["root_seed"] = root_seed
    # A run that read the test images every epoch must never stand in for one that did not, nor the
    # reverse. The other curves are recorded whenever there is a split, and change nothing.
    if curves == "test":
        identity["curves"] = "test"
    return identity


def former_keys(identity: Mapping[str, Any]) -> Iterator[str]:
    """The keys that the same training had under each key schema before this one, newest first."""
    held = dict(identity)
    for schema in range(record.KEY_SCHEMA - 1, 0, -1):
        older = FORMER[schema](held)
        if older is None:
            return
        held = older
        yield digest(held)


def with_present_keys(stored: Any, former: Mapping[str, str]) -> Any:
    """JSON that an older key schema stored, each key of that schema replaced by its present one.

    Args:
        stored: A plan, a history, or any part of them.
        former: The present key by its former one; see `Plan.former`.
    """
    if isinstance(stored, dict):
        return {name: with_present_keys(value, former) for name, value in stored.items()}
    if isinstance(stored, list):
        return [with_present_keys(value, former) for value in stored]
    return former.get(stored, stored) if isinstance(stored, str) else stored


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Entries in which two identities differ, by path: `recipe.epochs`, then and now."""
    before, after = _flat(then), _flat(now)
    return {
        path: (before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    }


def _flat(part: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in part.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
        )
    return flat


def _set_keys(part: BaseModel, default: BaseModel) -> dict[str, Any]:
    """What differs from the defaults: a key added later must not move the runs stored before it."""
    plain, usual = part.model_dump(mode="json"), default.model_dump(mode="json")
    return {key: value for key, value in plain.items() if key != "name" and value != usual[key]}
