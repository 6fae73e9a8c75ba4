import pytest

from reports.figures import tables
from reports.figures.canvas import house_style
from reports.figures.curves import curves_figure, draw_curves, draw_reference
from reports.figures.svg import to_svg


def test_the_strong_line_is_the_median_and_the_faint_ones_the_seeds(results, ax):
    table = tables.curve_table(results, "loss")
    curve = next(c for c in results["curves"] if c["metric"] == "train/loss")
    draw_curves(table[table["arm"] == curve["arm"]], ax)
    (median,), (seeds,) = ax.lines, ax.collections
    assert list(median.get_ydata()) == curve["median"]
    drawn = [segment.tolist() for segment in seeds.get_segments()]
    assert drawn == [[*map(list, enumerate(c, start=1))] for c in curve["values"].values()]


def test_the_axes_hold_every_seed_s_line(results, ax):
    table = tables.curve_table(results, "loss")
    draw_curves(table[table["arm"] == results["curves"][0]["arm"]], ax)
    ax.autoscale_view()
    (low, high), values = ax.get_ylim(), table[table["arm"] == results["curves"][0]["arm"]]["value"]
    assert low < values.min() < values.max() < high


def test_the_reference_is_only_the_median(results, ax):
    table = tables.curve_table(results, "loss")
    draw_reference(table[table["arm"] == "control"], ax)
    assert len(ax.lines) == 1


@pytest.mark.parametrize("narrow", [False, True])
def test_every_arm_has_a_panel_and_all_share_their_axes(results, narrow):
    with house_style():
        figure = curves_figure(results, "accuracy", narrow=narrow)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [a["name"] for a in results["arms"]]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1


def test_a_diverged_run_breaks_off_without_hiding_the_others(results):
    curve = results["curves"][0]
    curve["values"]["0"] = [1.0, None]
    measure = curve["metric"].partition("/")[2]
    table = tables.curve_table(results, measure)
    own = table[(table["arm"] == curve["arm"]) & (table["seed"] == 0)]
    assert len(own) == 2
    with house_style():
        panel = curves_figure(results, measure, narrow=False).axes[0]
    broken, *others = panel.collections[0].get_segments()
    assert broken.tolist() == own.dropna()[["epoch", "value"]].to_numpy().tolist()
    assert {len(line) for line in others} == {len(curve["values"]["1"])}


def test_splits_are_told_apart_by_dashes(results):
    tests = [c | {"metric": "test/loss"} for c in results["curves"] if c["metric"] == "train/loss"]
    results["curves"] += tests
    with house_style():
        figure = curves_figure(results, "loss", narrow=False)
        svg = to_svg(figure, "curves", "")
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["train", "test"]
    assert "stroke-dasharray" in svg


def test_a_lone_split_is_solid(results):
    with house_style():
        assert "stroke-dasharray" not in to_svg(
            curves_figure(results, "loss", narrow=False), "curves", ""
        )
