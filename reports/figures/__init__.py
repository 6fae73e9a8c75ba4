"""Figures of a report: seaborn and matplotlib live here and nowhere else in the project.

`reports.render` calls `pictures`; each builder is a function `(table, ax) -> None` that draws what
the tables hold, intervals included, and computes none.
"""

from reports.figures.gallery import Picture, figure_data, figure_files, pictures

__all__ = ["Picture", "figure_data", "figure_files", "pictures"]
