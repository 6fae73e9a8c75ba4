"""The variants there are: the built-in ones, and a place for plug-ins.

Torch-free, so that a study file is checked before torch is loaded. Each built-in variant is a diff
from its family, with its source, its size, and what the source leaves open.
"""

from __future__ import annotations

from lenet_variants.card import Card, Counts
from lenet_variants.errors import DuplicateVariantError, UnknownVariantError, did_you_mean
from lenet_variants.families import (
    LENET_LEVELS,
    MLP_LEVELS,
    convolution_rules,
    dense_rules,
    linear_rules,
)


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


_PORT = "Dive into Deep Learning, first Chinese edition, PyTorch port (ShusenTang)"
_EXERCISES = "Dive into Deep Learning, second edition, section 6.6 (LeNet), exercises"
_STRATEGIES = (
    "LeCun 1989, Generalization and network design strategies (CRG-TR-89-4); tabulated in Hastie, "
    "Tibshirani, Friedman 2009, The elements of statistical learning, section 11.7, table 11.1"
)
_ZIP_CODES = (
    "LeCun et al. 1989, Backpropagation applied to handwritten zip code recognition "
    "(Neural Computation 1), section 3 (network design)"
)
_DOCUMENTS = (
    "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition "
    "(Proc. IEEE 86), section II-B"
)
_LINEAR_OUTPUT = "squashed output units fitted by squared error: linear scores, for any loss"
_ZERO_BORDER = "what lies around images and maps: zeros, the background of images in [0, 1]"
_RANGE = "the range of pixels: the data set's `normalise`"

