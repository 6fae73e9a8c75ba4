"""The page in a real browser: what it shows, loads and says; in the dark, on paper, on a phone.

Needs playwright and Debian's chromium; `make test` installs both where it can.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from reports.analysis import analyse
from reports.costs import costs
from reports.plan import AnalysisPlan, ArmFacts, ClaimSpec, ContrastSpec, Endpoint
from reports.render import html

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

SCRIPT, IMAGE, LOST = "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "lost"
OWN = {"activation": "sigmoid", "pooling": "max"}
PHONE, DESK = 390, 1400
MINUS = "\N{MINUS SIGN}"
SEEDS = range(5)


@dataclass(frozen=True)
class Made:
    """An arm of a made study: levels (none: outside the design), its difference, its noise."""

    levels: dict[str, str] = field(default_factory=dict)
    difference: float = 0.0
    noise: float = 1e-4


EVERY = {
    "control": Made(OWN),
    "activation=relu": Made(OWN | {"activation": "relu"}, 0.03),
    "pooling=avg": Made(OWN | {"pooling": "avg"}, -0.003),
    "activation=relu,pooling=avg": Made({"activation": "relu", "pooling": "avg"}, 0.003),
    "same": Made(),
    "worse": Made(difference=-0.05),
    "noisy": Made(noise=0.03),
    LOST: Made(),
    IMAGE: Made(difference=0.01),
    IMAGE.replace("img", "svg") + "'\"&amp;": Made(difference=0.02),
    **{f"further {number}": Made(noise=0.01) for number in range(4)},
}
MANY = {f"{number:03}".ljust(200, "x"): Made(noise=0.01) for number in range(20)}


def run_tables(arms):
    """Runs and curves of five seeds; three runs of the arm `lost` diverge."""
    rng = np.random.default_rng(5)
    blocks = rng.normal(0.85, 0.01, len(SEEDS))
    runs, curves = [], []
    for name, made in arms.items():
        values = blocks + made.difference + rng.normal(0, made.noise, len(SEEDS))
        for seed, value in enumerate(values):
            finished = name != LOST or seed < 2
            measured = {
                "test/accuracy": value,
                **{f"probe/shift/accuracy_{px}": value - 0.05 * px for px in range(3)},
                **{f"probe/shift/consistency_{px}": 1 - 0.05 * px for px in (1, 2)},
                "cost/train_seconds": 10.0 + seed,
            }
            row = {"arm": name, "seed": seed, "state": "FINISHED" if finished else "DIVERGED"}
            runs.append(row | (measured if finished else dict.fromkeys(measured, np.nan)))
            curves += [
                {**row, "comparison": "shared", "epoch": epoch, "train/loss": 2 / epoch + value}
                for epoch in (1, 2, 3)
            ]
    return pd.DataFrame(runs), pd.DataFrame(curves).drop(columns="state")


def planned(arms, study):
    control, *others = arms
    facts = tuple(
        ArmFacts(
            name,
            variant="lenet",
            dataset={"name": "made", "n_classes": 10},
            levels=made.levels,
            changes={k: v for k, v in made.levels.items() if OWN[k] != v},
            n_parameters=60_000 + 1_000 * number,
            n_macs=400_000 + 1_000 * number,
            growth=tuple(
                {"input": [1, side, side], "n_parameters": 60_000, "n_macs": 500 * side**2}
                for side in (28, 56)
            ),
        )
        for number, (name, made) in enumerate(arms.items())
    )
    claims = (
        ClaimSpec("it helps", f"{others[0]} - {control}", "greater"),
        ClaimSpec("it hurts", f"{others[0]} - {control}", "less", written="after_results"),
    )
    return AnalysisPlan(
        control=control,
        factors={"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]},
        endpoint=Endpoint("test/accuracy", "maximize", margin=0.005),
        contrasts=tuple(ContrastSpec(f"{arm} - {control}", arm, control) for arm in others),
        claims=claims,
        seeds=tuple(SEEDS),
        study=study,
        question=f"Which parts earn their place? {study}",
        arms=facts,
        design="grid",
    )


@pytest.fixture(scope="module")
def study():
    """The results of the study with an arm of every verdict, and hostile names."""
    runs, curves = run_tables(EVERY)
    plan = planned(EVERY, SCRIPT)
    return analyse(runs, plan, curves=curves).to_dict(), costs(runs, plan)


@pytest.fixture(scope="module")
def addresses(study, tmp_path_factory):
    """That study's page, and one of 20 arms with names of 200 letters, as files."""
    folder = tmp_path_factory.mktemp("pages")
    runs, curves = run_tables(MANY)
    plan = planned(MANY, "s" * 200)
    many = analyse(runs, plan, curves=curves).to_dict(), costs(runs, plan)
    paths = {}
    for name, documents in (("every", study), ("many", many)):
        path = folder / f"{name}.html"
        path.write_text(html(*documents, {"software": {"python": "3.11"}}), encoding="utf-8")
        paths[name] = path.as_uri()
    return paths


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, addresses):
    """Opens a page; returns it, what it complained of, and what it asked for."""
    contexts = []

    def opened(name="every", width=DESK, **options):
        viewport = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=viewport, **options))
        page, complaints, requests = contexts[-1].new_page(), [], []
        page.set_default_timeout(10_000)
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(addresses[name])
        return page, complaints, requests

    yield opened
    for context in contexts:
        context.close()


