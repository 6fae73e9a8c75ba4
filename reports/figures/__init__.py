"""Figures of a report: seaborn and matplotlib live here and nowhere else in the project.

Every figure is a table and a function `(table, ax) -> None` that draws what the table holds,
intervals included, and computes none: `draw_differences(difference_table(results), ax)`. What
`reports.render` calls, `pictures` and `figure_files`, sets them on pages and into files.
"""

from reports.figures.budget import draw_budget
from reports.figures.canvas import house_style
from reports.figures.claims import claim_table, draw_claim
from reports.figures.classes import draw_class_differences, draw_confusion, draw_image
from reports.figures.cost import draw_cost
from reports.figures.curves import draw_curves
from reports.figures.detail_tables import (
    budget_table,
    class_table,
    confusion_table,
    cost_table,
    layer_table,
    neighbour_table,
    sequential_table,
)
from reports.figures.estimation import draw_differences, draw_margin, draw_means, draw_values
from reports.figures.filters import draw_picture, filters_table
from reports.figures.gallery import Picture, figure_data, figure_files, pictures
from reports.figures.interaction import draw_interaction
from reports.figures.layers import draw_layers
from reports.figures.neighbours import draw_neighbours
from reports.figures.probes import draw_growth, draw_shift
from reports.figures.sequential import draw_path
from reports.figures.tables import (
    curve_table,
    difference_table,
    growth_table,
    interaction_table,
    mean_table,
    shift_table,
    value_table,
)

__all__ = [
    "Picture",
    "budget_table",
    "claim_table",
    "class_table",
    "confusion_table",
    "cost_table",
    "curve_table",
    "difference_table",
    "draw_budget",
    "draw_claim",
    "draw_class_differences",
    "draw_confusion",
    "draw_cost",
    "draw_curves",
    "draw_differences",
    "draw_growth",
    "draw_image",
    "draw_interaction",
    "draw_layers",
    "draw_margin",
    "draw_means",
    "draw_neighbours",
    "draw_path",
    "draw_picture",
    "draw_shift",
    "draw_values",
    "figure_data",
    "figure_files",
    "filters_table",
    "growth_table",
    "house_style",
    "interaction_table",
    "layer_table",
    "mean_table",
    "neighbour_table",
    "pictures",
    "sequential_table",
    "shift_table",
    "value_table",
]
