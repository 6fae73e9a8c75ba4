r"""The report as LaTeX: a document of its own, and each of its tables in a file to be `\input`.

Called by `reports.render.files`. Sets the cells that `tables` and `factor_tables` have written; no
number is made here. Needs no package that a small TeX installation lacks.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from reports.figures.palette import CLAIMS, VERDICTS
from reports.render import tables
from reports.render.class_tables import class_table, mcnemar_table
from reports.render.design_tables import failure_table
from reports.render.factor_tables import effect_tables, variance_table
from reports.render.latex_text import BREAK, escaped
from reports.render.probe_tables import growth_tables, probe_tables, step_tables
from reports.render.tables import Cell, Head, Table
from reports.render.tuning_table import tuning_table
from reports.render.words import claim_note, claim_sentence, flag_text, method_notes

Document = Mapping[str, Any]

ROOM = 24
"""Characters of a column of words; longer ones go over several lines."""
HEAD_ROOM = 10
WIDEST = 160
"""Characters across a table that is still read when it is scaled to the text; wider ones are cut
into several, each with the first column."""
TALLEST = 45
"""Lines on a page; a taller table goes on with its heading on the next."""

PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[margin=2cm]{geometry}
\usepackage{array,booktabs,graphicx}
\setlength{\belowcaptionskip}{4pt}
\setlength{\emergencystretch}{3em}
\renewcommand{\labelitemi}{$\bullet$}
\renewcommand{\topfraction}{0.9}
\renewcommand{\floatpagefraction}{0.8}
\setcounter{topnumber}{9}
\setcounter{totalnumber}{9}
"""


@dataclass(frozen=True)
class Placed:
    """A table and what of it a paper sets apart.

    Attributes:
        name: Of its file and its label.
        bold: Rows and columns of the cells set bold.
    """

    name: str
    table: Table
    bold: frozenset[tuple[int, int]] = frozenset()


def latex_files(results: Document, costs: Document) -> dict[str, str]:
    r"""`report.tex`, and `tables/NAME.tex` that it and a paper may `\input`.

    A paper needs the packages `array`, `booktabs` and `graphicx`.
    """
    placed = _placed(results, costs)
    tables_alone = {_file(one): _floats(one) for one in placed}
    return {"report.tex": _report(results, list(tables_alone)), **tables_alone}


def _file(placed: Placed) -> str:
    return f"tables/{placed.name}.tex"


def _placed(results: Document, costs: Document) -> list[Placed]:
    """The report's tables in their order."""
    verdicts = tables.verdict_table(results)
    titled = replace(verdicts, caption=f"Contrasts and their verdicts. {verdicts.caption}")
    factors = effect_tables(results)
    return [
        *([Placed("verdicts", titled)] if results["contrasts"] else []),
        _arms(results),
        Placed("changes", tables.changes_table(results)),
        *_held("tuning", tuning_table(results)),
        *_held("failures", failure_table(results)),
        *_numbered("effects", factors[::2]),
        *_numbered("anova", factors[1::2]),
        *_held("variance", variance_table(results)),
        Placed("costs", tables.cost_table(results, costs)),
        *_held("classes", class_table(results)),
        *_held("mcnemar", mcnemar_table(results)),
        *_numbered("probes", probe_tables(results)),
        *_numbered("growth", [*growth_tables(results), *step_tables(costs)]),
    ]


def _held(name: str, table: Table | None) -> list[Placed]:
    return [] if table is None else [Placed(name, table)]


def _numbered(name: str, found: Sequence[Table]) -> list[Placed]:
    """The first is called `name`, the next `name-2`."""
    return [
        Placed(name if number == 1 else f"{name}-{number}", table)
        for number, table in enumerate(found, start=1)
    ]


def _arms(results: Document) -> Placed:
    """The arms, with the means of those that cannot be told from the best in bold."""
    table = tables.arms_table(results)
    bold = frozenset(
        (row, column)
        for row, cells in enumerate(table.rows)
        for column, cell in enumerate(cells)
        if cell.is_bold
    )
    return Placed("arms", table, bold)


