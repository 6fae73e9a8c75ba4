"""The cards of the variants: what each is, where it comes from, which levels it has.

Study files are checked and keyed with cards, so nothing here may load torch; the networks
themselves are built elsewhere. A variant is a card that differs from its family in a few levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lenet_variants.errors import (
    DuplicateVariantError,
    LevelError,
    UnknownVariantError,
    VariantError,
    did_you_mean,
)
from lenet_variants.levels import Choice, Integers, Level, PerBlock, Value

__all__ = [
    "ACTIVATIONS",
    "POOLINGS",
    "Card",
    "DuplicateVariantError",
    "Level",
    "LevelError",
    "Shape",
    "UnknownVariantError",
    "Value",
    "VariantError",
    "add",
    "find",
    "names",
    "remove",
]

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Card:
    """What is known of a variant without building it.

    Attributes:
        name: Its name in studies and reports.
        family: The builder it shares with the other variants of its kind.
        summary: What it is, in one line.
        source: Where it comes from, so that a reader can check it.
        levels: What can be varied; each level's default is this variant's value.
        family_defaults: The family's value of every level; a variant is what differs from them.
        native_input: (channels, height, width) of the images it was designed for.
        n_classes: The number of classes it was designed for.
        revision: Raised when the family's networks change for equal levels.
        plugin_digest: sha256 of a plug-in's source; None for a built-in variant.
        unspecified: What the source leaves open, and what stands here instead.
        matched_to: The variant whose number of parameters sets this one's hidden sizes.
        place: The code that defines it.
    """

    name: str
    family: str
    summary: str
    source: str
    levels: Mapping[str, Level]
    family_defaults: Mapping[str, Value]
    native_input: Shape = (1, 28, 28)
    n_classes: int = 10
    revision: int = 1
    plugin_digest: str | None = None
    unspecified: tuple[str, ...] = ()
    matched_to: str | None = None
    place: str = __name__

    @property
    def code(self) -> dict[str, str | int]:
        """What identifies the code that builds it: a revision, or a plug-in's source."""
        if self.plugin_digest is not None:
            return {"plugin": self.name, "sha256": self.plugin_digest}
        return {"family": self.family, "revision": self.revision}

    def resolve(self, raw_levels: Mapping[str, object]) -> dict[str, Value]:
        """Every level of the variant with its value, checked; what is not given has its default.

        Raises:
            LevelError: Names every unknown level and every bad value at once.
        """
        problems = {name: self._unknown(name) for name in raw_levels if name not in self.levels}
        values: dict[str, Value] = {}
        for name, level in self.levels.items():
            try:
                values[name] = (
                    level.parse(raw_levels[name]) if name in raw_levels else level.default
                )
            except VariantError as error:
                problems[name] = str(error)
                values[name] = level.default
        if not problems.keys() & self.levels.keys():  # a conflict with a bad value says nothing
            problems |= self._conflicts(values)
        if problems:
            raise LevelError(self.name, problems)
        return values

    def identity(self, resolved: Mapping[str, Value]) -> dict[str, Value]:
        """The levels in which a network differs from its family's default, in one spelling.

        Two variants with the same identity are the same network: `lenet-relu`, and `lenet` with
        `activation=relu`. A level that a family gains later therefore moves no old identity.
        """
        spelled = {name: self.levels[name].canonical(resolved[name]) for name in self.levels}
        defaults = self.family_defaults
        return {
            name: value
            for name, value in spelled.items()
            if value != self.levels[name].canonical(defaults[name])
        }

    def but(
        self,
        name: str,
        changes: Mapping[str, object],
        *,
        summary: str,
        source: str,
        unspecified: tuple[str, ...] = (),
        matched_to: str | None = None,
    ) -> Card:
        """This card under another name with some levels changed.

        Raises:
            LevelError: A change is no level of the family, or not a value it takes.
        """
        values = self.resolve(changes)
        levels = {key: replace(level, default=values[key]) for key, level in self.levels.items()}
        return replace(
            self,
            name=name,
            levels=levels,
            summary=summary,
            source=source,
            unspecified=unspecified,
            matched_to=matched_to,
        )

    def _unknown(self, level: str) -> str:
        known = ", ".join(sorted(self.levels)) or "none"
        return f"no such level; {did_you_mean(level, self.levels)}(levels: {known})"

    def _conflicts(self, values: Mapping[str, Value]) -> dict[str, str]:
        found = {name: level.conflict(values[name], values) for name, level in self.levels.items()}
        return {name: problem for name, problem in found.items() if problem is not None}


def find(name: str) -> Card:
    """The card of the variant called `name`.

    Raises:
        UnknownVariantError: There is none; the message has the nearest name.
    """
    try:
        return _CARDS[name]
    except KeyError:
        raise UnknownVariantError(
            f"variant: expected a registered name, got {name!r}; {did_you_mean(name, _CARDS)}"
            f"(registered: {', '.join(sorted(_CARDS))})"
        ) from None


