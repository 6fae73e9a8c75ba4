"""No number of the page, the Markdown or the LaTeX is missing in results.json and costs.json.

Each document is read as a person reads it. A number counts as the study's if it is a number of the
JSON at the precision shown, in its own unit or in one that the report uses, or if it stands in one
of the JSON's sentences, names or keys.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

from reports.render import html, markdown, probe_tables, tables
from reports.render.latex import latex_files

PROSE = {
    "95": "confidence of intervals, 1 - alpha, in headings and captions",
    "0.57": "the lower end of Wilson's interval at 5 of 5, an example in the method",
    "5": "of that 5 of 5",
    "0.001": "the smallest p that is written as a number",
}
"""Numbers of the report's own sentences, which are of no study."""

DRAWN = {"curves", "values", "runs"}
"""Keys whose numbers are drawn and never written: seed by seed, epoch by epoch, run by run."""

SCALES = {"": (1, 100), "%": (100,), "points": (100,), "s": (1,), "ms": (1000,), "MiB": (2**-20,)}
"""By the unit that follows a number; where none does, a heading may have said per cent."""

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"

# A number ends at a letter, but for the x of 12x32; `conv1` and the digits of a digest are names.
NUMBER = re.compile(
    r"(?<![^\W\d_x])(?<![\d.])(?P<sign>(?<![\w)\]])[+-])?(?P<digits>\d+(?:\.\d+)*(?:e[+-]?\d+)?)"
    r"(?!\.?\d)(?![^\W\d_x])(?:\s?(?P<unit>%|(?:m?s|MiB|points)\b))?"
)


def numbers_in(text: str) -> list[tuple[str, str]]:
    """Every number of a text with its sign, and the unit after it."""
    plain = re.sub(rf"(?<=\d){THIN}(?=\d)", "", text).replace(MINUS, "-")
    return [
        ((found["sign"] or "").replace("+", "") + found["digits"], found["unit"] or "")
        for found in NUMBER.finditer(plain)
    ]


class Known:
    """The numbers of JSON documents, and the numbers within their strings and keys."""

    def __init__(self, *documents: object) -> None:
        self.numbers: list[float] = []
        self.written: set[str] = set(PROSE)
        for document in documents:
            self._take(document)
        self._shown: dict[tuple[int, float], set[str]] = {}

    def _take(self, item: object) -> None:
        if isinstance(item, dict):
            for key, value in item.items():
                self.written |= {number for number, _ in numbers_in(key)}
                if key not in DRAWN:
                    self._take(value)
        elif isinstance(item, list):
            for value in item:
                self._take(value)
        elif isinstance(item, str):
            self.written |= {number for number, _ in numbers_in(item)}
        elif item is not None:
            self.numbers.append(float(item))

    def has(self, number: str, unit: str) -> bool:
        if number in self.written:
            return True
        if "e" in number or number.count(".") > 1:
            return "e" in number and any(f"{one:.3g}" == number for one in self.numbers)
        digits = len(number.partition(".")[2])
        # A whole number without its unit is a count.
        scales = SCALES[unit] if digits or unit else (1,)
        return any(number in self._at(digits, scale) for scale in scales)

    def _at(self, digits: int, scale: float) -> set[str]:
        if (digits, scale) not in self._shown:
            shown = {f"{scale * one:.{digits}f}" for one in self.numbers}
            self._shown[digits, scale] = shown | {
                f"{0:.{digits}f}" for one in shown if not float(one)
            }
        return self._shown[digits, scale]

    def strangers(self, text: str) -> list[str]:
        return sorted({n for n, unit in numbers_in(text) if not self.has(n, unit)})


