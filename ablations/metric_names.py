"""The names of the metrics that runs will have, before anything is trained.

Called by `quantities`, so that endpoints and claims can be checked. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ablations.arms import Arm
from ablations.layer_names import layer_names
from ablations.probe_cards import ProbeSpec


def arm_metrics(arm: Arm, probes: Sequence[ProbeSpec]) -> tuple[str, ...]:
    """Every metric that the runs of an arm will have, in alphabetical order.

    By layer none of a plug-in, whose layers are not known.
    """
    splits = ["train", "test"] + (["validation"] if arm.dataset.validation else [])
    names = [f"{split}/{kind}" for split in splits for kind in ("accuracy", "loss")]
    layers = layer_names(arm.variant, arm.levels)
    for probe in probes:
        card = probe.card
        measures = card.measures(arm.recipe.epochs)
        metrics = [*card.metrics]
        metrics += [f"{one}/{layer}" for one, of in measures.items() for layer in layers[of]]
        names += [f"probe/{probe.name}/{metric}" for metric in metrics]
    return tuple(sorted(names))


def common(metrics: Iterable[Sequence[str]]) -> list[str]:
    """Those that all arms have, in the order of the first."""
    first, *others = map(dict.fromkeys, metrics)
    return [name for name in first if all(name in other for other in others)]
