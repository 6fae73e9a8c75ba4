"""What the commands print with. Loads nothing heavy before it prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """The terminal, at its width."""
    from rich.console import Console

    return Console()


def warning_line(text: str) -> str:
    """A warning as every command shows it, in rich markup."""
    from rich.markup import escape

    return f"[yellow]warning[/yellow]: {escape(text)}"


def change_line(text: str) -> str:
    """A change of a plan as every command shows it, in rich markup."""
    from rich.markup import escape

    return f"[cyan]changed[/cyan]: {escape(text)}"


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def byte_text(n_bytes: int) -> str:
    """`512 B`, `3.4 kB`, `12.0 MB`."""
    if n_bytes < 1000:  # noqa: PLR2004
        return f"{n_bytes} B"
    return f"{n_bytes / 1e3:.1f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:.1f} MB"  # noqa: PLR2004


def print_json(value: Any) -> None:
    """A value as JSON, on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
