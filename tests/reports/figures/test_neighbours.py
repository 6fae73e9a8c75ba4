import pytest

from reports.figures import captions
from reports.figures.canvas import house_style
from reports.figures.detail_tables import neighbour_table
from reports.figures.neighbours import draw_neighbours, neighbours_figure


@pytest.fixture
def flattened(results):
    """Two data sets: the last arm's pixels are permuted."""
    results["probes"]["flatten_distance"] = [
        {
            "arm": arm["name"],
            "comparison": arm["comparison"],
            "metric": f"{where}_correlation_{apart}",
            "mean": (0.1 if arm is results["arms"][-1] else 0.9) / apart,
            "ci": None,
        }
        for arm in results["arms"]
        for where in ("row", "column", "vector")
        for apart in (1, 2)
    ]
    return results


def test_arms_that_see_the_same_data_share_a_line(flattened, ax):
    table = neighbour_table(flattened)
    assert [len(arms) for arms in table.drop_duplicates("label")["arms"]] == [
        len(flattened["arms"]) - 1,
        1,
    ]
    draw_neighbours(table[table["where"] == "row"], ax)
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.9, 0.45], [0.1, 0.05]]
    assert "Sharing a line: control" in captions.neighbours(flattened)
    assert "n = 4 to 5 seeds an arm" in captions.neighbours(flattened)


@pytest.mark.parametrize("narrow", [False, True])
def test_a_panel_for_rows_columns_and_the_vector(flattened, narrow):
    with house_style():
        figure = neighbours_figure(flattened, narrow=narrow)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["along a row", "along a column", "in the vector"]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1


def test_without_the_probe_there_is_nothing_to_draw(results):
    assert neighbour_table(results).empty
