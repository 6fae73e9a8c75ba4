import pytest

from reports.figures import pictures

NAMES = ["estimation", "curves-loss", "curves-accuracy", "capacity", "shift", "growth"]


def test_every_figure_is_drawn_twice_with_title_and_caption(gallery):
    assert list(gallery) == NAMES
    for name, picture in gallery.items():
        assert picture.name == name
        assert picture.wide.startswith("<svg")
        assert picture.narrow.startswith("<svg")
        assert "n = " in picture.caption


def test_the_same_results_give_the_same_bytes(results, gallery):
    assert pictures(results) == gallery


@pytest.mark.parametrize("study", ["one_arm", "one_seed", "all_failed"])
def test_small_and_broken_studies_have_all_their_figures(study, request):
    results = request.getfixturevalue(study)
    results["curves"] = [c for c in results["curves"] if c["metric"] == "train/loss"][:2]
    assert list(pictures(results)) == [name for name in NAMES if name != "curves-accuracy"]


def test_what_was_not_measured_is_not_drawn(results):
    results |= {"curves": [], "probes": {}}
    assert list(pictures(results)) == ["estimation", "capacity"]


def test_a_study_without_arms_has_no_figures(results):
    results |= {"arms": [], "contrasts": [], "curves": [], "probes": {}}
    assert pictures(results) == {}


def test_each_data_set_has_its_own_figures(results, gallery):
    """Arms on two data sets share no axis: neither is measured against the other's control."""
    there = on_another_data_set(results)
    both = {key: results[key] + there[key] for key in ("arms", "contrasts", "curves")}
    probes = {name: found + there["probes"][name] for name, found in results["probes"].items()}
    drawn = pictures({**results, **both, "probes": probes})
    assert list(drawn) == [*NAMES, *(f"{name}-2" for name in NAMES)]
    assert [drawn[name].wide for name in NAMES] == [gallery[name].wide for name in NAMES]
    assert drawn["shift"].title == f"{gallery['shift'].title}, beside control"
    assert drawn["shift-2"].title.endswith(", beside control on digits")
    assert "control on digits" in drawn["estimation-2"].wide


def on_another_data_set(results):
    """The same study once more, every arm under the name it has on a second data set."""

    def moved(item):
        named = {key: f"{item[key]} on digits" for key in ("name", "arm", "control") if key in item}
        return {**item, **named}

    lists = {key: [moved(one) for one in results[key]] for key in ("arms", "contrasts", "curves")}
    probes = {name: [moved(one) for one in found] for name, found in results["probes"].items()}
    return {**lists, "probes": probes}
