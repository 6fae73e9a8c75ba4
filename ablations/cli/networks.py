"""The commands that look at networks and train nothing: `variants`, `describe`, `check-variant`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ablations.cli.options import AsJson
from ablations.cli.terminal import console, print_json

EXIT_BROKEN = 1

Plugins = Annotated[
    list[str] | None, typer.Option("--plugin", help="A file or entry point with your own variants.")
]


def variants(
    *,
    plugins: Plugins = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/registry.md.")] = False,
) -> None:
    """List the registered architectures with their sizes at their native input.

    Example: ablations variants --json
    """
    from ablations.cli import cards

    _load(plugins or ())
    rows = cards.variants()
    if markdown:
        typer.echo(cards.registry_page(rows), nl=False)
    elif as_json:
        print_json(rows)
    else:
        cards.show_variants(rows, console())


def describe(
    variant: Annotated[str, typer.Argument(help="A registered variant.", show_default=False)],
    *,
    input_shape: Annotated[str | None, typer.Option("--input", help="Such as 1x28x28.")] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes.", min=1)] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="LEVEL=VALUE, in place of the variant's own.")
    ] = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Show one architecture: its card, and layer by layer its shapes, parameters, products, links.

    Nothing is allocated, however large the network is.

    Example: ablations describe lenet --set pooling=avg --input 1x28x28
    """
    from ablations.cli import cards

    _load(plugins or ())
    facts = cards.describe(variant, input_shape, classes, settings or ())
    print_json(facts) if as_json else cards.show_description(facts, console())


def check_variant(
    file: Annotated[
        str,
        typer.Argument(
            help="A file with your own variants, or a registered name.", show_default=False
        ),
    ],
) -> None:
    """Check that networks keep what every variant promises; exits with 1 if one does not.

    Example: ablations check-variant my_nets.py
    """
    from ablations.cli import cards
    from lenet_variants import catalogue
    from lenet_variants.contract import check_variant as checks_of

    broken = False
    for name in (file,) if file in catalogue.names() else _load([file]):
        checks = checks_of(name)
        cards.show_checks(name, checks, console())
        broken = broken or not all(check.passed for check in checks)
    if broken:
        raise typer.Exit(EXIT_BROKEN)


def _load(plugins: Sequence[str]) -> tuple[str, ...]:
    """The names of the variants that files and entry points bring."""
    if not plugins:
        return ()
    from lenet_variants.registry import load_plugin

    return tuple(name for plugin in plugins for name in load_plugin(plugin))
