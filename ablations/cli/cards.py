"""What is shown of networks: all variants, one layer by layer, and whether one keeps its word.

Each has its plain values (the `--json` output, documented in docs/json.md) and its table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from ablations.designs import level_text
from ablations.errors import SpecError, counted
from lenet_variants import catalogue
from lenet_variants.card import Card, Counts

if TYPE_CHECKING:
    from lenet_variants.contract import Check

FLOAT32_BYTES = 4

# One space between columns, so that a layer table fits a terminal of 80.
_TIGHT: dict[str, Any] = {
    "box": None,
    "header_style": "bold",
    "pad_edge": False,
    "padding": (0, 1, 0, 0),
}


def variants() -> list[dict[str, Any]]:
    """`variants --json`: every registered variant, counted at its card's native input."""
    return [_variant(catalogue.find(name)) for name in catalogue.names()]


def _variant(card: Card) -> dict[str, Any]:
    return {
        **card.to_dict(),
        "levels": card.resolve({}),
        "input": list(card.native_input),
        "n_classes": card.n_classes,
        **asdict(card.counts or _counted(card)),
    }


def _counted(card: Card) -> Counts:
    """The size of a plug-in whose card does not say it."""
    from lenet_variants import measure

    return measure.count(card.name, {}, card.native_input, card.n_classes)


