"""The command line: parses, calls, prints. Every number and decision is made elsewhere.

Imports nothing heavy before a command needs it, so that `--help` is there at once.
"""

from __future__ import annotations

import gc
import signal
import sys
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ablations.cli import networks, replays, studies, upkeep
from ablations.cli.options import DataDir
from ablations.cli.terminal import console
from ablations.errors import AblationsError, SpecError

EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130


class _Group(TyperGroup):
    """Turns our errors into one message and the exit code the documentation names."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AblationsError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except ValueError as error:
            if not _is_ours(error):
                raise
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(EXIT_BAD_INPUT) from error


def _is_ours(error: Exception) -> bool:
    """Whether a package below raised it on purpose; their roots are loaded only if used."""
    roots = (("lenet_variants.errors", "VariantError"), ("reports.errors", "ReportError"))
    loaded = [getattr(sys.modules[home], name) for home, name in roots if home in sys.modules]
    return isinstance(error, tuple(loaded))


app = typer.Typer(
    cls=_Group,
    name="ablations",
    help="Architecture-ablation studies: paired seeds, tracked runs, a verdict for every contrast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Data sets: what there is, and getting one.", no_args_is_help=True)
app.add_typer(data_app, name="data")


def main() -> None:
    """The console script. SIGTERM stops a study as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    finally:
        gc.freeze()  # the end of a process looks for garbage in all that torch and MLflow loaded


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a signal handler's)
    raise KeyboardInterrupt


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("study.yaml"),
) -> None:
    """Write a commented study to start from.

    Example: ablations init my-study.yaml
    """
    if file.exists():
        raise SpecError(str(file), ["is there already; name another file"])
    template = resources.files("ablations").joinpath("templates/study.yaml")
    file.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    typer.echo(f"wrote {file}; run it with: ablations run {file}")


app.command()(networks.variants)
app.command()(networks.describe)
app.command("check-variant")(networks.check_variant)
app.command()(studies.plan)
app.command()(studies.run)
app.command()(studies.status)
app.command()(studies.report)
app.command()(replays.replay)
app.command()(upkeep.sync)
app.command()(upkeep.doctor)
app.command()(upkeep.clean)
app.command()(upkeep.ui)


@data_app.command("list")
def data_list() -> None:
    """List the data sets that can be named in a study.

    Example: ablations data list
    """
    from ablations.cli import listings

    listings.show_datasets(console())


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="A data set's name.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Get a data set and verify it, so that studies find it without a network.

    Example: ablations data fetch fashion-mnist
    """
    from ablations import data

    typer.echo(f"{name}: {data.fetch(name, data_dir=data_dir)}")
