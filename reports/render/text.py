"""The Markdown report and the CSV files.

Called by `reports.render`. Markdown words the same tables as the page; CSV holds the raw numbers
of `results.json`, fractions as fractions, and text that no spreadsheet takes for a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from reports.costs import COSTS
from reports.figures.palette import CLAIMS, VERDICTS
from reports.render import tables
from reports.render.class_tables import error_tables
from reports.render.design_tables import failure_table
from reports.render.factor_tables import effect_tables, variance_table
from reports.render.probe_tables import growth_tables, probe_tables, step_tables
from reports.render.tables import Cell, Table
from reports.render.tuning_table import tuning_table
from reports.render.words import claim_note, claim_sentence, flag_text, method_notes
from reports.spreadsheet import as_cell

Document = Mapping[str, Any]

ARM_COLUMNS = (
    "name", "comparison", "variant", "n_finished", "n_failed", "n_collapsed", "mean", "sd",
    "ci_low", "ci_high", "median", "min", "max", "iqm", "iqm_ci_low", "iqm_ci_high",
    "n_parameters", "n_macs", "n_connections", "among_best",
)  # fmt: skip
CONTRAST_COLUMNS = (
    "name", "arm", "control", "family", "comparison", "method", "verdict", "estimate", "ci_low",
    "ci_high", "ci_adjusted_low", "ci_adjusted_high", "ci_equivalence_low", "ci_equivalence_high",
    "p", "p_adjusted", "p_sign_flip", "p_equivalence", "margin", "sd_difference", "correlation",
    "hedges_dz", "win_probability", "win_probability_ci_low", "win_probability_ci_high",
    "relative_error_reduction", "estimate_with_failures", "n_pairs", "missing_pairs",
    "minimum_detectable", "seeds_for_margin", "flags", "dataset", "new_images_ci_low",
    "new_images_ci_high", "matched",
)  # fmt: skip


def markdown(results: Document, costs: Document) -> str:
    """The report as Markdown: findings, claims, warnings and the tables, without figures."""
    parts = [f"# {_escaped(results['study'])}", _paragraph(results["question"] or "")]
    if not results["final"]:
        parts.append("**Not final.** Runs are missing, and no verdict is given.")
    parts += [
        f"**Deviation from the plan.** {_escaped(text)}" for text in results["plan"]["deviations"]
    ]
    parts += [f"**Refused** ({m['code']}). {_escaped(m['text'])}" for m in results["refusals"]]
    parts.append("\n".join(map(_finding, results["contrasts"])))
    parts.append("\n".join(map(_claim, results["claims"])))
    parts += [f"Note ({m['code']}). {_escaped(m['text'])}" for m in results["warnings"]]
    if results["contrasts"]:
        parts += ["## Verdicts", _table(tables.verdict_table(results))]
    parts += ["## Arms", _table(tables.arms_table(results))]
    tuned = tuning_table(results)
    parts += ["## Tuning", _table(tuned)] if tuned else []
    failures = failure_table(results)
    parts += ["## What went wrong", _table(failures)] if failures else []
    factors = effect_tables(results)
    parts += ["## Factors", *map(_table, factors)] if factors else []
    noise = variance_table(results)
    parts += ["## Noise", _table(noise)] if noise else []
    parts += ["## Cost", _table(tables.cost_table(results, costs))]
    errors = error_tables(results)
    parts += ["## Where errors differ", *map(_table, errors)] if errors else []
    probes = [*probe_tables(results), *growth_tables(results), *step_tables(costs)]
    parts += ["## Probes", *map(_table, probes)] if probes else []
    parts += ["## Method", *(f"**{head}.** {text}" for head, text in method_notes(results))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _finding(contrast: Document) -> str:
    flags = "".join(f" ({_escaped(flag_text(flag))})" for flag in contrast["flags"])
    word = VERDICTS[contrast["verdict"]].word
    return f"- **{word}**: {_escaped(contrast['sentence'])}{flags}"


def _claim(claim: Document) -> str:
    word = CLAIMS[claim["verdict"]].word
    told = f"{claim_sentence(claim)} ({claim_note(claim)})"
    return f"- Claim *{_escaped(claim['text'])}*: **{word}**. {_escaped(told)}"


def _table(table: Table) -> str:
    rules = ("--:" if head.is_number else ":--" for head in table.heads)
    lines = [
        " | ".join(_escaped(head.text) for head in table.heads),
        " | ".join(rules),
        *(" | ".join(map(_cell, row)) for row in table.rows),
    ]
    return "\n".join([_escaped(table.caption), "", *(f"| {line} |" for line in lines)])


def _cell(cell: Cell) -> str:
    return f"**{_escaped(cell.text)}**" if cell.is_bold else _escaped(cell.text)


def _escaped(text: str) -> str:
    """Text on one line in which Markdown and HTML find nothing to act on."""
    line = re.sub(r"\s*[\r\n]\s*", " ", text)
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~$])", r"\\\1", line.replace("&", "&amp;"))
    # Code hosts make links of addresses, people of @names, pictures of :words:, lists of dashes.
    escaped = escaped.replace("@", "&#64;").replace("://", "&#58;//")
    return re.sub(r":(?=[\w+-]+:)", "&#58;", escaped)


def _paragraph(text: str) -> str:
    """Free text that begins a line, and yet no list or rule."""
    return re.sub(r"^(\s*\d*)([-+=.)])", r"\1\\\2", _escaped(text))


def csv_files(results: Document, costs: Document) -> dict[str, str]:
    """The raw numbers by file name: `arms.csv` (with mean costs), `contrasts.csv`."""
    means = {
        (arm["arm"], arm["comparison"]): {name: (arm[name] or {}).get("mean") for name in COSTS}
        for arm in costs["arms"]
    }
    nothing = dict.fromkeys(COSTS)
    arms = [arm | means.get((arm["name"], arm["comparison"]), nothing) for arm in results["arms"]]
    return {
        "arms.csv": _csv(arms, ARM_COLUMNS + COSTS),
        "contrasts.csv": _csv(results["contrasts"], CONTRAST_COLUMNS),
    }


def _csv(records: Sequence[Document], columns: tuple[str, ...]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_field(record, column) for column in columns] for record in records)
    return stream.getvalue()


def _field(record: Document, column: str) -> object:
    for suffix, end in (("_low", 0), ("_high", 1)):
        if column.endswith(suffix):
            bounds = record[column.removesuffix(suffix)]
            return "" if bounds is None else bounds[end]
    item = record[column]
    return as_cell(";".join(map(str, item)) if isinstance(item, (list, tuple)) else item)
