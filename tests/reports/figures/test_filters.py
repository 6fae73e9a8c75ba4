import numpy as np
import pytest

from reports.figures import captions
from reports.figures.canvas import house_style
from reports.figures.filters import draw_picture, filters_figure, filters_table, picture_rows
from reports.filters import picture


@pytest.fixture
def pictured(results):
    """Two arms: one with maps of two images, and one of fully connected units."""
    rng = np.random.default_rng(0)
    images = [
        {
            "index": index,
            "pixels": picture(rng.uniform(0, 255, (8, 8))),
            "maps": [picture(rng.normal(size=(6, 6))) for _ in range(4)],
        }
        for index in (3, 8)
    ]
    own = {"comparison": "shared", "seed": 0}
    filters = [picture(rng.normal(size=(3, 3))) for _ in range(4)]
    results["probes"]["filters"] = [
        {"arm": "control", "layer": "conv1", "filters": filters, "images": images, **own},
        {
            "arm": "mlp",
            "layer": "fc1",
            "filters": filters,
            "images": [one | {"maps": []} for one in images],
            **own,
        },
    ]
    return results


def test_an_arm_has_a_row_of_filters_and_one_for_each_image_with_maps(pictured):
    convolved, dense = pictured["probes"]["filters"]
    assert [what for what, _ in picture_rows(convolved)] == [
        "filters",
        "image 3, and its maps",
        "image 8, and its maps",
    ]
    assert [what for what, _ in picture_rows(dense)] == ["filters"]


def test_a_picture_shows_the_values_around_0(ax):
    draw_picture(picture(np.array([[-2.0, 0.0], [1.0, 1.0]])), ax, is_signed=True)
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), [[-2, 0], [1, 1]], atol=0.01)
    assert image.get_clim() == (-2, 2)


@pytest.mark.parametrize("narrow", [False, True])
def test_every_picture_has_a_panel_and_a_line_in_the_data(pictured, narrow):
    with house_style():
        figure = filters_figure(pictured, narrow=narrow)
    table = filters_table(pictured)
    assert len(figure.axes) == len(table) == 4 + 2 * 5 + 4
    names = [text.get_text() for text in figure.texts]
    assert {"control (conv1, seed 0)", "mlp (fc1, seed 0)"} <= set(names)


def test_the_caption_says_that_it_is_one_run(pictured):
    assert "one run alone (n = 1, seed 0)" in captions.filters(pictured)


def test_without_the_probe_there_is_nothing_to_draw(results):
    assert filters_table(results).empty
