"""Where arms differ: on which classes, and on which test images. Exploratory, without verdicts.

Called by `reports.analysis` with what runs predicted and what would have been right, which
`reports.collect` reads from a store. Knows nothing of stores.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.errors import TableError
from reports.images import SAME
from reports.methods import values_of
from reports.questions import Question
from reports.statistics.classes import (
    IntArray,
    class_accuracy,
    class_contrasts,
    confusion,
    most_different,
)
from reports.statistics.descriptives import describe
from reports.statistics.intervals import FloatArray
from reports.statistics.noise import mcnemar
from reports.table import Cell, Outcome, Outcomes

MOST_CLASSES = 20
"""Confusion matrices of more are left out: nobody reads 400 cells, and an arm has one each."""
MOST_IMAGES = 8
"""Images shown of a contrast."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What the test images of an arm are, and how some of them look.

    Attributes:
        labels: The class of every test image.
        class_names: One a class, in the order of the labels; every class has a test image.
        indices: Test images whose pixels are known.
        pixels: Of these, as the arm's networks see them; None where none are known.
        digest: By which a store knows that predictions are of these images; empty elsewhere.

    Raises:
        TableError: These do not fit each other.

    Shape:
        labels (n_test,); indices (n,); pixels (n, C, H, W) uint8.
    """

    labels: IntArray
    class_names: tuple[str, ...]
    indices: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    pixels: npt.NDArray[np.uint8] | None = None
    digest: str = ""

    def __post_init__(self) -> None:
        n_classes = self.n_classes
        held = np.unique(self.labels).tolist()
        if not _is_row(self.labels) or not n_classes or held != list(range(n_classes)):
            raise TableError(
                f"labels: an integer a test image was expected, 0 to {n_classes - 1} for the "
                f"{n_classes} classes and each of them, got {self.labels.dtype} of shape "
                f"{self.labels.shape} with {held[:10]}; name the classes of the test images"
            )
        form = () if self.pixels is None else (self.pixels.dtype.name, *self.pixels.shape)
        if form and (len(form) != 5 or form[:2] != ("uint8", len(self.indices))):  # noqa: PLR2004
            raise TableError(
                f"pixels: uint8 of shape ({len(self.indices)}, C, H, W) was expected, as many as "
                f"indices, got {form[0]} of shape {form[1:]}; give an image for each index"
            )
        outside = self.indices[(self.indices < 0) | (self.indices >= len(self.labels))]
        if outside.size:
            raise TableError(
                f"indices: test images 0 to {len(self.labels) - 1} were expected, got "
                f"{int(outside[0])}; number them from 0"
            )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def same_images(self, other: Labels) -> bool:
        """Whether an answer to an image of one set can be held against that of the other."""
        return self.class_names == other.class_names and np.array_equal(self.labels, other.labels)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What runs said of the test images, and what would have been right.

    Attributes:
        predicted: The class that a run gave each test image, by run key.
        labels: By arm; arms without are in no number by class.

    Shape:
        predicted (n_test,) each.
    """

    predicted: Mapping[str, IntArray] = field(default_factory=dict)
    labels: Mapping[str, Labels] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """An arm all of whose runs kept predictions that fit their accuracies.

    Attributes:
        predicted: By seed, the class of each test image.
        accuracy: By seed, that on each class.
    """

    cell: Cell
    labels: Labels
    predicted: Mapping[int, IntArray]
    accuracy: Mapping[int, FloatArray]


def answered(
    cells: Sequence[Cell], outcomes: Outcomes, predictions: Predictions
) -> dict[Cell, Answered]:
    """The arms that numbers by class can be given of.

    Args:
        cells: Arms, in the order of the report.
        outcomes: Of `test/accuracy`.
        predictions: A run's count where they average to the accuracy that it reported.
    """
    found = {}
    for cell in cells:
        labels = predictions.labels.get(cell[0])
        runs = _measured(outcomes, cell)
        if (
            labels is not None
            and runs
            and all(_fits(r, labels, predictions) for r in runs.values())
        ):
            predicted = {seed: predictions.predicted[run.run_key] for seed, run in runs.items()}
            accuracy = {
                seed: class_accuracy(labels.labels, one, n_classes=labels.n_classes)
                for seed, one in predicted.items()
            }
            found[cell] = Answered(cell, labels, predicted, accuracy)
    return found


def unanswered(
    cells: Sequence[Cell], outcomes: Outcomes, found: Mapping[Cell, Answered]
) -> list[str]:
    """The arms with runs that finished, and no numbers by class."""
    lacking = [cell[0] for cell in cells if cell not in found and _measured(outcomes, cell)]
    return list(dict.fromkeys(lacking))


def without_confusion(found: Mapping[Cell, Answered]) -> list[str]:
    """The arms with more classes than a confusion matrix is given for."""
    many = [cell[0] for cell, one in found.items() if one.labels.n_classes > MOST_CLASSES]
    return list(dict.fromkeys(many))