class Words(HTMLParser):
    """The text of a page, style and script apart; its figures are read by `figure_text`."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._is_hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self._is_hidden = tag in ("style", "script")

    def handle_endtag(self, _: str) -> None:
        self._is_hidden = False

    def handle_data(self, data: str) -> None:
        if not self._is_hidden:
            self.words.append(data)


SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
TICK = re.compile(rf"[{MINUS}-]?\d+(\.\d+)?\s?[kMG%]?")


def page_text(page: str) -> str:
    figures = "\n".join(figure_text(svg) for svg in SVG.findall(page))
    return "\n".join(Words(SVG.sub("", page)).words) + "\n" + figures


def figure_text(svg: str) -> str:
    """The text of a figure and what is read aloud of it, without the numerals of its axes.

    A numeral of an axis is a number alone that shares its group with a tick mark and with no other
    text: it says where the axis is, not what the study found.
    """
    root = ET.fromstring(svg)  # noqa: S314 - our own figure
    parent = {child: element for element in root.iter() for child in element}
    words = [root.get("aria-label", "")]
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        said = "".join(text.itertext())
        group = list(parent[parent[text]].iter())
        tags = Counter(element.tag.rpartition("}")[2] for element in group)
        if not (TICK.fullmatch(said) and tags["text"] == 1 and tags["use"] == 1):
            words.append(said)
    return "\n".join(words)


def markdown_text(text: str) -> str:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = (token for token in tokens if token.type == "inline")
    return "\n".join("".join(part.content for part in token.children) for token in inline)


def latex_text(text: str) -> str:
    r"""What LaTeX sets, of the commands that the report uses."""
    text = re.sub(r"(?<!\\)%.*", "", text.partition(r"\begin{document}")[2] or text)
    text = re.sub(r"\\begin\{tabular\}(\[b\])?", r"\\tabular", text)
    text = re.sub(r"\\tabular\{(?:[^{}]|\{[^{}]*\})*\}", " ", text)
    text = text.replace(r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}", " ")
    for command in (
        "label",
        "input",
        "begin",
        "end",
        "addtocounter{table}",
        r"setlength{\tabcolsep}",
    ):
        text = re.sub(rf"\\{re.escape(command)}\{{[^}}]*\}}", " ", text)
    signs = {"$-$": MINUS, r"\,": THIN, "~": "\N{NO-BREAK SPACE}", "\\\\": "\n", "&": "\n"}
    text = re.sub(r"\\([$&#_%{}])", r"\1", text.replace(r"\&", "+"))
    for latex, sign in (*signs.items(), (r"\allowbreak{}", ""), (r"\textsuperscript{2}", "²")):
        text = text.replace(latex, sign)
    return re.sub(r"[{}]", "", re.sub(r"\\[A-Za-z]+\*?", " ", text))


def paper_text(files: dict[str, str]) -> str:
    return "\n".join(map(latex_text, files.values()))


HERE = Path(__file__).parent
TORCH = {"software": {"torch": "2.9.1"}}


class Study:
    """A study's JSON and its documents as they are read, each made once."""

    def __init__(self, results: dict, spent: dict) -> None:
        self.results, self.costs = results, spent
        # The page counts the notes of a kind, or of an arm or contrast, and what was compared.
        notes = [*results["warnings"], *results["refusals"]]
        counts = [*Counter(note["code"] for note in notes).values()]
        counts += [
            *Counter((note["kind"], note["about"], note["comparison"]) for note in notes).values()
        ]
        counts += [*Counter(one["family"] for one in results["contrasts"]).values()]
        counts += [len(results["arms"]), len({s for a in results["arms"] for s in a["values"]})]
        self.known = Known(results, spent, counts)
        self.page = html(results, spent, TORCH)
        shown, mark, provenance = self.page.partition('<section id="provenance">')
        self.provenance = page_text(mark + provenance)
        self.texts = {
            "page": page_text(shown),
            "markdown": markdown_text(markdown(results, spent)),
            "latex": paper_text(latex_files(results, spent)),
        }


@pytest.fixture(scope="module")
def example():
    names = ("../figures/example_results.json", "example_costs.json")
    return Study(*(json.loads((HERE / name).read_text(encoding="utf-8")) for name in names))


@pytest.fixture(scope="module")
def whole(everything):
    return Study(*everything)


@pytest.fixture(scope="module")
def refused(everything):
    """The same study with a plan that was left, and no verdict."""
    results, spent = everything
    nothing = dict.fromkeys(("ci_adjusted", "ci", "verdict", "minimum_detectable"))
    said = {"code": "endpoint_changed", "text": "the margin was 0.04 until 3 verdicts were shown"}
    said |= {"kind": "study", "about": "", "comparison": ""}
    changes = {
        "contrasts": [one | nothing for one in results["contrasts"]],
        "arms": [one | {"among_best": None, "ci": None} for one in results["arms"]],
        "refusals": [said],
        "plan": results["plan"] | {"deviations": [said["text"]]},
    }
    return Study(results | changes, spent)


