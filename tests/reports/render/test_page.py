import base64
import hashlib
import html as escaping
import re
from html.parser import HTMLParser

import pytest

from reports.figures import figure_data
from reports.render import html, probe_tables, tables


class Page(HTMLParser):
    """Elements, attributes and words of a page, style and script apart."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.ids, self.words = [], [], [], []
        self._raw = False
        self.feed(text.replace("<wbr>", ""))
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        self._raw = tag in {"style", "script"}

    def handle_endtag(self, _tag):
        self._raw = False

    def handle_data(self, data):
        if not self._raw:
            self.words.append(data)


STUDY = {"kind": "study", "about": "", "comparison": ""}
"""Of a note that is about the whole study."""


def note(code, text, kind, about):
    return {"code": code, "text": text, "kind": kind, "about": about, "comparison": "shared"}


@pytest.fixture(scope="module")
def page(whole_page):
    return Page(whole_page)


def test_every_cell_of_every_table_is_on_the_page(results, costs, page):
    shown = [
        tables.verdict_table(results),
        tables.arms_table(results),
        tables.cost_table(results, costs),
        *probe_tables.probe_tables(results),
        *probe_tables.growth_tables(results),
    ]
    for table in shown:
        for row in table.rows:
            for cell in row:
                assert " ".join(cell.text.split()) in page.text


def test_question_sentences_claims_and_warnings_are_on_the_page(results, page):
    assert results["question"] in page.text
    for contrast in results["contrasts"]:
        assert contrast["sentence"] in page.text
    for claim in results["claims"]:
        assert claim["text"] in page.text
    for warning in results["warnings"]:
        assert warning["text"] in page.text


def test_a_refusal_is_shown_before_the_findings(small, costs, provenance):
    small["refusals"] = [{"code": "too_few_pairs", "text": "two pairs carry no interval"} | STUDY]
    text = Page(html(small, costs, provenance)).text
    assert text.index("Refused. two pairs carry no interval") < text.index("activation=relu raises")


def test_a_note_about_a_contrast_stands_with_it_and_one_about_an_arm_with_the_arms(
    small, costs, provenance
):
    small["warnings"] = [
        note("few_pairs", "so few", "contrast", "mlp - control"),
        note("ceiling", "so high", "arm", "mlp"),
    ]
    text = html(small, costs, provenance)
    findings = text.split('<ul class="findings">')[1].split("</ul>\n")[0]
    (item,) = [one for one in findings.split("<li>") if "1 note: few pairs" in one]
    assert "mlp raises" in item
    arms = text.split('<section id="arms">')[1].split("</section>")[0]
    assert "so high" in arms
    assert text.count("so few") == text.count("so high") == 1


def test_notes_about_an_arm_and_a_contrast_of_one_name_stay_apart(small, costs, provenance):
    (contrast,) = [one for one in small["contrasts"] if one["name"] == "mlp - control"]
    contrast["name"] = "mlp"
    small["warnings"] = [
        note("few_pairs", "so few", "contrast", "mlp"),
        note("ceiling", "so high", "arm", "mlp"),
    ]
    text = html(small, costs, provenance)
    arms = text.split('<section id="arms">')[1].split("</section>")[0]
    assert "so high" in arms
    assert "so few" not in arms
    assert text.count("so few") == text.count("so high") == 1


def test_every_figure_is_there_with_its_caption(page):
    assert page.tags.count("figure") == 7
    assert page.tags.count("svg") == 14
    assert page.text.count("n = 4 to 5 seeds an arm") == 5


def test_a_partial_report_says_so_and_gives_no_verdict(partial, costs, provenance):
    text = html(partial, costs, provenance)
    assert "Not final." in Page(text).text
    findings = text.split('<ul class="findings">')[1].split("</ul>\n")[0]
    matched = [one for one in partial["contrasts"] if one["matched"]]
    assert findings.count("no verdict") == len(partial["contrasts"]) + len(matched)
    assert "better</span>" not in findings


def test_every_figure_links_to_what_it_shows(page, results, costs):
    links = [v for tag, name, v in page.attributes if (tag, name) == ("a", "href")]
    held = [link.partition("base64,")[2] for link in links if link.startswith("data:")]
    decoded = [base64.b64decode(one).decode() for one in held]
    assert sorted(decoded) == sorted(figure_data(results, costs).values())


def test_what_size_may_explain_stands_beside_its_contrast_of_one_size(results, whole_page):
    findings = whole_page.split('<ul class="findings">')[1].split("</ul>\n")[0]
    (item,) = [one for one in findings.split("<li>") if "Between arms of one size" in one]
    assert "mlp raises" in item
    assert escaping.escape(results["contrasts"][5]["sentence"]) in item


def test_what_went_wrong_has_its_section_and_only_then(page, small, costs, provenance):
    assert "What went wrong" in page.text
    assert "the loss was not finite in epoch 2" in page.text
    assert "What went wrong" not in Page(html(small | {"failures": []}, costs, provenance)).text


def test_a_final_report_has_no_such_banner(page):
    assert "Not final." not in page.text


def test_nothing_is_loaded_from_anywhere(whole_page, page):
    assert "http" not in whole_page.replace('xmlns="http://www.w3.org/2000/svg"', "").replace(
        "http-equiv", ""
    )
    loads = [(t, v) for t, n, v in page.attributes if n in {"src", "href", "srcset"}]
    outside = [value for _, value in loads if not value.startswith(("#", "data:text/csv;"))]
    assert sorted(outside) == ["costs.json", "provenance.json", "results.json"]
    assert "url(" not in re.sub(r"url\(#\w+\)", "", whole_page)


def test_the_policy_admits_our_script_and_no_other(whole_page):
    script = whole_page.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(line for line in whole_page.splitlines() if "Content-Security-Policy" in line)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert whole_page.count("<script") == 1


def test_hostile_names_are_text_wherever_they_stand(hostile, provenance, page):
    results, costs, name = hostile
    text = html(results, costs, provenance)
    hostile_page = Page(text)
    assert "<script>alert" not in text
    for tag in ("b", "img", "script", "style", "title"):
        assert hostile_page.tags.count(tag) == page.tags.count(tag)
    assert not any(attribute.startswith("on") for _, attribute, _ in hostile_page.attributes)
    assert name in hostile_page.text
    assert "<script>alert(1)</script>" in hostile_page.text
    assert any(
        attribute == "aria-label" and name in value
        for tag, attribute, value in hostile_page.attributes
        if tag == "svg"
    )


def test_a_name_in_a_figure_is_escaped(hostile, provenance):
    results, costs, _ = hostile
    results |= {"curves": [], "probes": {}}
    results["arms"][1]["name"] = results["contrasts"][0]["arm"] = "<b>&</b>"
    figure = html(results, costs, provenance).split("<figure")[1]
    assert "&lt;b&gt;&amp;&lt;/b&gt;</text>" in figure


def test_the_same_documents_give_the_same_bytes(results, costs, provenance, whole_page):
    assert html(results, costs, provenance) == whole_page


def test_ids_are_unique_and_links_lead_somewhere(page):
    assert len(page.ids) == len(set(page.ids))
    inside = {v[1:] for t, n, v in page.attributes if t == "a" and n == "href" and v[0] == "#"}
    assert inside <= set(page.ids)


def test_a_study_without_contrasts_says_what_it_does(small, costs, provenance):
    small |= {"contrasts": [], "claims": []}
    assert "it describes its arms and compares none" in Page(html(small, costs, provenance)).text


def test_a_study_without_runs_is_still_a_page(results, costs, provenance):
    results |= {"arms": [], "contrasts": [], "claims": [], "curves": [], "probes": {}}
    costs |= {"device": [], "arms": [], "runs": []}
    assert Page(html(results, costs, provenance)).tags.count("figure") == 0


def test_provenance_is_a_table_of_paths(page):
    assert "software.torch" in page.text
    assert "2.9.1" in page.text


def test_the_title_is_escaped_text(small, costs, provenance):
    small["study"] = "<script>alert(1)</script>"
    title = html(small, costs, provenance).split("<title>")[1].split("</title>")[0]
    assert escaping.unescape(title) == "<script>alert(1)</script>: ablation report"


def test_many_notes_of_one_kind_are_shown_as_one_that_opens(small, costs, provenance):
    one, many = (
        {"code": code, "text": f"{code} text {number}", **STUDY}
        for code, number in (("failed_runs", 0), ("few_pairs", 0))
    )
    more = [many | {"text": f"few_pairs text {number}"} for number in range(3)]
    page = html(small | {"warnings": [one, *more]}, costs, provenance)
    assert '<p class="warning"><b>Note.</b> failed_runs text 0' in page
    assert "<b>3 notes</b> like this: few_pairs text 0" in page
    assert page.count("few_pairs text") == 3
    assert page.index("<figure") < page.index("failed_runs text 0")