def per_class_section(
    found: Mapping[Cell, Answered],
    questions: Sequence[Question],
    outcomes: Outcomes,
    *,
    alpha: float,
) -> dict[str, Any] | None:
    """Arms by class, and contrasts by class and image; None where no arm has numbers by class.

    Contrasts are of accuracies, + being better for the arm whatever the endpoint is, over the same
    pairs as the endpoint's. Those without pairs, or of arms with other test images, have no entry.

    Args:
        found: From `answered`.
        questions: The planned contrasts.
        outcomes: Of `test/accuracy`.
        alpha: Error rate of one interval, and of the adjusted ones of a contrast together.
    """
    if not found:
        return None
    contrasts = []
    for question in questions:
        spec = question.spec
        sides = [(name, spec.comparison) for name in (spec.arm, spec.control)]
        arm, control = (found.get(side) for side in sides)
        pairs = values_of(question, *(outcomes.get(side, {}) for side in sides))
        if arm and control and pairs.seeds and arm.labels.same_images(control.labels):
            contrasts.append(_contrast(question, arm, control, pairs.seeds, alpha=alpha))
    return {"arms": [_arm(one, alpha=alpha) for one in found.values()], "contrasts": contrasts}


def _measured(outcomes: Outcomes, cell: Cell) -> dict[int, Outcome]:
    return {
        seed: run for seed, run in sorted(outcomes.get(cell, {}).items()) if run.value is not None
    }


def _fits(run: Outcome, labels: Labels, predictions: Predictions) -> bool:
    row = predictions.predicted.get(run.run_key)
    if row is None or run.value is None or not _is_row(row) or len(row) != len(labels.labels):
        return False
    is_class = row.min() >= 0 and row.max() < labels.n_classes
    return bool(is_class) and abs(float(np.mean(row == labels.labels)) - run.value) <= SAME


def _is_row(values: npt.NDArray[Any]) -> bool:
    return values.ndim == 1 and np.issubdtype(values.dtype, np.integer)


def _arm(one: Answered, *, alpha: float) -> dict[str, Any]:
    labels = one.labels
    n_images = np.bincount(labels.labels, minlength=labels.n_classes)
    by_class = [describe(shares, level=1 - alpha) for shares in _table(one, one.accuracy).T]
    return {
        "arm": one.cell[0],
        "comparison": one.cell[1],
        "n_seeds": len(one.predicted),
        "classes": labels.class_names,
        "n_images": n_images.tolist(),
        "confusion": _confusion(one, n_images),
        "accuracy": [{"mean": shares.mean, "ci": shares.ci} for shares in by_class],
    }


def _confusion(one: Answered, n_images: IntArray) -> list[list[float]] | None:
    """The share of the images of class i that was predicted as class j, mean over the seeds."""
    labels = one.labels
    if labels.n_classes > MOST_CLASSES:
        return None
    counts = sum(
        confusion(labels.labels, row, n_classes=labels.n_classes) for row in one.predicted.values()
    )
    shares: list[list[float]] = (counts / (len(one.predicted) * n_images[:, np.newaxis])).tolist()
    return shares


def _contrast(
    question: Question, arm: Answered, control: Answered, seeds: Sequence[int], *, alpha: float
) -> dict[str, Any]:
    by_class = class_contrasts(_table(arm, seeds), _table(control, seeds), alpha=alpha)
    names = control.labels.class_names
    return {
        "name": question.spec.name,
        "arm": question.spec.arm,
        "control": question.spec.control,
        "comparison": question.spec.comparison,
        "family": "exploratory",
        "n_pairs": len(seeds),
        "classes": [
            {"class": name, **one._asdict()} for name, one in zip(names, by_class, strict=True)
        ],
        "mcnemar": [_mcnemar(arm, control, seed) for seed in sorted(seeds)],
        "images": _images(arm, control, seeds),
    }


def _table(one: Answered, seeds: Sequence[int] | Mapping[int, Any]) -> FloatArray:
    """Accuracies, a row a seed and a column a class; in one order, so that sums have one too."""
    return np.stack([one.accuracy[seed] for seed in sorted(seeds)])


def _mcnemar(arm: Answered, control: Answered, seed: int) -> dict[str, Any]:
    right = control.labels.labels
    found = mcnemar(arm.predicted[seed] == right, control.predicted[seed] == right)
    return {
        "seed": seed,
        "only_arm": found.n_arm_only,
        "only_control": found.n_control_only,
        "p": found.p_exact,
    }


def _images(arm: Answered, control: Answered, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The images on which the shares of seeds that are right differ most, as the control saw them.

    Only of images whose pixels are known; of both directions alike, where there are so many.
    """
    known = control.labels
    if known.pixels is None:
        return []
    labels = known.labels[known.indices]
    said = [np.stack([one.predicted[s][known.indices] for s in seeds]) for one in (arm, control)]
    n_right, n_right_control = (np.sum(rows == labels, axis=0) for rows in said)
    return [
        {
            "index": int(known.indices[place]),
            "label": known.class_names[labels[place]],
            "arm_right": n_right[place] / len(seeds),
            "control_right": n_right_control[place] / len(seeds),
            "arm_predicted": known.class_names[_most_frequent(said[0][:, place])],
            "control_predicted": known.class_names[_most_frequent(said[1][:, place])],
            "pixels": _encoded(known.pixels[place]),
        }
        for place in most_different(n_right - n_right_control, n=MOST_IMAGES)
    ]


def _most_frequent(classes: IntArray) -> int:
    """Of equally frequent ones the lowest."""
    return int(np.bincount(classes).argmax())


def _encoded(image: npt.NDArray[np.uint8]) -> dict[str, Any]:
    content = base64.b64encode(np.ascontiguousarray(image).tobytes()).decode()
    return {"shape": list(image.shape), "base64": content}