def _report(results: Document, names: Sequence[str]) -> str:
    head = [
        rf"\title{{{escaped(results['study'])}}}" + "\n\\author{}\n\\date{}",
        "\\begin{document}\n\\maketitle",
        rf"\begin{{center}}\itshape {escaped(results['question'] or '')}\end{{center}}",
    ]
    notes = [_paragraph(lead, text) for lead, text in method_notes(results)]
    body = [
        *_findings(results),
        "\\section*{Method}",
        *notes,
        "\\clearpage",  # the tables are floats, and are to come after the text and in their order
        "\n".join(rf"\input{{{name}}}" for name in names),
    ]
    return "\n\n".join([PREAMBLE, *head, *body, "\\end{document}"]) + "\n"


def _findings(results: Document) -> Iterator[str]:
    """What was found, and what stands in its way, as paragraphs and lists."""
    if not results["final"]:
        yield r"\noindent\textbf{Not final.} Runs are missing, and no verdict is given."
    for text in results["plan"]["deviations"]:
        yield _paragraph("Deviation from the plan", text)
    for refusal in results["refusals"]:
        yield _paragraph("Refused", refusal["text"])
    findings = [
        (
            VERDICTS[contrast["verdict"]].word,
            contrast["sentence"] + "".join(f" ({flag_text(flag)})" for flag in contrast["flags"]),
        )
        for contrast in results["contrasts"]
    ]
    yield from _list("", findings)
    claims = [
        (
            f"{CLAIMS[claim['verdict']].word}",
            f"\N{LEFT DOUBLE QUOTATION MARK}{claim['text']}\N{RIGHT DOUBLE QUOTATION MARK}: "
            f"{claim_sentence(claim)} ({claim_note(claim)})",
        )
        for claim in results["claims"]
    ]
    yield from _list("Claims", claims)
    for warning in results["warnings"]:
        yield _paragraph("Note", warning["text"])


def _paragraph(lead: str, text: str) -> str:
    return rf"\noindent\textbf{{{escaped(lead)}.}} {_prose(text)}"


def _prose(text: str) -> str:
    """Running text: long names may be broken, a number and its per cent may not."""
    return escaped(_breakable(re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)))


def _list(heading: str, items: Sequence[tuple[str, str]]) -> Iterator[str]:
    if not items:
        return
    lines = [rf"\item \textbf{{{escaped(lead)}}}: {_prose(text)}" for lead, text in items]
    listed = "\n".join(["\\begin{itemize}", *lines, "\\end{itemize}"])
    yield f"\\section*{{{heading}}}\n{listed}" if heading else listed


def _floats(placed: Placed) -> str:
    """The table as one float, or as several where it is too wide or too tall for a page."""
    columns, rows = _columns(placed.table), _rows(placed.table)
    parts = [_float(placed, columns[0], rows[0], is_first=True)]
    parts += [_float(placed, across, rows[0], is_first=False) for across in columns[1:]]
    for down in rows[1:]:
        parts.append("\\clearpage")
        parts += [_float(placed, across, down, is_first=False) for across in columns]
    return "\n".join(["% Needs the packages array, booktabs and graphicx.", *parts, ""])


def _columns(table: Table) -> list[list[int]]:
    """Columns that fit beside each other; each set begins with the first."""
    sets, width = [[0]], _width(table, 0)
    for column in range(1, len(table.heads)):
        if width + _width(table, column) > WIDEST and len(sets[-1]) > 1:
            sets.append([0])
            width = _width(table, 0)
        sets[-1].append(column)
        width += _width(table, column)
    return sets


def _width(table: Table, column: int) -> int:
    """Characters that a column takes, with the gap beside it."""
    widest = max((len(row[column].text) for row in table.rows), default=0)
    head = table.heads[column]
    if not head.is_number:
        return min(ROOM, max(widest, len(head.text))) + 2
    return max(widest, *map(len, _head_lines(head, widest))) + 2


