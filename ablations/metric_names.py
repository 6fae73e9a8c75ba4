"""The names of the metrics that runs will have, before anything is trained.

Called by `study_problems` and `quantities`, so that endpoints and claims can be checked. Loads no
torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.layer_names import common_layers, layer_names
from ablations.probe_cards import LayerGroup, ProbeSpec
from ablations.spec import StudySpec


def metric_names(spec: StudySpec) -> tuple[str, ...]:
    """Every metric that all runs of a study will have, in alphabetical order.

    Those by layer only for layers that all arms have; none of plug-ins, whose are not known.
    """
    control = spec.control
    networks = [(control.variant, control.levels)]
    networks += [(control.variant, {**control.levels, **one}) for one in _levels(spec)]
    networks += [(arm.variant, arm.levels) for arm in spec.arms]
    is_split = all(one.validation for one in spec.datasets)
    return _named(spec.probes, common_layers(networks), min(_epochs(spec)), is_split=is_split)


def arm_metrics(
    probes: Sequence[ProbeSpec],
    variant: str,
    levels: Mapping[str, Any],
    n_epochs: int,
    *,
    is_split: bool,
) -> tuple[str, ...]:
    """Every metric that the runs of one arm will have, likewise.

    Args:
        probes: Of its study.
        variant: Its network's.
        levels: Its network's.
        n_epochs: Of its recipe.
        is_split: Whether it keeps out validation images.
    """
    return _named(probes, layer_names(variant, levels), n_epochs, is_split=is_split)


def _named(
    probes: Sequence[ProbeSpec],
    layers: Mapping[LayerGroup, Sequence[str]],
    n_epochs: int,
    *,
    is_split: bool,
) -> tuple[str, ...]:
    splits = ["train", "test"] + (["validation"] if is_split else [])
    names = [f"{split}/{kind}" for split in splits for kind in ("accuracy", "loss")]
    for probe in probes:
        card = probe.card
        measures = card.measures(n_epochs)
        metrics = [*card.metrics]
        metrics += [f"{one}/{layer}" for one, of in measures.items() for layer in layers[of]]
        names += [f"probe/{probe.name}/{metric}" for metric in metrics]
    return tuple(sorted(names))


def _epochs(spec: StudySpec) -> list[int]:
    """Of the control on each data set, and of every arm that may have others."""
    found = [alone.recipe.epochs for alone in spec.each_dataset().values()]
    recipes = [arm.recipe for arm in spec.arms] + [one.recipe for one in spec.overrides]
    changed = [recipe["epochs"] for recipe in recipes if "epochs" in recipe]
    changed += spec.factors.get("recipe.epochs", ())
    return [*found, *(int(one) for one in changed if isinstance(one, int | float))]


def _levels(spec: StudySpec) -> list[dict[str, Any]]:
    """Every level that the design gives the control's variant, one at a time."""
    levels = [(key, values) for key, values in spec.factors.items() if "." not in key]
    return [{key: value} for key, values in levels for value in values]
