import math

import pytest

from reports.figures.units import amount, axis_label, difference_unit, spoken, unit_of


@pytest.mark.parametrize("metric", ["test/accuracy", "probe/shift/accuracy_1", "consistency_2"])
def test_fractions_are_shown_in_per_cent(metric):
    assert unit_of(metric).shown(0.5) == 50


def test_a_loss_is_shown_as_stored():
    assert unit_of("test/loss").shown(0.5) == 0.5


def test_a_missing_number_is_nan():
    assert math.isnan(unit_of("test/accuracy").shown(None))


def test_an_amount_of_one_is_singular():
    assert amount(0.01, "test/accuracy") == "1 point"
    assert amount(0.1, "test/accuracy") == "10 points"
    assert amount(1, "test/loss") == "1 test loss"


def test_labels_name_the_unit_where_there_is_one():
    assert axis_label("test/accuracy") == "test accuracy (%)"
    assert axis_label("test/loss") == "test loss"
    assert difference_unit("test/accuracy") == "points"
    assert difference_unit("test/loss") == "test loss"
    assert spoken("cost/train_seconds") == "cost train seconds"
