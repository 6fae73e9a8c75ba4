"""Units of the metrics: how a stored number becomes the number on an axis or in a table.

Accuracies are stored as fractions and shown in per cent, their differences in percentage points;
everything else is shown as it is stored. Read by the figures and by `reports.render`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FRACTIONS = ("accuracy", "consistency")


@dataclass(frozen=True)
class Unit:
    """The one change of unit between storage and display."""

    scale: float
    of_values: str
    of_differences: str

    def shown(self, stored: float | None) -> float:
        """The number in display units; a missing one is NaN, which no figure draws."""
        return float("nan") if stored is None else self.scale * stored


POINTS = Unit(scale=100.0, of_values="%", of_differences="points")
AS_STORED = Unit(scale=1.0, of_values="", of_differences="")


def unit_of(metric: str) -> Unit:
    """The unit of a stored metric name.

    Example:
        >>> unit_of("test/accuracy").of_values, unit_of("train/loss").of_values
        ('%', '')
    """
    measure = metric.rpartition("/")[2]
    return POINTS if measure.startswith(FRACTIONS) else AS_STORED


def confidence(results: Mapping[str, Any]) -> str:
    r"""The level of a study's single intervals, 1 - alpha, as `95 %`.

    Example:
        >>> confidence({"endpoint": {"alpha": 0.05}})
        '95\xa0%'
    """
    return f"{100 * (1 - results['endpoint']['alpha']):g}\N{NO-BREAK SPACE}%"


def spoken(metric: str) -> str:
    """A metric's name as words.

    Example:
        >>> spoken("test/accuracy")
        'test accuracy'
    """
    return metric.replace("/", " ").replace("_", " ")


def axis_label(metric: str) -> str:
    """The label of an axis that shows values of `metric`.

    Example:
        >>> axis_label("test/accuracy")
        'test accuracy (%)'
    """
    unit = unit_of(metric).of_values
    return f"{spoken(metric)} ({unit})" if unit else spoken(metric)


def amount(difference: float, metric: str) -> str:
    """A difference of two values of `metric`, with its unit.

    Example:
        >>> amount(0.01, "test/accuracy"), amount(0.005, "test/accuracy")
        ('1 point', '0.5 points')
    """
    number, unit = f"{unit_of(metric).shown(difference):g}", difference_unit(metric)
    return f"{number} {unit.removesuffix('s') if (number, unit) == ('1', 'points') else unit}"


def difference_unit(metric: str) -> str:
    """The unit of a difference of two values of `metric`, in words."""
    return unit_of(metric).of_differences or spoken(metric)
