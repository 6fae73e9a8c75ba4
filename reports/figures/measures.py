"""What probes measure, in words, and the order in which layers run.

Read by the figures and by the tables of `reports.render`. `docs/probes.md` defines each measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reports.figures.units import spoken

WORDS = {
    "accuracy": "accuracy",
    "consistency": "share whose predicted class stays",
    "change": "relative change of the output at 1 pixel",
    "gradient_norm": "norm of the loss's gradient",
    "saturation": "share of outputs that are saturated",
    "row_distance": "entries between pixels side by side",
    "column_distance": "entries between pixels one above the other",
    "row_correlation": "correlation of pixels along a row",
    "column_correlation": "correlation of pixels along a column",
    "vector_correlation": "correlation of entries in the vector",
    "dead": "share of units that are dead",
}

_ORDER = {"conv": 0, "pool": 0, "gap": 1, "fc": 2, "": 3, "output": 4}


def in_words(measure: str) -> str:
    """A measure's name in words, and when it was taken where that is not the end of training.

    Example:
        >>> in_words("epoch_0_dead")
        'share of units that are dead, before training'
    """
    bare, epoch = taken(measure)
    words = WORDS.get(bare, spoken(bare))
    if epoch is None:
        return words
    when = f"after {epoch} epoch{'s' * (epoch > 1)}" if epoch else "before training"
    return f"{words}, {when}"


def taken(measure: str) -> tuple[str, int | None]:
    """A measure without its epoch, and after how many it was taken; None for the end of training.

    Example:
        >>> taken("epoch_2_dead"), taken("dead")
        (('dead', 2), ('dead', None))
    """
    found = re.fullmatch(r"epoch_(\d+)_(.+)", measure)
    return (found[2], int(found[1])) if found else (measure, None)


def measure_of(metric: str) -> tuple[str, str]:
    """What a probe's metric measures, and where: a layer, or so many pixels.

    Example:
        >>> measure_of("change/conv1"), measure_of("accuracy_2"), measure_of("accuracy_area")
        (('change', 'conv1'), ('accuracy', '2'), ('accuracy', 'area'))
    """
    measure, slash, layer = metric.partition("/")
    if slash:
        return measure, layer
    found = re.fullmatch(r"(.+)_(\d+|area|width)", metric)
    return (found[1], found[2]) if found else (metric, "")


def in_running_order(layers: Iterable[str]) -> list[str]:
    """Layers from the input on, each once; names that are not the project's before the output.

    Example:
        >>> in_running_order(["fc1", "output", "conv1", "conv2", "pool1"])
        ['conv1', 'pool1', 'conv2', 'fc1', 'output']
    """
    return sorted(dict.fromkeys(layers), key=_place)


def _place(layer: str) -> tuple[int, int, str]:
    found = re.fullmatch(r"(conv|pool|gap|fc|output)(\d*)", layer)
    kind, number = (found[1], found[2]) if found else ("", "")
    return _ORDER[kind], int(number or 0), kind
