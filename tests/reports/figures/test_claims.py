import pytest

from reports.figures.canvas import house_style
from reports.figures.claims import claim_table, claims_figure, draw_claim
from reports.figures.palette import BLUE


def measured(relation="greater", **numbers):
    """A statement on runs: a - 2 b, five seeds."""
    condition = {"left": 1.0, "right": -2.0, "constant": 0.0, "strict": True}
    sides = {side: {"quantity": f"mean({side}, x)", "value": 1.0} for side in ("left", "right")}
    condition |= {"estimate": 0.25, "ci_adjusted": [0.125, 0.375], **numbers}
    return {
        "text": "it is so",
        "verdict": "supported",
        "figure": "claims",
        "numbers": {**sides, "relation": relation, "n_pairs": 5, "conditions": [condition]},
    }


def test_every_number_of_every_claim_is_there_in_the_units_of_its_axis(results):
    table = claim_table(results)
    assert list(table["claim"]) == [1, 2, 3, 4, 5, 5]
    first = table.iloc[0]
    numbers = results["claims"][0]["numbers"]
    assert first["estimate"] == pytest.approx(100 * numbers["estimate"])
    assert first["low"] == pytest.approx(100 * numbers["ci_adjusted"][0])
    assert first["axis"] == "activation=relu - control: test/accuracy (points)"
    assert list(table["from"].dropna()) == [0, -0.5, -0.5, 0, 0]
    assert list(table["to"].dropna()) == [0.5, 0.5, 0]


def test_what_was_counted_has_no_interval(results):
    counted = claim_table(results).query("claim == 5")
    assert list(counted["estimate"]) == [-2104, 4676]
    assert counted[["low", "high"]].isna().all(axis=None)
    assert counted["axis"].iloc[0] == (
        "\N{MINUS SIGN} n_parameters(control, conv2) + 2 \N{MULTIPLICATION SIGN} "
        "n_parameters(control, conv1)"
    )


def test_sides_that_are_claimed_equal_have_both_ends_of_the_margin_on_one_axis(results):
    claim = measured("equal", constant=0.5, estimate=0.75, ci_adjusted=[0.625, 0.875])
    claim["numbers"] |= {"margin": 0.5, "conditions": claim["numbers"]["conditions"] * 2}
    results["claims"] = [claim]
    (row,) = claim_table(results).to_dict("records")
    assert row["axis"] == "mean(left, x) \N{MINUS SIGN} 2 \N{MULTIPLICATION SIGN} mean(right, x)"
    assert (row["estimate"], row["low"], row["high"]) == (0.25, 0.125, 0.375)
    assert (row["from"], row["to"]) == (-0.5, 0.5)


def test_a_claim_without_numbers_is_not_drawn(results):
    results["claims"] = [measured(estimate=None, ci_adjusted=None)]
    assert claim_table(results).empty


def test_a_claim_that_names_no_figure_is_not_drawn(results):
    exact = measured("equal", estimate=0.0, ci_adjusted=None) | {"figure": None}
    exact["numbers"] |= {"margin": 0.0}
    results["claims"] = [exact, measured()]
    assert list(claim_table(results)["claim"]) == [2]


def test_what_an_axis_is_of_keeps_clear_of_the_next_words(results):
    long = measured()
    long["numbers"]["left"]["quantity"] = f"mean({'an-arm, ' * 24}x)"
    results["claims"] = [long, measured()]
    with house_style():
        figure = claims_figure(results, narrow=True)
        figure.draw_without_rendering()
        first, second = figure.axes
        label, title = first.xaxis.label.get_window_extent(), second._left_title.get_window_extent()
    assert label.y0 - title.y1 > label.height / 4  # half a line


def test_a_claim_lies_in_the_region_where_it_holds_or_does_not(results, ax):
    results["claims"] = [measured()]
    draw_claim(claim_table(results), ax)
    (bar,) = [
        one for one in ax.collections if len(one.get_paths()) == 1 and not one.get_offsets().any()
    ]
    ends = bar.get_paths()[0].vertices[:, 0]
    assert list(ends) == [0.125, 0.375]
    low, high = ax.get_xlim()
    assert low < 0
    assert high > 0.375
    (region,) = ax.patches
    assert (region.get_x(), region.get_x() + region.get_width()) == (0, high)
    assert any(line.get_xdata()[0] == 0 for line in ax.lines)


def test_the_words_stand_over_the_first_strip_with_the_verdict(results):
    with house_style():
        figure = claims_figure(results, narrow=False)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0].startswith("Supported: ReLU trains this LeNet")
    assert titles[4:] == ["Refuted: The two convolutions are of similar size", ""]
    assert figure.axes[0].collections[-1].get_edgecolor().tolist() == [
        [*(int(BLUE[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0]
    ]
