"""What is shown of networks: all variants, and one of them layer by layer.

Each has its plain values (the `--json` output, documented in docs/json.md) and its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations.designs import level_text
from ablations.errors import SpecError
from lenet_variants import card, catalogue, measure


def variants() -> list[dict[str, Any]]:
    """`variants --json`: every registered variant, counted at its card's native input."""
    return [_variant(catalogue.find(name)) for name in catalogue.names()]


def _variant(found: card.Card) -> dict[str, Any]:
    levels = measure.resolve(found.name, {}, found.native_input, found.n_classes)
    counts = measure.count(found.name, levels, found.native_input, found.n_classes)
    return {
        "name": found.name,
        "family": found.family,
        "levels": levels,
        "source": found.source,
        "input": list(found.native_input),
        "n_parameters": counts.n_parameters,
        "n_macs": counts.n_macs,
    }


def show_variants(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """The variants as a table."""
    table = Table("variant", "family", "differs from its family in", box=None, header_style="bold")
    for name in ("parameters", "MACs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("input")
    for row in rows:
        found = catalogue.find(row["name"])
        changes = found.identity(found.resolve({}))
        text = ", ".join(f"{name}={level_text(value)}" for name, value in changes.items()) or "-"
        if found.matched_to:
            text = f"sized to {found.matched_to}"
        table.add_row(
            row["name"],
            row["family"],
            text,
            f"{row['n_parameters']:,}",
            f"{row['n_macs']:,}",
            level_text(row["input"]),
        )
    console.print(table)


def describe(variant: str, input_text: str | None, n_classes: int | None) -> dict[str, Any]:
    """`describe --json`: one variant layer by layer."""
    found = catalogue.find(variant)
    shape = _shape(input_text) if input_text else found.native_input
    classes = n_classes or found.n_classes
    return measure.describe(variant, {}, shape, classes)


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) for part in parts):  # noqa: PLR2004
        raise SpecError("--input", [f"must be CHANNELSxHEIGHTxWIDTH such as 1x28x28, got {text!r}"])
    channels, height, width = (int(part) for part in parts)
    return channels, height, width


def show_description(facts: Mapping[str, Any], console: Console) -> None:
    """One variant as a layer table, with each layer's share of the total."""
    console.print(f"[bold]{escape(facts['name'])}[/bold]  {escape(facts['source'])}")
    levels = ", ".join(f"{name}={level_text(value)}" for name, value in facts["levels"].items())
    console.print(f"input {level_text(facts['input'])}, {facts['n_classes']} classes; {levels}")
    table = Table("layer", "kind", "output", box=None, header_style="bold")
    for name in ("parameters", "", "MACs", "", "links"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("sees", no_wrap=True)
    for layer in facts["layers"]:
        seen = layer["receptive_field"]
        table.add_row(
            layer["name"],
            layer["kind"],
            level_text(layer["output_shape"]),
            f"{layer['n_parameters']:,}",
            _share(layer["n_parameters"], facts["n_parameters"]),
            f"{layer['n_macs']:,}",
            _share(layer["n_macs"], facts["n_macs"]),
            f"{layer['n_connections']:,}",
            level_text(seen) if seen else "-",
        )
    table.add_section()
    table.add_row(
        "total", "", "", f"{facts['n_parameters']:,}", "", f"{facts['n_macs']:,}", "", "", ""
    )
    console.print(table)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if part else ""
