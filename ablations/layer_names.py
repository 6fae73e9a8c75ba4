"""The names of a network's layers, told from its levels: no network is built, no torch loaded.

Called by `metric_names`, to say which numbers by layer the runs of an arm will have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablations.probe_cards import LayerGroup
from lenet_variants import catalogue
from lenet_variants.errors import VariantError

_BOUNDED = ("sigmoid", "tanh", "scaled_tanh")
_WITH_WEIGHTS = ("subsampling", "strided_conv")  # poolings, which an activation follows too


def layer_names(variant: str, levels: Mapping[str, Any]) -> dict[LayerGroup, list[str]]:
    """Layers of a built-in network by what probes measure of them.

    Returns:
        `all` layers with units of their own; of these the `trained`; those that an `activated`
        function follows which can die (sigmoid, tanh, ReLU), and those whose function is `bounded`.
        Empty lists for a plug-in, and for a variant or levels that are refused.
    """
    try:
        card = catalogue.find(variant)
        resolved = card.resolve(levels)
    except VariantError:
        return _groups([], [], [], [])
    if card.plugin_digest is not None:
        return _groups([], [], [], [])
    n_blocks = len(_list(resolved.get("channels")))
    convolutions = [f"conv{number}" for number in range(1, n_blocks + 1)]
    pooling = resolved.get("pooling", "none")
    pools = [f"pool{number}" for number in range(1, n_blocks + 1)] if pooling != "none" else []
    dense = [f"fc{number}" for number in range(1, len(_list(resolved.get("hidden"))) + 1)]
    gap = ["gap"] if resolved.get("head") == "gap" else []
    weighted = convolutions + (pools if pooling in _WITH_WEIGHTS else []) + dense
    output = [] if resolved.get("output") == "rbf" else ["output"]  # fixed codes are not trained
    activation = resolved.get("activation")
    return _groups(
        [*convolutions, *pools, *gap, *dense, "output"],
        weighted + output,
        weighted if activation in (*_BOUNDED, "relu") else [],
        weighted if activation in _BOUNDED else [],
    )


def _groups(
    all_: list[str], trained: list[str], activated: list[str], bounded: list[str]
) -> dict[LayerGroup, list[str]]:
    return {"all": all_, "trained": trained, "activated": activated, "bounded": bounded}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else []
