"""The command `replay`, and how what it found is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ablations.cli.options import AsJson, DataDir, Device, TrackingUri
from ablations.cli.terminal import console, print_json
from ablations.errors import counted

if TYPE_CHECKING:
    from rich.console import Console

    from ablations.agreement import Compared
    from ablations.replay import Replay

EXIT_NOT_IDENTICAL = 1


def replay(
    run_key: Annotated[
        str, typer.Argument(help="A run's key, or its first 6 digits or more.", show_default=False)
    ],
    *,
    plugin: Annotated[
        list[str] | None, typer.Option("--plugin", help="A file with networks of your own.")
    ] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    tracking_uri: TrackingUri = None,
    as_json: AsJson = False,
) -> None:
    """Train a stored run again: bit-identical, or by how much not. Stores nothing.

    Exits with 0 if everything is identical, with 1 if not.

    Example: ablations replay 3f2a9c
    """
    from ablations import replay as replaying
    from ablations.tracking.store import tracking_uri as store_uri

    if plugin:
        from lenet_variants.registry import load_plugin

        for file in plugin:
            load_plugin(file)
    found = replaying.replay(run_key, store_uri(tracking_uri), data_dir=data_dir, device=device)
    if as_json:
        print_json(found.to_dict())
    else:
        show_replay(found, console())
    if not found.is_identical:
        raise typer.Exit(EXIT_NOT_IDENTICAL)


def show_replay(found: Replay, console: Console) -> None:
    """Which run it was, where, and how far each thing agrees."""
    from rich.markup import escape
    from rich.table import Table

    stored = found.stored
    console.print(
        f"run {stored.run_key[:16]} of study {escape(stored.study)}: {escape(stored.arm)} "
        f"s{stored.seed}, attempt {stored.attempt}, {stored.state.value}",
        highlight=False,
    )
    console.print(escape(environment_text(found)), highlight=False)
    table = Table(box=None, header_style="bold")
    table.add_column("compared", overflow="fold")
    table.add_column("now and then", overflow="fold")
    for what, text in rows(found.compared):
        table.add_row(escape(what), escape(text))
    console.print(table)
    console.print("bit-identical" if found.is_identical else "not identical")


def environment_text(found: Replay) -> str:
    """Whether it was trained in this environment, and what is not the same."""
    if not found.environment:
        return "environment: the same"
    told = ", ".join(
        f"{name} {then} then, {now} now" for name, (then, now) in found.environment.items()
    )
    return f"environment: another one, so other bits are no fault: {told}"


def rows(compared: Sequence[Compared]) -> Iterator[tuple[str, str]]:
    """A line a thing; all tensors that are identical in one."""
    weights = [one for one in compared if one.what.startswith("weights ")]
    same = [one for one in weights if one.is_identical]
    for one in compared:
        if one not in same:
            yield one.what, _text(one)
    if same:
        n_values = sum(one.n_values for one in same)
        more = "" if len(same) == len(weights) else "other "
        yield f"{more}weights", f"identical: {counted(len(same), 'tensor')}, {n_values:,} values"


def _text(one: Compared) -> str:
    if one.is_identical:
        return "identical" + (f": {one.n_values:,} values" if one.n_values > 1 else "")
    if one.note:
        return one.note
    if one.n_values == 1:
        return "differs" if one.largest is None else f"differs by {one.largest:.3g}"
    far = "" if one.largest is None else f", by {one.largest:.3g} at most"
    return f"{one.n_different:,} of {one.n_values:,} values differ{far}"
