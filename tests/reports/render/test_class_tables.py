import pytest

from reports.render.class_tables import class_table, mcnemar_table


@pytest.fixture
def compared(results):
    """Two classes of one contrast, the second without intervals, and two seeds."""
    classes = [
        {"class": "bag", "estimate": 0.02, "ci": [0.01, 0.03], "ci_adjusted": [-0.001, 0.041]},
        {"class": "shirt", "estimate": -0.1, "ci": None, "ci_adjusted": None},
    ]
    mcnemar = [
        {"seed": 0, "only_arm": 86, "only_control": 1150, "p": 3.7e-5},
        {"seed": 1, "only_arm": 0, "only_control": 0, "p": 1.0},
    ]
    contrast = {"name": "mlp - control", "comparison": "tuned", "n_pairs": 5}
    one = {**contrast, "classes": classes, "mcnemar": mcnemar, "images": []}
    return results | {"per_class": {"arms": [], "contrasts": [one]}}


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_every_class_of_a_contrast_has_a_row_with_its_intervals(compared):
    assert texts(class_table(compared)) == [
        [
            "mlp - control (tuned)",
            "bag",
            "+2.00",
            "[+1.00, +3.00]",
            "[\N{MINUS SIGN}0.10, +4.10]",
            "5",
        ],
        [
            "mlp - control (tuned)",
            "shirt",
            "\N{MINUS SIGN}10.00",
            "\N{EN DASH}",
            "\N{EN DASH}",
            "5",
        ],
    ]


def test_every_seed_has_the_images_that_only_one_side_gets_right(compared):
    assert texts(mcnemar_table(compared)) == [
        ["mlp - control (tuned)", "0", "86", "1\N{NARROW NO-BREAK SPACE}150", "< 0.001"],
        ["mlp - control (tuned)", "1", "0", "0", "1.000"],
    ]


def test_without_answers_there_is_no_table(results):
    assert class_table(results) is mcnemar_table(results) is None
