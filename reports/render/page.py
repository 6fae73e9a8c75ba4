"""The HTML report: one file that needs nothing but a browser.

Called by `reports.render`. Every string from a study passes through jinja's autoescape; only the
SVG (escaped by matplotlib) and our own style and script are inserted as they are.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.figures import pictures
from reports.figures.palette import CLAIMS, COLOURS, VERDICTS
from reports.figures.units import amount, spoken
from reports.render import design_tables, tables
from reports.render.class_tables import error_tables
from reports.render.factor_tables import effect_tables, variance_table
from reports.render.probe_tables import growth_tables, probe_tables, step_tables
from reports.render.tuning_table import tuning_table
from reports.render.words import claim_note, claim_sentence, data_words, flag_text, method_notes

Document = Mapping[str, Any]

TEMPLATES = Path(__file__).with_name("templates")


def html(results: Document, costs: Document, provenance: Document) -> str:
    """The report as one self-contained HTML document.

    Args:
        results: As in `results.json`.
        costs: As in `costs.json`.
        provenance: As in `provenance.json`; any nesting, shown as a table.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "flag": flag_text,
        "claim_sentence": claim_sentence,
        "claim_note": claim_note,
        "base64": _base64,
    }
    script = (TEMPLATES / "tables.js").read_text(encoding="utf-8")
    template = environment.get_template("report.html")
    return template.render(
        results=results,
        style=Markup(_colours() + (TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        pictures=pictures(results, costs),
        tables=_tables(results, costs, provenance),
        data=data_words(results),
        endpoint=_endpoint(results),
        verdicts=VERDICTS,
        claim_marks=CLAIMS,
        notes=method_notes(results),
        flags=tables.worn_flags(results),
        matched=tables.matched_contrasts(results),
        warnings=_by_code(_of_study(results["warnings"])),
        refusals=_of_study(results["refusals"]),
        told=_told(results),
    )


def _tables(results: Document, costs: Document, provenance: Document) -> dict[str, Any]:
    plan = {"design": results["design"], "endpoint": results["endpoint"], **results["plan"]}
    return {
        "verdicts": tables.verdict_table(results),
        "arms": tables.arms_table(results),
        "costs": tables.cost_table(results, costs),
        "changes": tables.changes_table(results),
        "effects": effect_tables(results),
        "variance": variance_table(results),
        "probes": probe_tables(results),
        "growth": [*growth_tables(results), *step_tables(costs)],
        "tuning": tuning_table(results),
        "failures": design_tables.failure_table(results),
        "errors": error_tables(results),
        "card": design_tables.design_card(results, provenance),
        "plan": design_tables.fact_table("The plan, as it was written before the runs.", plan),
        "provenance": design_tables.fact_table("Where this was computed.", provenance),
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _of_study(notes: Sequence[Document]) -> list[Document]:
    """Those about the study as a whole."""
    return [note for note in notes if note["kind"] == "study"]


def _told(results: Document) -> dict[tuple[str, str, str], list[Document]]:
    """Refusals, then warnings, by what they are about: kind, name and recipe."""
    told: dict[tuple[str, str, str], list[Document]] = {}
    for note in (*results["refusals"], *results["warnings"]):
        told.setdefault((note["kind"], note["about"], note["comparison"]), []).append(note)
    return told


def _by_code(notes: Sequence[Document]) -> dict[str, list[str]]:
    """The texts of each code, in the order of its first: many of one kind are shown as one."""
    texts: dict[str, list[str]] = {}
    for note in notes:
        texts.setdefault(note["code"], []).append(note["text"])
    return texts


def _endpoint(results: Document) -> str:
    endpoint = results["endpoint"]
    metric = endpoint["metric"]
    better = "higher" if endpoint["direction"] == "maximize" else "lower"
    words = f"{spoken(metric)}, {better} is better"
    if endpoint["margin"] is None:
        return words
    return f"{words}; margin {amount(endpoint['margin'], metric)}"


def _colours() -> str:
    """The palette as CSS variables, for light paper, and for dark screens but never in print."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in COLOURS.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in COLOURS.items())
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
