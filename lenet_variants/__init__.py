"""LeNets and what to compare them with: a registry of architectures with typed levels.

`create("lenet", activation="relu")` makes a network; studies reach the same ones by name. Names
are loaded when first used, so that reading a card does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lenet_variants.card import Card, Counts
    from lenet_variants.catalogue import find, names
    from lenet_variants.contract import Check, check_variant
    from lenet_variants.errors import (
        DuplicateVariantError,
        LevelError,
        PluginError,
        UnknownVariantError,
        VariantError,
    )
    from lenet_variants.measure import count, describe, match
    from lenet_variants.registry import create, load_plugin, register_variant

__all__ = [
    "Card",
    "Check",
    "Counts",
    "DuplicateVariantError",
    "LevelError",
    "PluginError",
    "UnknownVariantError",
    "VariantError",
    "check_variant",
    "count",
    "create",
    "describe",
    "find",
    "load_plugin",
    "match",
    "names",
    "register_variant",
]

_HOME = {
    "Card": "card",
    "Check": "contract",
    "Counts": "card",
    "DuplicateVariantError": "errors",
    "LevelError": "errors",
    "PluginError": "errors",
    "UnknownVariantError": "errors",
    "VariantError": "errors",
    "check_variant": "contract",
    "count": "measure",
    "create": "registry",
    "describe": "measure",
    "find": "catalogue",
    "load_plugin": "registry",
    "match": "measure",
    "names": "catalogue",
    "register_variant": "registry",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
