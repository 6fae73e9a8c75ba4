"""Where the contrasts of a study with looks stand, for `status`: decided, or going on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from ablations.seeding import Contrast, Outcomes, Seeding

if TYPE_CHECKING:
    from reports.statistics.sequential import Decision


def contrast_table(seeding: Seeding, outcomes: Outcomes, endpoint: Mapping[str, Any]) -> Table:
    """The last look that each contrast has come to, and what it said.

    Args:
        seeding: The study's.
        outcomes: Of the runs that have ended here.
        endpoint: As `plan.json` has it; differences are in its unit, + being better.
    """
    table = Table(box=None, header_style="bold")
    table.title = f"{endpoint['metric']} at the looks, margin {endpoint['margin']:g}"
    table.title_justify, table.title_style = "left", ""
    table.add_column("contrast", overflow="fold")
    for name in ("pairs", "difference", "interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for contrast in seeding.contrasts:
        table.add_row(escape(contrast.name), *_row(seeding, contrast, outcomes))
    return table


def _row(seeding: Seeding, contrast: Contrast, outcomes: Outcomes) -> tuple[str, str, str, str]:
    path = seeding.path(contrast, outcomes)
    if not path:
        return "", "", "", f"first look at {contrast.plan.looks[0]} seeds"
    last = path[-1]
    low_high = "" if last.interval is None else "{:+.3g} to {:+.3g}".format(*last.interval)
    estimate = "" if last.estimate is None else f"{last.estimate:+.3g}"
    return str(last.n_pairs), estimate, low_high, _said(seeding, last)


def _said(seeding: Seeding, last: Decision) -> str:
    if last.state == "different":
        return f"decided at {last.look}: different"
    if last.state == "equivalent":
        return f"decided at {last.look}: equivalent"
    following = [look for look in seeding.looks if look > last.look]
    return f"goes on to {following[0]} seeds" if following else "undecided at the last look"