def show_variants(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """The variants as a table, one line each where the terminal is wide enough."""
    table = Table("variant", **_TIGHT)
    for name in ("input", "parameters", "MACs", "links"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what it is")
    for row in rows:
        table.add_row(
            escape(row["name"]),
            level_text(row["input"]),
            *(f"{row[count]:,}" for count in ("n_parameters", "n_macs", "n_connections")),
            f"{escape(row['summary'])}\n[dim]{escape(_origin(row))}[/dim]",
        )
    console.print(table)
    console.print("one with its source, levels and layers: ablations describe lenet5-1998")


def _origin(row: Mapping[str, Any]) -> str:
    """What a variant is a diff of, and where it comes from."""
    return f"{row['family']}: {_changes(catalogue.find(row['name']))}. {row['source']}"


def registry_page(rows: Iterable[Mapping[str, Any]]) -> str:
    """docs/registry.md: one line a variant."""
    head = (
        "variant",
        "differs from its family in",
        "input",
        "parameters",
        "MACs",
        "links",
        "source",
    )
    lines = [
        "# The registry",
        "",
        "Every built-in variant at its native input; made by `make docs` from the cards in",
        "`lenet_variants/catalogue.py`. What the columns count is in [variants.md](variants.md).",
        "",
        _markdown_row(head),
        _markdown_row(["---", "---", "---", "---:", "---:", "---:", "---"]),
    ]
    for row in rows:
        counts = [f"{row[name]:,}" for name in ("n_parameters", "n_macs", "n_connections")]
        changes = f"{row['family']}: {_changes(catalogue.find(row['name']))}"
        cells = [f"`{row['name']}`", changes, level_text(row["input"]), *counts, row["source"]]
        lines.append(_markdown_row(cells))
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _changes(card: Card) -> str:
    """The levels in which a variant differs from its family."""
    if card.matched_to:
        return f"hidden sized to {card.matched_to}"
    changes = card.identity(card.resolve({}))
    return ", ".join(f"{name}={level_text(value)}" for name, value in changes.items()) or "itself"


def describe(
    variant: str, input_text: str | None, n_classes: int | None, settings: Sequence[str] = ()
) -> dict[str, Any]:
    """`describe --json`: one variant layer by layer.

    Args:
        variant: A registered variant.
        input_text: Such as 1x28x28; None for its native input.
        n_classes: None for the number on its card.
        settings: Levels that differ from its own, such as `pooling=avg`.

    Raises:
        SpecError: The input or a setting cannot be read.
        VariantError: The variant, a level or the input is refused.
    """
    from lenet_variants import measure

    card = catalogue.find(variant)
    shape = _shape(input_text) if input_text else card.native_input
    return measure.describe(variant, _levels(settings), shape, n_classes or card.n_classes)


def _levels(settings: Sequence[str]) -> dict[str, Any]:
    levels: dict[str, Any] = {}
    for setting in settings:
        level, equals, value = setting.partition("=")
        try:
            levels[level.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not equals:
            raise SpecError("--set", [f"must be LEVEL=VALUE such as pooling=avg, got {setting!r}"])
    return levels


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) for part in parts):  # noqa: PLR2004
        raise SpecError("--input", [f"must be CHANNELSxHEIGHTxWIDTH such as 1x28x28, got {text!r}"])
    channels, height, width = (int(part) for part in parts)
    return channels, height, width


def show_description(facts: Mapping[str, Any], console: Console) -> None:
    """A variant's card, and its layers with each one's share of the total."""
    console.print(f"[bold]{escape(facts['name'])}[/bold]  {escape(facts['summary'])}")
    console.print(_card_table(facts))
    console.print()
    table = _layer_table(facts, "{:,}".format)
    room = console.options.update(max_width=1000)
    if Measurement.get(console, room, table).maximum > console.width:
        table = _layer_table(facts, _in_short)
    console.print(table)
    n, size = facts["n_parameters"], _bytes_text(facts["n_parameters"] * FLOAT32_BYTES)
    console.print(f"{n:,} parameters, {size} in float32", highlight=False)


def _layer_table(facts: Mapping[str, Any], written: Callable[[int], str]) -> Table:
    table = Table(**_TIGHT)
    for name in ("layer", "kind", "output"):
        table.add_column(name, overflow="fold")
    for name in ("parameters", "", "MACs", "", "links"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("sees", no_wrap=True)
    for layer in facts["layers"]:
        table.add_row(*_layer_cells(layer, facts, written))
    table.add_section()
    totals = [written(facts[name]) for name in ("n_parameters", "n_macs", "n_connections")]
    table.add_row("total", "", "", totals[0], "", totals[1], "", totals[2], "")
    return table


def _in_short(number: int) -> str:
    """A count in four digits, where a terminal has no room for all: 768M, 2.458G, 9,999."""
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if number >= size:
            return f"{number / size:.4g}{unit}"
    return f"{number:,}"


def _card_table(facts: Mapping[str, Any]) -> Table:
    levels = ", ".join(f"{name}={level_text(value)}" for name, value in facts["levels"].items())
    native = "" if facts["input"] == facts["native_input"] else ", not its native "
    native += level_text(facts["native_input"]) if native else ""
    rows = [
        ("source", facts["source"]),
        ("input", f"{level_text(facts['input'])}{native}; {facts['n_classes']} classes"),
        ("levels", levels),
        ("family", f"{facts['family']}, revision {facts['revision']}"),
    ]
    rows += [("left open", text) for text in facts["unspecified"]]
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    for at, (name, text) in enumerate(rows):
        table.add_row("" if at and rows[at - 1][0] == name else name, escape(text))
    return table


def _layer_cells(
    layer: Mapping[str, Any], facts: Mapping[str, Any], written: Callable[[int], str]
) -> list[str]:
    seen = layer["receptive_field"]
    return [
        escape(layer["name"]),
        escape(layer["kind"]),
        level_text(layer["output_shape"]),
        written(layer["n_parameters"]),
        _share(layer["n_parameters"], facts["n_parameters"]),
        written(layer["n_macs"]),
        _share(layer["n_macs"], facts["n_macs"]),
        written(layer["n_connections"]),
        level_text(seen) if seen else "-",
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if part else ""


def _bytes_text(n_bytes: int) -> str:
    """A number of bytes in units of 1000."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.4g} {unit}"
    return f"{n_bytes} B"


def show_checks(variant: str, checks: Sequence[Check], console: Console) -> None:
    """The promises of a variant, kept or broken."""
    console.print(f"[bold]{escape(variant)}[/bold]")
    table = Table(box=None, show_header=False, padding=(0, 1))
    for check in checks:
        kept = "[green]kept[/green]" if check.passed else "[red]broken[/red]"
        table.add_row(kept, check.name, escape(check.detail))
    console.print(table)
    n_broken = sum(not check.passed for check in checks)
    said = f"{counted(n_broken, 'promise')} broken" if n_broken else "every promise kept"
    console.print(said, highlight=False)
