import csv
import io
import re
from functools import partial
from importlib.resources import files

import pytest
from PIL import Image

from reports.figures import figure_data, figure_files, pictures
from reports.figures.canvas import house_style
from reports.figures.classes import class_figure, confusion_figure
from reports.figures.cost import cost_figure
from reports.figures.curves import curves_figure
from reports.figures.sequential import sequential_figure

NAMES = ["estimation", "claims", "curves-loss", "curves-accuracy", "cost", "shift", "growth"]


def test_every_figure_is_drawn_twice_with_title_and_caption(gallery):
    assert list(gallery) == NAMES
    for name, picture in gallery.items():
        assert picture.name == name
        assert picture.wide.startswith("<svg")
        assert picture.narrow.startswith("<svg")
        assert "n = " in picture.caption


def test_the_same_documents_give_the_same_bytes(results, costs, gallery):
    assert pictures(results, costs) == gallery


@pytest.mark.parametrize("study", ["one_arm", "one_seed", "all_failed"])
def test_small_and_broken_studies_have_all_their_figures(study, costs, request):
    results = request.getfixturevalue(study)
    results["curves"] = [c for c in results["curves"] if c["metric"] == "train/loss"][:2]
    absent = ["curves-accuracy", *([] if results["claims"] else ["claims"])]
    assert list(pictures(results, costs)) == [name for name in NAMES if name not in absent]


def test_what_was_not_measured_is_not_drawn(results, costs):
    results |= {"curves": [], "probes": {}}
    assert list(pictures(results, costs)) == ["estimation", "claims", "cost"]


def test_a_study_without_arms_has_no_figures(results, costs):
    results |= {"arms": [], "contrasts": [], "curves": [], "probes": {}}
    assert pictures(results, costs) == {}


def test_each_data_set_has_its_own_figures(results, costs, gallery):
    """Arms on two data sets share no axis: neither is measured against the other's control."""
    there = on_another_data_set(results)
    both = {key: results[key] + there[key] for key in ("arms", "contrasts", "curves")}
    probes = {name: found + there["probes"][name] for name, found in results["probes"].items()}
    spent = [arm | {"arm": f"{arm['arm']} on digits"} for arm in costs["arms"]]
    both_costs = costs | {"arms": costs["arms"] + spent}
    drawn = pictures({**results, **both, "probes": probes}, both_costs)
    assert list(drawn) == [*NAMES, *(f"{name}-2" for name in NAMES if name != "claims")]
    assert [drawn[name].data for name in NAMES] == [gallery[name].data for name in NAMES]
    assert paths(drawn["cost"].wide) == paths(gallery["cost"].wide)
    assert drawn["shift"].title == f"{gallery['shift'].title}, beside control"
    assert drawn["shift-2"].title.endswith(", beside control on digits")
    assert "control on digits" in drawn["estimation-2"].wide


def test_what_only_some_studies_have_is_drawn_and_has_its_place_on_the_page(followed, costs):
    drawn = list(pictures(followed, costs))
    assert drawn == [
        *("estimation", "claims", "looks", "budget", "curves-loss", "curves-accuracy", "cost"),
        *("classes", "confusion", "images", "shift", "layers", "epochs", "growth"),
    ]
    page = (files("reports.render") / "templates/report.html").read_text(encoding="utf-8")
    placed = re.findall(r'figures_of\("(.+?)"\)', page)
    assert {name.partition("-")[0] for name in drawn} <= set(placed)
    assert len(placed) == len(set(placed))


def test_every_figure_comes_with_what_it_shows(results, gallery):
    rows = list(csv.DictReader(io.StringIO(gallery["estimation"].data)))
    means = {row["label"]: float(row["number"]) for row in rows if row["kind"] == "mean"}
    assert means == {arm["name"]: pytest.approx(100 * arm["mean"]) for arm in results["arms"]}
    assert not any(name in rows[0] for name in ("row", "look"))
    assert all(len(picture.data.splitlines()) > 1 for picture in gallery.values())


def test_arms_of_one_label_have_a_panel_each(twins, costs):
    with house_style():
        for draw, n in ((partial(curves_figure, measure="loss"), 9), (confusion_figure, 9),
                        (class_figure, 9), (sequential_figure, 9)):  # fmt: skip
            titles = [ax.get_title(loc="left") for ax in draw(twins, narrow=False).axes]
            assert (len(titles), titles.count("mlp (tuned)")) == (n, 2)
        key = cost_figure(twins, costs, narrow=False).legends[0]
    assert len(key.get_texts()) == len(costs["arms"])


def test_names_in_the_data_of_a_figure_are_no_formulas(results, costs):
    results["arms"][1]["name"] = results["contrasts"][0]["arm"] = "=1+1"
    data = pictures(results | {"curves": [], "probes": {}}, costs)["estimation"].data
    rows = list(csv.DictReader(io.StringIO(data)))
    assert "'=1+1" in {row["label"] for row in rows}
    numbers = [float(row["number"]) for row in rows if row["kind"] == "difference"]
    assert min(numbers) < 0


def test_files_are_as_wide_as_a_text_or_a_column_and_always_the_same(results, costs):
    results |= {"curves": [], "probes": {}}
    files = figure_files(results, costs, ["png", "pdf", "svg"])
    kinds = ("pdf", "png", "svg")
    names = [f"{name}{end}" for name in ("claims", "estimation", "cost") for end in ("", "-column")]
    assert sorted(files) == sorted(f"{name}.{kind}" for name in names for kind in kinds)
    for name, inches in (("cost", 7.0), ("cost-column", 3.5)):
        with Image.open(io.BytesIO(files[f"{name}.png"])) as image:
            assert image.width == round(300 * inches)
            assert image.getpixel((0, 0)) == (255, 255, 255, 255)
        assert f'width="{72 * inches:g}pt"'.encode() in files[f"{name}.svg"]
        assert files[f"{name}.pdf"].startswith(b"%PDF")
    assert figure_files(results, costs, ["pdf", "png", "svg"]) == files


def test_no_kind_of_file_asks_for_no_figure(results, costs):
    assert figure_files(results, costs, []) == {}


def test_data_of_all_figures_come_without_drawing_them(results, costs, gallery):
    expected = {f"{name}.csv": picture.data for name, picture in gallery.items()}
    assert figure_data(results, costs) == expected


def test_a_measure_cannot_lead_out_of_the_reports_folder_or_take_anothers_name(results, costs):
    curve = results["curves"][0]
    names = ("val/../../evil", "val/.. .. evil")
    curves = [curve | {"metric": name} for name in names]
    files = figure_data(results | {"curves": curves}, costs)
    found = [name for name in files if name.startswith("curves-")]
    assert found == ["curves--evil-1.csv", "curves--evil-2.csv"]


def paths(svg):
    """What is drawn, without the words read aloud."""
    return svg.partition(">")[2]


def on_another_data_set(results):
    """The same study once more, every arm under the name it has on a second data set."""

    def moved(item):
        named = {key: f"{item[key]} on digits" for key in ("name", "arm", "control") if key in item}
        return {**item, **named}

    lists = {key: [moved(one) for one in results[key]] for key in ("arms", "contrasts", "curves")}
    probes = {name: [moved(one) for one in found] for name, found in results["probes"].items()}
    return {**lists, "probes": probes}
