import pytest

from reports.figures.palette import CLAIMS
from reports.render import html, markdown
from reports.render.words import (
    FLAGS,
    claim_note,
    claim_sentence,
    data_words,
    flag_text,
    method_notes,
)


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_a_flag_is_words_and_an_explanation(flag):
    text = flag_text(flag)
    assert text.startswith(flag.replace("_", " ") + ": ")
    assert "_" not in text


def test_an_unknown_flag_is_still_shown():
    assert flag_text("some_new_flag") == "some new flag"


def test_every_flag_of_the_example_is_explained(results):
    worn = {flag for contrast in results["contrasts"] for flag in contrast["flags"]}
    assert worn
    assert worn <= set(FLAGS)


def test_every_verdict_on_a_claim_has_its_word():
    assert set(CLAIMS) == {"supported", "refuted", "undecided", None}


def test_the_method_names_endpoint_margin_and_level(results):
    notes = dict(method_notes(results))
    assert notes["Endpoint"].startswith("test accuracy, higher is better")
    assert notes["Margin"].startswith("0.5 points")
    assert "95 % confidence" in notes["Simultaneous interval"]


def test_a_study_without_a_margin_explains_none(results):
    results["endpoint"]["margin"] = None
    assert "Margin" not in dict(method_notes(results))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([{}], ""),
        ([{"n_classes": 10}], ""),
        (
            [{"name": "digits", "subset": 90}, {"name": "digits", "recipe": {"epochs": 5}}],
            "digits (90 training images, epochs 2; epochs 5)",
        ),
        ([{"name": "digits", "subset": None, "normalise": "unit"}], "digits"),
        (
            [{"name": "digits", "permutation": "fixed"}, {"name": "digits"}, {"name": "mnist"}],
            "digits (pixels permuted: fixed; as it is); mnist",
        ),
        (
            [{"name": "digits", "validation": 50, "subset": 1500, "normalise": "standard"}],
            "digits (1,500 training images, 50 of them for validation, normalise standard)",
        ),
        (
            [{"name": "digits", "image_size": [8, 9], "label_noise": 0.25}],
            "digits (8x9 pixels, label noise 0.25)",
        ),
    ],
)
def test_the_data_are_those_of_the_controls(data, words):
    usual = {"epochs": 2, "optimizer": "adam"}
    arms = [
        {
            "name": f"c{n}",
            "control": f"c{n}",
            "comparison": "shared",
            "recipe": {**usual, **one.pop("recipe", {})},
            "dataset": one,
        }
        for n, one in enumerate(data)
    ]
    other = {**arms[0], "name": "arm", "dataset": {"name": "cifar10"}}
    tuned = {**arms[0], "comparison": "tuned", "recipe": {"epochs": 7}}
    assert data_words({"arms": [*arms, other, tuned]}) == words


def test_every_document_says_on_which_data(results, costs, provenance):
    for text in (html(results, costs, provenance), markdown(results, costs)):
        assert "fashion-mnist (28x28 pixels)." in text


def test_a_minimised_endpoint_says_that_lower_is_better(results):
    results["endpoint"] |= {"metric": "test/loss", "direction": "minimize"}
    assert "test loss, lower is better" in dict(method_notes(results))["Endpoint"]


@pytest.mark.parametrize(
    ("written", "former", "note"),
    [
        ("before", None, "written before any result"),
        ("after_results", None, "written after results had been seen"),
        (
            "after_results",
            "a - b: less",
            "edited after results had been seen: it said 'a - b: less'",
        ),
    ],
)
def test_when_a_claim_was_written_is_words(written, former, note):
    assert claim_note({"written": written, "former": former}) == note


def test_every_document_says_when_a_claim_was_written(results, costs, provenance):
    for text in (html(results, costs, provenance), markdown(results, costs)):
        assert text.count("written before any result") == 4
        assert text.count("edited after results had been seen") == 1


def test_a_claims_sentence_does_not_repeat_its_badge():
    claim = {"verdict": "supported", "sentence": "supported: it is so"}
    assert claim_sentence(claim) == "it is so"
    assert claim_sentence(claim | {"verdict": None}) == "supported: it is so"


def test_an_endpoint_that_was_changed_after_results_is_not_called_named_before(results):
    assert "named before the first run" in dict(method_notes(results))["Endpoint"]
    results["refusals"] = [{"code": "endpoint_changed", "text": "the margin was 0.01"}]
    notes = dict(method_notes(results))
    for heading in ("Endpoint", "Margin"):
        assert "changed after results were shown" in notes[heading]
        assert "before the first run" not in notes[heading]


def test_deviations_from_the_plan_stand_at_the_top_of_page_and_text(small, costs, provenance):
    small["plan"]["deviations"] = ["seeds [3] were added after results were shown"]
    page, text = html(small, costs, provenance), markdown(small, costs)
    assert page.index("seeds [3] were added") < page.index('class="findings"')
    assert text.index("seeds \\[3\\] were added") < text.index("## Verdicts")
