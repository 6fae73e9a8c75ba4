"""The commands that look at networks and train nothing: `variants`, `describe`."""

from __future__ import annotations

from typing import Annotated

import typer

from ablations.cli.terminal import AsJson, console, print_json


def variants(as_json: AsJson = False) -> None:  # noqa: FBT002 (a flag)
    """List the registered architectures with their sizes at their native input.

    Example: ablations variants --json
    """
    from ablations.cli import cards

    rows = cards.variants()
    print_json(rows) if as_json else cards.show_variants(rows, console())


def describe(
    variant: Annotated[str, typer.Argument(help="A registered variant.", show_default=False)],
    *,
    input_shape: Annotated[str | None, typer.Option("--input", help="Such as 1x28x28.")] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Show one architecture layer by layer: shapes, parameters, multiply-accumulates.

    Example: ablations describe lenet --input 1x28x28
    """
    from ablations.cli import cards

    facts = cards.describe(variant, input_shape, classes)
    print_json(facts) if as_json else cards.show_description(facts, console())
