import numpy as np
import pytest

from reports.figures.canvas import house_style
from reports.figures.classes import (
    class_figure,
    confusion_figure,
    draw_class_differences,
    draw_confusion,
    draw_image,
    image_figure,
)
from reports.figures.detail_tables import class_table, confusion_table, pixels
from reports.figures.palette import BLUE, SLATE, VERMILLION


def test_a_class_stands_in_its_row_at_its_difference(detailed, ax):
    contrast = detailed["per_class"]["contrasts"][0]
    table = class_table(detailed)
    draw_class_differences(table[table["contrast"] == contrast["name"]], ax)
    marks = [tuple(m.get_offsets()[0]) for m in ax.collections if not hasattr(m, "get_segments")]
    expected = [(100 * one["estimate"], row) for row, one in enumerate(contrast["classes"])]
    assert np.array(marks) == pytest.approx(np.array(expected))
    bars = [m.get_segments()[0][:, 0] for m in ax.collections if hasattr(m, "get_segments")]
    for bar, one in zip(bars, contrast["classes"], strict=True):
        assert bar == pytest.approx([100 * end for end in one["ci_adjusted"]])


@pytest.mark.parametrize(
    ("bounds", "colour"), [((0.01, 0.02), BLUE), ((-0.02, -0.01), VERMILLION), ((-1, 1), SLATE)]
)
def test_only_what_is_clear_of_zero_is_coloured(detailed, ax, bounds, colour):
    for one in detailed["per_class"]["contrasts"][0]["classes"]:
        one["ci_adjusted"] = list(bounds)
    draw_class_differences(class_table(detailed).head(8), ax)
    dots = [m for m in ax.collections if not hasattr(m, "get_segments")]
    red, green, blue, _ = dots[0].get_facecolor()[0]
    assert f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}" == colour


def test_mistakes_are_shaded_by_their_share_and_right_answers_are_left_out(detailed, ax):
    arm = detailed["per_class"]["arms"][0]
    draw_confusion(confusion_table(detailed).query(f"arm == {arm['arm']!r}"), ax)
    drawn = ax.collections[0].get_array().reshape(8, 8)
    assert np.ma.getmaskarray(drawn).diagonal().all()
    wrong = ~np.eye(8, dtype=bool)
    assert drawn.data[wrong] == pytest.approx(100 * np.array(arm["confusion"])[wrong])


def test_an_image_is_drawn_as_it_is_stored(detailed, ax):
    image = detailed["per_class"]["contrasts"][0]["images"][0]
    draw_image(image, ax)
    assert (np.asarray(ax.images[0].get_array()) == pixels(image)).all()
    assert pixels(image).shape == (28, 28)
    image["pixels"]["shape"] = [3, 14, 14]
    image["pixels"]["base64"] = image["pixels"]["base64"][: 4 * 196]
    assert pixels(image).shape == (14, 14, 3)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("draw", [class_figure, confusion_figure])
def test_every_panel_is_named_and_classes_stand_at_the_edge(detailed, draw, narrow):
    with house_style():
        figure = draw(detailed, narrow=narrow)
    assert len(figure.axes) == 7
    titles = [ax.get_title(loc="left").replace("\n", "") for ax in figure.axes]
    assert {"activation=relu", "mlp"} <= set(titles)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "T-shirt/top"
    assert figure.axes[1].get_yticklabels()[0].get_text() == ""


def test_panels_of_confusions_share_their_scale_of_colour(detailed):
    with house_style():
        figure = confusion_figure(detailed, narrow=False)
    assert len({ax.collections[0].get_clim() for ax in figure.axes}) == 1


def test_an_arm_without_a_confusion_matrix_has_no_panel(detailed):
    detailed["per_class"]["arms"][0]["confusion"] = None
    assert "control" not in set(confusion_table(detailed)["arm"])


@pytest.mark.parametrize("narrow", [False, True])
def test_each_image_says_what_it_is_and_what_both_sides_said(detailed, narrow):
    with house_style():
        figure = image_figure(detailed, narrow=narrow)
    assert len(figure.axes) == 7 * 8
    assert [text.get_text() for text in figure.axes[0].texts] == [
        "shirt", "true", "shirt", "arm", "T-shirt/top", "control",
    ]  # fmt: skip
    assert figure.texts[0].get_text() == "activation=relu"