def _rows(table: Table) -> list[list[int]]:
    """Rows that fit on a page."""
    pages: list[list[int]] = [[]]
    height = 0
    for number, row in enumerate(table.rows):
        lines = max(
            1 if head.is_number else math.ceil(len(cell.text) / ROOM) or 1
            for head, cell in zip(table.heads, row, strict=True)
        )
        if pages[-1] and height + lines > TALLEST:
            pages.append([])
            height = 0
        pages[-1].append(number)
        height += lines
    return pages


def _float(placed: Placed, columns: Sequence[int], rows: Sequence[int], *, is_first: bool) -> str:
    caption = escaped(placed.table.caption)
    lines = [
        "\\begin{table}[htbp]",
        "\\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}",
        *([] if is_first else ["\\addtocounter{table}{-1}"]),
        rf"\caption{{{caption}{'' if is_first else ' (continued)'}}}",
        *([rf"\label{{tab:{placed.name}}}"] if is_first else []),
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        f"{_tabular(placed, columns, rows)}}}",
        "\\end{table}",
    ]
    return "\n".join(lines)


def _tabular(placed: Placed, columns: Sequence[int], rows: Sequence[int]) -> str:
    table = placed.table
    cells = [
        [
            _cell(
                table.rows[row][column], table.heads[column], is_bold=(row, column) in placed.bold
            )
            for column in columns
        ]
        for row in rows
    ]
    widest = [
        max((len(table.rows[row][column].text) for row in rows), default=0) for column in columns
    ]
    heads = [table.heads[column] for column in columns]
    words = [_head(head, room) for head, room in zip(heads, widest, strict=True)]
    formats = [_format(head, room) for head, room in zip(heads, widest, strict=True)]
    styler = pd.DataFrame(cells, columns=words, dtype=object).style.hide(axis="index")
    return str(styler.to_latex(hrules=True, column_format="".join(formats))).strip()


def _format(head: Head, widest: int) -> str:
    if head.is_number:
        return "r"
    return "l" if widest <= ROOM else rf">{{\raggedright\arraybackslash}}p{{{ROOM / 2:g}em}}"


def _head(head: Head, widest: int) -> str:
    """A heading, over several lines where it is wider than the numbers below it."""
    if not head.is_number:
        return escaped(head.text)
    lines = _head_lines(head, widest)
    if len(lines) == 1:
        return escaped(head.text)
    stacked = r" \\ ".join(_guarded(escaped(line)) for line in lines)
    return rf"\begin{{tabular}}[b]{{@{{}}r@{{}}}}{stacked}\end{{tabular}}"


def _head_lines(head: Head, widest: int) -> list[str]:
    room = max(HEAD_ROOM, widest)
    return textwrap.wrap(head.text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _cell(cell: Cell, head: Head, *, is_bold: bool) -> str:
    text = escaped(cell.text if head.is_number else _breakable(cell.text))
    text = text if head.is_number else _guarded(text)
    return rf"\textbf{{{text}}}" if is_bold else text


def _guarded(text: str) -> str:
    r"""Where a row begins, a bracket or a star would be taken for an option of `\\`."""
    return "{}" + text if text.startswith(("[", "*")) else text


def _breakable(text: str) -> str:
    """A text whose words may be broken where they are too long for a column."""
    words = [word if len(word) <= ROOM else _broken(word) for word in text.split(" ")]
    return " ".join(words)


def _broken(word: str) -> str:
    """After its commas and slashes; within what is still too long, anywhere often enough."""
    pieces = re.findall(r"[^,;/]*[,;/]|[^,;/]+", word)
    return BREAK.join(piece if len(piece) <= ROOM else _cut(piece) for piece in pieces)


def _cut(piece: str) -> str:
    step = ROOM // 2
    return BREAK.join(piece[at : at + step] for at in range(0, len(piece), step))