def names() -> tuple[str, ...]:
    """The names of all variants: the built-in ones first, then plug-ins as they were loaded."""
    return tuple(_CARDS)


def add(card: Card) -> None:
    """Enter a plug-in's card in the catalogue; the same code again (a notebook cell) is no clash.

    Raises:
        DuplicateVariantError: Its name is taken by other code.
    """
    held = _CARDS.get(card.name)
    here = (card.plugin_digest, card.place)
    if held is not None and (held.plugin_digest, held.place) != here:
        raise DuplicateVariantError(
            f"{card.place}: expected a new name, got {card.name!r}, which {held.place} has; "
            "rename one of them, or restart Python if this is the same code after an edit"
        )
    _CARDS[card.name] = card


def remove(name: str) -> None:
    """Take a card out of the catalogue again, as when its plug-in failed half-way."""
    del _CARDS[name]


ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "identity")
POOLINGS = ("max", "avg", "none")

_LENET_LEVELS: dict[str, Level] = {
    "activation": Choice("sigmoid", words=ACTIVATIONS),
    "pooling": Choice("max", words=POOLINGS),
    "channels": Integers((6, 16), low=1, shortest=1),
    "kernel_size": PerBlock(5, low=1),
    "padding": PerBlock(0),
    "hidden": Integers((120, 84), low=1),
}
_MLP_LEVELS: dict[str, Level] = {
    "activation": Choice("relu", words=ACTIVATIONS),
    "hidden": Integers((256,), low=1),
}
_PORT = "Dive into Deep Learning, first Chinese edition, PyTorch port (ShusenTang)"
_EXERCISES = "Dive into Deep Learning, exercises of the LeNet section (modernise LeNet)"

LENET = Card(
    name="lenet",
    family="lenet",
    summary="two blocks of 5x5 convolution, sigmoid, 2x2 max pooling; then 120 and 84 units",
    source=f"{_PORT}, section 5.5",
    levels=_LENET_LEVELS,
    family_defaults={name: level.default for name, level in _LENET_LEVELS.items()},
    unspecified=(
        "inputs other than 28x28: fc1 takes whatever the convolutions give",
        "a pooled side of odd length: its last row or column is dropped, as PyTorch does",
    ),
)
MLP = Card(
    name="mlp",
    family="mlp",
    summary="one hidden layer of 256 units with ReLU",
    source=f"{_PORT}, section 3.10",
    levels=_MLP_LEVELS,
    family_defaults={name: level.default for name, level in _MLP_LEVELS.items()},
    unspecified=("inputs other than 28x28: fc1 takes all values of the image",),
)
_BUILT_IN = (
    LENET,
    LENET.but(
        "lenet-relu",
        {"activation": "relu"},
        summary="the LeNet with ReLU in place of sigmoid",
        source=_EXERCISES,
        unspecified=("which layers: every sigmoid, also between the fully connected layers",),
    ),
    LENET.but(
        "lenet-avg",
        {"pooling": "avg"},
        summary="the LeNet with average in place of max pooling",
        source=_EXERCISES,
        unspecified=("trainable coefficients, as in 1998: plain averages, as in the book",),
    ),
    LENET.but(
        "lenet-narrow",
        {"channels": (3, 8)},
        summary="the LeNet with half the channels",
        source=f"{_EXERCISES}: the number of channels",
        unspecified=("by how much: half, and the fully connected layers keep their sizes",),
    ),
    LENET.but(
        "lenet-wide",
        {"channels": (12, 32)},
        summary="the LeNet with twice the channels",
        source=f"{_EXERCISES}: the number of channels",
        unspecified=("by how much: twice, and the fully connected layers keep their sizes",),
    ),
    LENET.but(
        "lenet-d2l",
        {"pooling": "avg", "padding": (2, 0)},
        summary="the LeNet with average pooling and the first convolution padded by 2",
        source="Dive into Deep Learning, second edition, section 6.6 (LeNet)",
        unspecified=("trainable pooling coefficients, as in 1998: plain averages, as in its code",),
    ),
    MLP,
    MLP.but(
        "softmax",
        {"hidden": ()},
        summary="softmax regression: one linear map from pixels to classes",
        source=f"{_PORT}, section 3.7",
    ),
    MLP.but(
        "mlp-matched",
        {"hidden": (56,)},
        summary="the MLP with as many hidden units as give it the LeNet's number of parameters",
        source="own: a control for size; 56 units on 28x28 images in 10 classes",
        unspecified=("hidden sizes: found for every input and number of classes, unless given",),
        matched_to="lenet",
    ),
)
_CARDS: dict[str, Card] = {card.name: card for card in _BUILT_IN}
