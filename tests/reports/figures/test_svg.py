import re

import pytest
from matplotlib.figure import Figure

from reports.figures.canvas import house_style
from reports.figures.palette import INK
from reports.figures.svg import to_svg


def drawn(label="label", name="one"):
    with house_style():
        figure = Figure(figsize=(2, 1))
        ax = figure.add_subplot()
        ax.plot([0, 1], [0, 1], color=INK, marker="o")
        ax.set_title(label)
        return to_svg(figure, name, f"alt {label}")


def test_the_same_figure_gives_the_same_bytes():
    assert drawn() == drawn()


def test_two_figures_of_a_page_share_no_id():
    ids = [set(re.findall(r' id="([^"]+)"', drawn(name=name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_colours_are_variables_with_a_fallback():
    assert f"var(--ink, {INK})" in drawn()


def test_text_stays_text_in_the_pages_font():
    svg = drawn("seed 3")
    assert ">seed 3</text>" in svg
    assert "DejaVu" not in svg


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "a & b", "$x_1$", 'say "hi"'])
def test_names_are_escaped_and_never_read_as_formulas(label):
    svg = drawn(label)
    escaped = label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f">{escaped}</text>" in svg
    assert f'aria-label="alt {escaped.replace(chr(34), "&quot;")}"' in svg


def test_a_name_that_looks_like_a_colour_is_left_alone():
    assert f">{INK}</text>" in drawn(INK)


def test_no_rule_leaks_into_the_page_and_no_date_is_kept():
    svg = drawn()
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
