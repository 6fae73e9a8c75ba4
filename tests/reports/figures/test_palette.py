import itertools

import pytest

from reports.figures.palette import COLOURS, CONTROL, VERDICTS, look_of

TEXT_COLOURS = sorted(set(COLOURS) - {"paper", "grid", "band"})


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", TEXT_COLOURS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_is_readable_on_its_paper(name, theme):
    assert contrast(COLOURS[name][theme], COLOURS["paper"][theme]) >= 4.5


def test_light_colours_are_distinct_so_that_each_finds_its_variable():
    assert len({light for light, _ in COLOURS.values()}) == len(COLOURS)


def test_thirty_arms_differ_in_at_least_two_of_colour_marker_and_dashes():
    for one, other in itertools.combinations([look_of(i) for i in range(30)], 2):
        same = (one.colour == other.colour, one.marker == other.marker, one.dashes == other.dashes)
        assert sum(same) <= 1


def test_the_control_is_the_only_solid_line():
    assert look_of(CONTROL).linestyle == "-"
    assert all(look_of(i).dashes for i in range(210))


def test_verdicts_are_told_apart_without_colour():
    marks = {(mark.marker, mark.is_open) for mark in VERDICTS.values()}
    assert len(marks) == len(VERDICTS)
    assert len({mark.symbol for mark in VERDICTS.values()}) == len(VERDICTS)


def test_every_verdict_of_the_vocabulary_has_its_mark():
    assert set(VERDICTS) == {
        "better",
        "better-but-small",
        "equivalent",
        "worse-but-small",
        "worse",
        "undecided",
        None,
    }