def column(page, section, heading):
    """Button and texts of a column in the first table of a section, hidden rows left out."""
    table = page.locator(f"#{section} table").first
    heads = table.locator("thead th").all_inner_texts()
    (at,) = (i for i, text in enumerate(heads) if text.rstrip(" ↑↓") == heading)
    cells = table.locator(f"tbody tr > :nth-child({at + 1}):visible")
    return table.locator("thead button").nth(at), cells.all_inner_texts()


def number(text):
    """The first number of a cell; None where there is none."""
    found = re.search(r"-?[\d.]+", text.replace(MINUS, "-"))
    return float(found[0]) if found else None


def luminance(colour):
    """Relative luminance of `rgb(r, g, b)`, as WCAG 2.2 defines it."""
    assert colour.startswith("rgb("), f"{colour} is not opaque"
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def paper(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


INKS = """() => {
  const paper = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour.startsWith("rgb(") ? colour : paper(element.parentElement);
  };
  const holds = (element) => [...element.childNodes].some(
    (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const all = [...document.body.querySelectorAll("*:not(script)")];
  return all.filter((one) => holds(one) && one.checkVisibility()).map((one) => {
    const isDrawn = one instanceof SVGElement, style = getComputedStyle(one);
    return [one.textContent.trim(), isDrawn ? style.fill : style.color, paper(one), isDrawn];
  });
}"""
"""Of every element that holds text and is shown: the text, its colour, what it stands on, and
whether a figure draws it."""


def test_the_made_study_has_every_verdict_and_section(study):
    results, _ = study
    verdicts = {contrast["verdict"] for contrast in results["contrasts"]}
    assert verdicts == {
        *("better", "better-but-small", "equivalent", "worse-but-small", "worse", "undecided"),
        None,
    }
    assert results["effects"]
    assert results["curves"]
    assert results["probes"]["shift"]
    assert results["warnings"]
    assert results["refusals"]
    assert {claim["verdict"] for claim in results["claims"]} == {"supported", "refuted"}


@pytest.mark.parametrize("name", ["every", "many"])
def test_the_page_says_nothing_and_loads_nothing_but_itself(visit, addresses, name):
    page, complaints, requests = visit(name)
    for button in page.locator("th button").all()[:10]:
        button.click()
    page.locator(".filter input").first.fill("relu")
    page.mouse.wheel(0, 100_000)
    page.wait_for_load_state("networkidle")
    assert complaints == []
    assert requests == [addresses[name]]


def test_hostile_names_are_seen_as_text_and_make_no_element(visit):
    page, *_ = visit()
    assert page.locator("h1").inner_text() == SCRIPT
    assert page.title() == f"{SCRIPT}: ablation report"
    _, names = column(page, "arms", "arm")
    assert names == list(EVERY)
    assert page.locator("img, [onerror], [src]").count() == 0
    assert page.locator("script").count() == 1
    assert page.locator("svg:not([role=img])").count() == 0


@pytest.mark.parametrize(
    ("section", "heading"),
    [("verdicts", "difference (points)"), ("arms", "95\N{NO-BREAK SPACE}% CI")],
)
def test_a_column_of_numbers_sorts_up_and_down_with_empty_cells_last(visit, section, heading):
    page, *_ = visit()
    button, texts = column(page, section, heading)
    shown = [number(text) for text in texts]
    known = sorted(one for one in shown if one is not None)
    empty = [None] * shown.count(None)
    assert shown != known + empty
    assert len(set(known)) > 5
    assert bool(empty) is (section == "arms")
    for arrow, order in (("ascending", known), ("descending", known[::-1])):
        button.click()
        assert button.locator("..").get_attribute("aria-sort") == arrow
        assert [number(text) for text in column(page, section, heading)[1]] == order + empty


def test_names_sort_by_the_numbers_in_them(visit):
    page, *_ = visit()
    page.evaluate("""
      [...document.querySelectorAll("#growth table tbody th")].slice(0, 3)
        .forEach((head, i) => { head.dataset.sort = head.textContent = `n=${[12, 3, 100][i]}` })
    """)
    button, _ = column(page, "growth", "arm")
    button.click()
    names = column(page, "growth", "arm")[1]
    assert [name for name in names if name[:2] == "n="] == ["n=3", "n=12", "n=100"]


def test_a_filter_shows_the_rows_with_every_word_and_survives_a_sort(visit):
    page, *_ = visit()
    box = page.locator("#arms .filter").first
    count = box.locator("[aria-live=polite]")
    assert count.inner_text() == "14 of 14 rows"
    box.get_by_role("searchbox").fill("  AVG relu ")
    assert column(page, "arms", "arm")[1] == ["activation=relu,pooling=avg"]
    assert count.inner_text() == "1 of 14 rows"
    box.get_by_role("searchbox").fill("=")
    button, shown = column(page, "arms", "mean")
    assert len(shown) == 5
    button.click()
    sorted_ = column(page, "arms", "mean")[1]
    assert sorted_ != shown
    assert sorted_ == sorted(shown)
    box.get_by_role("searchbox").fill("no such arm")
    assert column(page, "arms", "arm")[1] == []
    assert count.inner_text() == "0 of 14 rows"
    box.get_by_role("searchbox").fill("")
    assert len(column(page, "arms", "arm")[1]) == 14


def test_a_minus_is_found_by_typing_a_hyphen(visit):
    page, *_ = visit()
    page.locator("#verdicts .filter input").fill("-5.0")
    assert column(page, "verdicts", "contrast")[1] == ["worse - control"]


def test_filter_and_headings_are_reached_and_used_by_keyboard(visit):
    page, *_ = visit()
    page.locator("#arms .filter input").first.focus()
    page.keyboard.type("relu")
    assert len(column(page, "arms", "arm")[1]) == 2
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#arms th[aria-sort=ascending]").inner_text() == "arm"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    assert len(column(page, "arms", "arm")[1]) == 14


def test_only_long_tables_have_a_filter_and_each_says_of_which_it_is(visit):
    page, *_ = visit()
    tables = page.locator("table:not(.card)")
    rows = tables.evaluate_all("all => all.map((t) => t.tBodies[0].rows.length)")
    boxes = page.locator(".filter input").all()
    assert 0 < len(boxes) == sum(n > 12 for n in rows) < len(rows)
    assert len({box.get_attribute("aria-label") for box in boxes}) == len(boxes)


def test_without_a_script_every_row_stands_there_and_no_control(visit):
    page, *_ = visit(java_script_enabled=False)
    assert page.locator("input, button").count() == 0
    assert page.locator("#arms table").first.locator("tbody tr:visible").count() == len(EVERY)


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_paper(visit, scheme, width):
    page, *_ = visit(width=width, color_scheme=scheme)
    assert (luminance(paper(page)) < 0.05) is (scheme == "dark")
    inks = page.evaluate(INKS)
    assert {drawn for *_, drawn in inks} == {True, False}
    faint = {(text, ink, on) for text, ink, on, _ in inks if contrast(ink, on) < 4.5}
    assert faint == set()


def test_paper_is_white_and_holds_every_row_and_no_control(visit):
    page, *_ = visit(color_scheme="dark")
    page.locator("#arms .filter input").first.fill("relu")
    page.emulate_media(media="print", color_scheme="dark")
    assert luminance(paper(page)) > 0.95
    assert all(luminance(ink) < 0.5 for _, ink, on, _ in page.evaluate(INKS) if on == paper(page))
    assert page.locator(".filter:visible").count() == 0
    assert page.locator("nav:visible").count() == 0
    assert len(column(page, "arms", "arm")[1]) == len(EVERY)


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["every", "many"])
def test_the_page_never_scrolls_sideways(visit, name, width):
    page, *_ = visit(name, width=width)
    wide, room = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= room == width


def test_on_a_phone_names_and_captions_stay_while_a_table_scrolls(visit):
    page, *_ = visit("many", width=PHONE)
    places = """box => {
      const table = box.querySelector("table");
      const parts = [table.tBodies[0].rows[0].cells[0], table.caption.firstElementChild];
      return parts.map((part) => [part.getBoundingClientRect().left, part.clientWidth]);
    }"""
    box = page.locator("#probes .scroll").first
    before = box.evaluate(places)
    assert box.evaluate("box => { box.scrollLeft = 150; return box.scrollLeft; }") == 150
    assert box.evaluate(places) == before
    assert all(width < PHONE for _, width in before)


def test_every_link_within_the_page_leads_somewhere(visit):
    page, *_ = visit()
    links = page.locator("a[href^='#']").evaluate_all("all => all.map((a) => a.hash.slice(1))")
    assert {"verdicts", "arms", "factors", "provenance"} <= set(links)
    assert [link for link in links if page.locator(f"[id='{link}']").count() != 1] == []
