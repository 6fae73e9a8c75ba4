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