@pytest.fixture(scope="module")
def tuned(everything):
    """The same study after a search in which an arm came to the edge, and one was cut short."""
    results, spent = everything
    rate = {"low": 0.0001, "high": 0.1, "log": True, "step": None, "values": None}
    size = {"low": None, "high": None, "log": False, "step": None, "values": [32, 64]}
    counts = {"n_completed": 20, "n_diverged": 1, "n_repeats": 2, "trial": 4}
    found = {
        "chosen": {"learning_rate": 0.0981234, "batch_size": 64},
        "value": 0.87312,
        "edges": {"learning_rate": "high"},
        "importance": {"learning_rate": 0.914, "batch_size": 0.086},
    }
    nothing = {"chosen": None, "value": None, "edges": {}, "importance": None, "n_completed": 7}
    first, second = (arm["name"] for arm in results["arms"][:2])
    tuning = {
        "metric": "validation/accuracy",
        "direction": "maximize",
        "sampler": "tpe",
        "n_trials": 20,
        "space": {"learning_rate": rate, "batch_size": size},
        "importance": {"evaluator": "fanova", "seed": 0},
        "arms": [{"arm": first, **counts, **found}, {"arm": second, **counts, **nothing}],
    }
    best = [{"arm": first, "expected_best": [0.7, 0.8, 0.87312]}]
    budget = {"metric": "validation/accuracy", "arms": best}
    return Study(results | {"tuning": tuning, "budget": budget}, spent)


@pytest.fixture(params=["example", "whole", "refused", "tuned"])
def study(request):
    return request.getfixturevalue(request.param)


DOCUMENTS = pytest.mark.parametrize("document", ["page", "markdown", "latex"])


@DOCUMENTS
def test_every_number_of_a_document_is_one_of_the_study(study, document):
    assert study.known.strangers(study.texts[document]) == []


def test_every_number_of_the_provenance_is_one_of_provenance_json(study):
    assert numbers_in(study.provenance)
    assert Known(TORCH).strangers(study.provenance) == []


@DOCUMENTS
def test_nothing_of_the_tables_escapes_the_reader(study, document):
    results, spent = study.results, study.costs
    shown = [tables.arms_table(results), tables.cost_table(results, spent)]
    shown += [tables.verdict_table(results), *probe_tables.growth_tables(results)]
    cells = [cell.text for table in shown for row in table.rows for cell in row]
    asked = Counter(number for cell in cells for number in numbers_in(cell))
    assert not asked - Counter(numbers_in(study.texts[document]))


def altered(number):
    """The same number with another last digit."""
    return re.sub(r"\d(?=\D*$)", lambda last: str((int(last[0]) + 1) % 10), number)


@DOCUMENTS
@pytest.mark.parametrize(
    "number",
    ["90.04", f"{MINUS}14.58", f"{MINUS}0.27", "1.94", f"61{THIN}706", "31.4 s", "10.6 ms"],
)
def test_a_number_that_was_altered_is_caught(example, document, number):
    text, wrong = example.texts[document], altered(number)
    assert number in text
    [(stranger, _)] = numbers_in(wrong)
    assert example.known.strangers(text.replace(number, wrong)) == [stranger]


@DOCUMENTS
def test_a_number_is_seldom_right_by_chance(whole, document):
    """Among hundreds of numbers some other may be the wrong one; three in four are caught."""
    numbers = {pair for pair in numbers_in(whole.texts[document]) if "." in pair[0]}
    caught = [not whole.known.has(altered(n), unit) for n, unit in numbers if n not in PROSE]
    assert len(caught) > 200
    assert np.mean(caught) > 0.75


@pytest.mark.parametrize(
    ("planted", "stranger"),
    [
        ("<p>after 4711 runs</p>", "4711"),
        ("<p>half of them: 33.33</p>", "33.33"),
        (f"<td>{MINUS}1.9401</td>", "-1.9401"),
        ("<p>97 % sure</p>", "97"),
        ("<p>7x4711</p>", "4711"),
    ],
)
def test_a_number_of_nowhere_is_caught_on_the_page(example, planted, stranger):
    page = example.page.replace("<section", planted + "<section", 1)
    shown, _, _ = page.partition('<section id="provenance">')
    assert example.known.strangers(page_text(shown)) == [stranger]


def test_the_sign_of_a_difference_counts(example):
    assert example.known.strangers("+1.94, 1.94") == []
    assert example.known.strangers(f"{MINUS}1.94 [-1.56]") == ["-1.56", "-1.94"]


def test_only_the_numerals_of_an_axis_are_left_out_of_a_figure(example):
    figures = SVG.findall(example.page)
    told = "\n".join(map(figure_text, figures))
    assert "+1.94 [+1.56, +2.32]" in told
    assert "n = 4, 1 failed" in told
    assert "channels=12x32" in told
    everything_drawn = Counter(
        "".join(text.itertext())
        for svg in figures
        for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314
    )
    left_out = everything_drawn - Counter(told.splitlines())
    assert left_out
    assert all(TICK.fullmatch(text) for text in left_out)
    alone = '<svg xmlns="http://www.w3.org/2000/svg"><g><g><text>4711</text></g></g></svg>'
    assert "4711" in figure_text(alone)
