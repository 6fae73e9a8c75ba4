"""What every probe is called, what a study may ask of it, and what it yields.

Read by study files, plans and `ablations.probes`, which measures. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ablations.errors import nearest

LayerGroup = Literal["all", "trained", "activated", "bounded"]
"""Which layers a measure is of; see `layer_names.layer_names`."""

MOST_PIXELS = 8
"""The farthest that the probe `shift` moves an image."""
WITHIN = 0.05
"""The share of its range within which an output of a sigmoid or tanh is at an end of it."""
REACH = 4
"""The farthest neighbours that `flatten_distance` correlates, in pixels and in entries."""


@dataclass(frozen=True)
class ProbeCard:
    """What is known of a probe without measuring anything.

    Attributes:
        metrics: The unit of each number it yields for every run, stored as `probe/NAME/METRIC`.
        by_layer: The unit of each measure that it yields for every layer, as `MEASURE/LAYER`.
        layers: Which layers each of those measures is of.
        n_images: Images in its sample unless a study says otherwise; None for one without.
        parameters: What else its numbers rest on; part of its key.
        revision: Raised when its numbers change.
    """

    metrics: Mapping[str, str] = field(default_factory=dict)
    by_layer: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, LayerGroup] = field(default_factory=dict)
    n_images: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 1


SHIFT = ProbeCard(
    metrics={
        **{f"accuracy_{pixels}": "fraction" for pixels in range(MOST_PIXELS + 1)},
        **{f"consistency_{pixels}": "fraction" for pixels in range(1, MOST_PIXELS + 1)},
        "accuracy_area": "fraction",
    },
    by_layer={"change": "ratio"},
    layers={"change": "all"},
    n_images=1000,
    parameters={"most_pixels": MOST_PIXELS, "directions": 8},
    revision=2,
)

GRADIENT_FLOW = ProbeCard(
    by_layer={
        **dict.fromkeys(("gradient_norm", "start_gradient_norm"), "loss a unit of weight"),
        **dict.fromkeys(("saturation", "start_saturation", "dead", "start_dead"), "fraction"),
    },
    layers={
        **dict.fromkeys(("gradient_norm", "start_gradient_norm"), "trained"),
        **dict.fromkeys(("saturation", "start_saturation"), "bounded"),
        **dict.fromkeys(("dead", "start_dead"), "activated"),
    },
    n_images=1000,
    parameters={"within": WITHIN},
)

_DISTANCES = range(1, REACH + 1)
FLATTEN_DISTANCE = ProbeCard(
    metrics={
        "row_distance": "entries",
        "column_distance": "entries",
        **{f"row_correlation_{pixels}": "correlation" for pixels in _DISTANCES},
        **{f"column_correlation_{pixels}": "correlation" for pixels in _DISTANCES},
        **{f"vector_correlation_{entries}": "correlation" for entries in _DISTANCES},
        "vector_correlation_width": "correlation",
    },
    n_images=1000,
    parameters={"reach": REACH},
)

CARDS: Mapping[str, ProbeCard] = {
    "shift": SHIFT,
    "gradient_flow": GRADIENT_FLOW,
    "flatten_distance": FLATTEN_DISTANCE,
    "image_size": ProbeCard(),
    "images": ProbeCard(),
    "filters": ProbeCard(n_images=3),
}
"""By name. `image_size` is counted by plans, `images` are stored beside them; `filters` are
pictures, and have no numbers."""


@dataclass(frozen=True)
class ProbeSpec:
    """A probe that a study asks for.

    Attributes:
        n_images: Images in its sample; None for the probe's own number.
    """

    name: str
    n_images: int | None = None

    @property
    def card(self) -> ProbeCard:
        """What is known of it."""
        return CARDS[self.name]

    @property
    def sample_size(self) -> int:
        """Images in its sample, 0 for a probe without one."""
        return self.n_images or self.card.n_images or 0

    @classmethod
    def parse(cls, raw: object) -> ProbeSpec:
        """A probe as a study file has it: its name, or `{name: {n_images: N}}`.

        Raises:
            ValueError: Says what is allowed.
        """
        if isinstance(raw, ProbeSpec):
            return raw
        name: object = raw
        asked: object = {}
        if isinstance(raw, Mapping) and len(raw) == 1:
            ((name, asked),) = raw.items()
        if not isinstance(name, str) or name not in CARDS:
            hint = nearest(name, list(CARDS)).strip() if isinstance(name, str) else ""
            allowed = ", ".join(CARDS)
            raise ValueError(
                f"must be one of {allowed}, or {{NAME: {{n_images: N}}}}, got {raw!r}"
                + (f"; {hint}" if hint else "")
            )
        return cls(name, _n_images(name, asked))

    def plain(self) -> str | dict[str, dict[str, int]]:
        """As a study file has it."""
        return self.name if self.n_images is None else {self.name: {"n_images": self.n_images}}


def _n_images(name: str, asked: object) -> int | None:
    card = CARDS[name]
    if not asked and isinstance(asked, Mapping):
        return None
    if not isinstance(asked, Mapping) or set(asked) != {"n_images"} or card.n_images is None:
        takes = "takes n_images and nothing else" if card.n_images else "takes no keys"
        raise ValueError(f"{name} {takes}, got {asked!r}")
    number = asked["n_images"]
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{name}.n_images must be a whole number >= 1, got {number!r}")
    return None if number == card.n_images else number
