"""What every probe is called, what a study may ask of it, and what it yields.

Read by study files, plans and `ablations.probes`, which measures. Loads no torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ablations.errors import nearest
from ablations.kept_epochs import kept_epochs

LayerGroup = Literal["all", "trained", "activated", "bounded"]
"""Which layers a measure is of; see `layer_names.layer_names`."""

MOST_PIXELS = 8
"""The farthest that the probe `shift` moves an image."""
WITHIN = 0.05
"""The share of its range within which an output of a sigmoid or tanh is at an end of it."""
EPOCH = "epoch_{}_"
"""What stands before a measure that was taken after so many epochs, and not after the last."""
REACH = 4
"""The farthest neighbours that `flatten_distance` correlates, in pixels and in entries."""


@dataclass(frozen=True)
class ProbeCard:
    """What is known of a probe without measuring anything.

    Attributes:
        metrics: The unit of each number it yields for every run, stored as `probe/NAME/METRIC`.
        by_layer: The unit of each measure that it yields for every layer, as `MEASURE/LAYER`.
        layers: Which layers each of those measures is of.
        in_epochs: Whether the latter are also taken before training and after `kept_epochs`, each
            with `EPOCH` before its name.
        n_images: Images in its sample unless a study says otherwise; None for one without.
        parameters: What else its numbers rest on; part of its key.
        revision: Raised when its numbers change.
    """

    metrics: Mapping[str, str] = field(default_factory=dict)
    by_layer: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, LayerGroup] = field(default_factory=dict)
    in_epochs: bool = False
    n_images: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 1

    def measures(self, n_epochs: int) -> dict[str, LayerGroup]:
        """The measures by layer of a run of so many epochs, with the layers that each is of."""
        epochs = (0, *kept_epochs(n_epochs)) if self.in_epochs else ()
        before = {
            f"{EPOCH.format(epoch)}{name}": group
            for epoch in epochs
            for name, group in self.layers.items()
        }
        return before | dict(self.layers)


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
    revision=3,
)

GRADIENT_FLOW = ProbeCard(
    by_layer={
        "gradient_norm": "loss a unit of weight",
        "saturation": "fraction",
        "dead": "fraction",
    },
    layers={"gradient_norm": "trained", "saturation": "bounded", "dead": "activated"},
    in_epochs=True,
    n_images=1000,
    parameters={"within": WITHIN},
    revision=2,
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


def needs_kept_epoch(metric: str) -> bool:
    """Whether a metric by its full name was taken after an epoch whose weights must be kept."""
    return re.match(r"probe/\w+/epoch_[1-9]", metric) is not None


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
