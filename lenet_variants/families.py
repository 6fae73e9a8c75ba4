"""The two built-in families: which levels a LeNet and an MLP have, and what must hold among them.

Torch-free, like the cards made of it. The builders of the networks read the levels by these names.
"""

from __future__ import annotations

from collections.abc import Mapping

from lenet_variants.levels import (
    Choice,
    ChoicePerBlock,
    Integers,
    Level,
    Number,
    PerBlock,
    Value,
    each_block,
)

ACTIVATIONS = (
    "sigmoid",
    "tanh",
    "scaled_tanh",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "identity",
)
POOLINGS = ("max", "avg", "l2", "subsampling", "strided_conv", "overlapping_max", "none")
NORMS = ("none", "batch", "group")
TABLES = {"c3-1998": (6, 16), "h2-1989": (12, 12)}
"""Connection tables by name, with the maps that the first two blocks must have."""

LENET_LEVELS: dict[str, Level] = {
    "activation": Choice("sigmoid", words=ACTIVATIONS, layers=("act", "squash")),
    "pooling": Choice("max", words=POOLINGS, layers=("pool", "squash")),
    "channels": Integers(
        (6, 16), low=1, shortest=1, layers=("conv", "norm", "act", "pool", "squash")
    ),
    "kernel_size": PerBlock(5, low=1, layers=("conv",)),
    "stride": PerBlock(1, low=1, layers=("conv",)),
    "padding": PerBlock(0, layers=("conv",)),
    "hidden": Integers((120, 84), low=1, layers=("fc", "norm", "act", "drop")),
    "head": Choice("fc", words=("fc", "gap"), layers=("gap",)),
    "norm": Choice("none", words=NORMS, layers=("norm",)),
    "dropout": Number(0.0, low=0.0, below=1.0, layers=("drop",)),
    "connections": Choice("full", words=("full", *TABLES), layers=("conv",)),
    "weights": ChoicePerBlock("shared", words=("shared", "local"), layers=("conv",)),
    "bias": Choice("map", words=("map", "unit", "none"), layers=("conv",)),
    "output": Choice("linear", words=("linear", "rbf"), layers=("output",)),
}
MLP_LEVELS: dict[str, Level] = {
    "activation": Choice("relu", words=ACTIVATIONS, layers=("act",)),
    "hidden": Integers((256,), low=1, layers=("fc", "norm", "act", "drop")),
    "norm": Choice("none", words=NORMS, layers=("norm",)),
    "dropout": Number(0.0, low=0.0, below=1.0, layers=("drop",)),
}


def dense_rules(levels: Mapping[str, Value]) -> dict[str, str]:
    """What is wrong with levels of the fully connected block together."""
    if levels["hidden"]:
        return {}
    found: dict[str, str] = {}
    if levels["dropout"]:
        found["dropout"] = (
            f"expected 0 without hidden layers, whose units it drops, got {levels['dropout']!r}; "
            "give the level 'hidden', or leave dropout out"
        )
    if levels.get("output") == "rbf":
        found["output"] = (
            "expected 'linear' without hidden layers, whose values the codes are compared with, "
            "got 'rbf'; give the level 'hidden'"
        )
    return found


def linear_rules(levels: Mapping[str, Value]) -> dict[str, str]:
    """What is wrong with levels of an MLP without hidden layers, which they would follow."""
    if levels["hidden"]:
        return {}
    plain = {name: MLP_LEVELS[name].default for name in ("activation", "norm")}
    return {
        name: (
            f"expected {default!r}, the default, without hidden layers, since it follows none, "
            f"got {levels[name]!r}; give the level 'hidden', or leave {name} out"
        )
        for name, default in plain.items()
        if levels[name] != default
    }


def convolution_rules(levels: Mapping[str, Value]) -> dict[str, str]:
    """What is wrong with levels of the convolution blocks together."""
    channels = levels["channels"]
    n_blocks = len(channels) if isinstance(channels, tuple) else 0
    weights = each_block(levels["weights"], n_blocks)
    found: dict[str, str] = {}
    kernels = each_block(levels["kernel_size"], n_blocks)
    paddings = each_block(levels["padding"], n_blocks)
    if any(int(p) >= int(k) for p, k in zip(paddings, kernels, strict=True)):  # type: ignore[arg-type]
        found["padding"] = (
            "expected less than the kernel size, or units at the border see no pixel, got "
            f"{_plain(levels['padding'])!r} for kernel_size {_plain(levels['kernel_size'])!r}; "
            "use less padding or a larger kernel"
        )
    return {**found, **_table_problem(str(levels["connections"]), channels, weights)}


def _table_problem(table: str, channels: Value, weights: tuple[Value, ...]) -> dict[str, str]:
    if table == "full" or not isinstance(channels, tuple):
        return {}
    if channels[:2] != TABLES[table]:
        return {
            "connections": (
                f"expected 'full' for channels {list(channels)}, got {table!r}, a table from "
                f"{TABLES[table][0]} maps to {TABLES[table][1]}; use channels {list(TABLES[table])}"
            )
        }
    if weights[1] == "local":
        return {
            "connections": (
                f"expected 'full' where the second block has weights 'local', got {table!r}, "
                "which says which maps a shared kernel joins; use weights 'shared' there"
            )
        }
    return {}


def _plain(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value