LENET = Card(
    name="lenet",
    family="lenet",
    summary="two blocks of 5x5 convolution, sigmoid, 2x2 max pooling; then 120 and 84 units",
    source=f"{_PORT}, section 5.5",
    levels=LENET_LEVELS,
    family_defaults={name: level.default for name, level in LENET_LEVELS.items()},
    revision=2,  # 2: local weights have the biases that the level says, before one a unit always
    counts=Counts(44_426, 281_640, 286_334),
    rules=(convolution_rules, dense_rules),
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
    levels=MLP_LEVELS,
    family_defaults={name: level.default for name, level in MLP_LEVELS.items()},
    counts=Counts(203_530, 203_264, 203_530),
    rules=(dense_rules, linear_rules),
    unspecified=("inputs other than 28x28: fc1 takes all values of the image",),
)
_OF_THE_BOOKS = (
    LENET,
    LENET.but(
        "lenet-relu",
        {"activation": "relu"},
        summary="the LeNet with ReLU in place of sigmoid",
        source=_EXERCISES,
        counts=Counts(44_426, 281_640, 286_334),
        unspecified=("which layers: every sigmoid, also between the fully connected layers",),
    ),
    LENET.but(
        "lenet-avg",
        {"pooling": "avg"},
        summary="the LeNet with average in place of max pooling",
        source=_EXERCISES,
        counts=Counts(44_426, 281_640, 286_334),
        unspecified=("trainable coefficients, as in 1998: plain averages, as in the book",),
    ),
    LENET.but(
        "lenet-narrow",
        {"channels": (3, 8)},
        summary="the LeNet with half the channels",
        source=f"{_EXERCISES}: the number of channels",
        counts=Counts(27_180, 107_880, 110_334),
        unspecified=("by how much: half, and the fully connected layers keep their sizes",),
    ),
    LENET.but(
        "lenet-wide",
        {"channels": (12, 32)},
        summary="the LeNet with twice the channels",
        source=f"{_EXERCISES}: the number of channels",
        counts=Counts(82_518, 859_560, 868_734),
        unspecified=("by how much: twice, and the fully connected layers keep their sizes",),
    ),
    LENET.but(
        "lenet-d2l",
        {"pooling": "avg", "padding": (2, 0)},
        summary="the LeNet with average pooling and the first convolution padded by 2",
        source="Dive into Deep Learning, second edition, section 6.6 (LeNet)",
        counts=Counts(61_706, 416_520, 423_038),
        unspecified=("trainable pooling coefficients, as in 1998: plain averages, as in its code",),
    ),
    LENET.but(
        "lenet-bn",
        {"norm": "batch"},
        summary="the LeNet with batch normalisation before every activation",
        source=f"{_PORT}, section 5.10",
        counts=Counts(44_878, 281_640, 295_702),
        unspecified=("biases beside the normalisation: kept, as in its code",),
    ),
)
_OF_1998 = (
    LENET.but(
        "lenet5-1998",
        {
            "activation": "scaled_tanh",
            "pooling": "subsampling",
            "connections": "c3-1998",
            "output": "rbf",
        },
        summary="LeNet-5 as published: trainable subsampling, C3 table, scaled tanh, RBF output",
        source=_DOCUMENTS,
        native_input=(1, 32, 32),
        counts=Counts(60_000, 326_520, 340_908),
        unspecified=(
            "C5, a convolution whose maps are 1x1 on 32x32 images: fc1, the same 48,120 weights",
            "the codes of classes that are no characters: rows of a Hadamard matrix",
            "how the coefficients start: at 1/4 with bias 0, the average, unless the recipe's init "
            "is lecun1998",
            "scores: minus the distances, so that the nearest code has the largest",
            "second-order training one image at a time: the recipe's optimiser",
            "loss, pixels from -0.1 to 1.175, digits of 28x28 on a field of 32x32: the study's "
            "`loss`, `normalise: lecun1998` and `image_size`, which scales and adds no field",
        ),
    ),
    LENET.but(
        "lenet5",
        {"activation": "tanh", "pooling": "avg"},
        summary="LeNet-5 as usually read today: plain averages, all maps joined, linear output",
        source=f"{_DOCUMENTS}; simplified as in most re-implementations",
        native_input=(1, 32, 32),
        counts=Counts(61_706, 416_520, 423_038),
        unspecified=("which simplifications: tanh, average pooling, a full C3, linear scores",),
    ),
)
_OF_1989 = (
    MLP.but(
        "net1",
        {"hidden": ()},
        summary="Net-1: one layer of weights",
        source=_STRATEGIES,
        native_input=(1, 16, 16),
        counts=Counts(2_570, 2_560, 2_570),
        unspecified=(_LINEAR_OUTPUT, _RANGE),
    ),
    MLP.but(
        "net2",
        {"hidden": (12,), "activation": "scaled_tanh"},
        summary="Net-2: 12 hidden units, fully connected",
        source=_STRATEGIES,
        native_input=(1, 16, 16),
        counts=Counts(3_214, 3_192, 3_214),
        unspecified=(_LINEAR_OUTPUT, _RANGE),
    ),
    LENET.but(
        "net3",
        {
            "activation": "scaled_tanh",
            "pooling": "none",
            "channels": (1, 1),
            "kernel_size": (3, 5),
            "stride": (2, 1),
            "padding": (1, 0),
            "hidden": (),
            "weights": "local",
            "bias": "unit",
        },
        summary="Net-3: two locally connected layers",
        source=_STRATEGIES,
        native_input=(1, 16, 16),
        counts=Counts(1_226, 1_136, 1_226),
        unspecified=(_LINEAR_OUTPUT, _ZERO_BORDER, _RANGE),
    ),
    LENET.but(
        "net4",
        {
            "activation": "scaled_tanh",
            "pooling": "none",
            "channels": (2, 1),
            "kernel_size": (3, 5),
            "stride": (2, 1),
            "padding": (1, 0),
            "hidden": (),
            "weights": ("shared", "local"),
            "bias": "unit",
        },
        summary="Net-4: shared weights in the first layer, local ones in the second",
        source=_STRATEGIES,
        native_input=(1, 16, 16),
        counts=Counts(1_132, 2_112, 2_266),
        unspecified=(_LINEAR_OUTPUT, _ZERO_BORDER, _RANGE),
    ),
    LENET.but(
        "net5",
        {
            "activation": "scaled_tanh",
            "pooling": "none",
            "channels": (2, 4),
            "kernel_size": (3, 5),
            "stride": (2, 1),
            "padding": (1, 0),
            "hidden": (),
            "bias": "unit",
        },
        summary="Net-5: shared weights in two layers",
        source=_STRATEGIES,
        native_input=(1, 16, 16),
        counts=Counts(1_060, 4_992, 5_194),
        unspecified=(_LINEAR_OUTPUT, _ZERO_BORDER, _RANGE),
    ),
    LENET.but(
        "lenet1-1989",
        {
            "activation": "scaled_tanh",
            "pooling": "none",
            "channels": (12, 12),
            "stride": 2,
            "padding": 2,
            "hidden": (30,),
            "connections": "h2-1989",
            "bias": "unit",
        },
        summary="the zip-code net: two strided convolutions with a bias a unit, 30 hidden units",
        source=_ZIP_CODES,
        native_input=(1, 16, 16),
        counts=Counts(9_760, 63_660, 64_660),
        unspecified=(
            "which 8 maps of H1 each map of H2 sees: three groups, as in lecun1989-repro",
            _LINEAR_OUTPUT,
            _ZERO_BORDER,
            _RANGE,
        ),
    ),
)
_OWN = (
    LENET.but(
        "lenet-modern",
        {"activation": "relu", "norm": "batch", "bias": "none"},
        summary="the LeNet's layout with today's parts: ReLU, max pooling, batch normalisation",
        source="ours: what a practitioner would do today with the same layers",
        counts=Counts(44_856, 281_640, 291_222),
        unspecified=(
            "dropout, more channels: left out, to keep the layout",
            "biases of fc1 and fc2: kept, though the normalisation after them takes them out",
        ),
    ),
    LENET.but(
        "lenet-gap",
        {"head": "gap", "hidden": ()},
        summary="the LeNet with global average pooling in place of its hidden layers",
        source="ours, after Lin, Chen, Yan 2014, Network in network, section 3.2",
        counts=Counts(2_742, 240_160, 244_650),
        unspecified=("maps for classes: 16 maps and a linear layer, not a map a class",),
    ),
    LENET.but(
        "locally-connected",
        {"weights": "local", "bias": "unit"},
        summary="the LeNet with the same receptive fields and nothing shared, biases neither",
        source=f"ours, after {_STRATEGIES}: locality without weight sharing",
        counts=Counts(286_334, 281_640, 286_334),
        unspecified=("inputs other than 28x28: as many kernels as the maps have units",),
    ),
    MLP,
    MLP.but(
        "softmax",
        {"hidden": ()},
        summary="softmax regression: one linear map from pixels to classes",
        source=f"{_PORT}, section 3.7",
        counts=Counts(7_850, 7_840, 7_850),
        unspecified=("inputs other than 28x28: the map takes all values of the image",),
    ),
    MLP.but(
        "mlp-matched",
        {"hidden": (56,)},
        summary="the MLP with as many hidden units as give it the LeNet's number of parameters",
        source="ours: a control for size; 56 units on 28x28 images in 10 classes",
        counts=Counts(44_530, 44_464, 44_530),
        unspecified=("hidden sizes: found for every input and number of classes, unless given",),
        matched_to="lenet",
    ),
)
_BUILT_IN = (*_OF_THE_BOOKS, *_OF_1998, *_OF_1989, *_OWN)
_CARDS: dict[str, Card] = {card.name: card for card in _BUILT_IN}
