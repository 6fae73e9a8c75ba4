import io

import pytest
from matplotlib.figure import Figure
from PIL import Image

from reports.errors import ReportError
from reports.figures.files import to_file


def test_letters_in_a_file_need_no_font_of_the_reader():
    figure = Figure(figsize=(2, 1))
    figure.text(0.5, 0.5, "accuracy")
    assert b"<text" not in to_file(figure, "svg", "made")
    assert b"/FontFile2" in to_file(figure, "pdf", "made")


def test_a_picture_has_the_size_of_its_figure_on_white():
    with Image.open(io.BytesIO(to_file(Figure(figsize=(2, 1)), "png", "made"))) as image:
        assert image.size == (600, 300)
        assert image.getpixel((0, 0)) == (255, 255, 255, 255)


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(ReportError, match=r"'gif'.*allowed: pdf, png, svg"):
        to_file(Figure(), "gif", "made")
